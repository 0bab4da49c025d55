"""Make what the team file names under `notify`, with the secrets of the environment."""

from collections.abc import Callable, Mapping
from datetime import datetime

from watchbill.errors import RefusedError, WatchbillError
from watchbill.notify.hook import HookSender
from watchbill.notify.mail import HOST, MailSender, SmtpSettings
from watchbill.respond.interfaces import Sender
from watchbill.team.model import Notify, Team


def connect(
    team: Team, smtp: SmtpSettings | None, secrets: Mapping[str, str], now: Callable[[], datetime]
) -> dict[str, Sender]:
    """Make a sender for each entry, by `notify:` and its name; RefusedError where one lacks what it needs.

    `secrets` has the variables that entries name (`settings.read_variables`). `now` is the machine's time: what is
    signed with another is refused.
    """
    return {f"notify:{each.name}": _sender(team, each, smtp, secrets, now) for each in team.notify}


def secrets_of(team: Team) -> tuple[str, ...]:
    """Name the variables that entries need."""
    return tuple(each.secret for each in team.notify if each.secret is not None)


def _sender(
    team: Team,
    entry: Notify,
    smtp: SmtpSettings | None,
    secrets: Mapping[str, str],
    now: Callable[[], datetime],
) -> Sender:
    if entry.kind == "mail":
        if smtp is None:
            raise RefusedError(f"`{entry.name}` is by mail, and nothing says by what server", f"set {HOST}")
        return MailSender(smtp, {name: team.people[name].email for name in team.leads}, now, entry.to)
    assert entry.secret is not None
    secret = secrets.get(entry.secret)
    if secret is None:
        raise RefusedError(f"`{entry.name}` needs {entry.secret}, which is not set", f"set it, or {entry.secret}_FILE")
    if entry.kind == "webhook":
        return HookSender(entry.name, secret, now)
    try:
        # Imported here, since only who uses them needs what `watchbill[notify]` installs.
        if entry.kind == "pagerduty":
            from watchbill.notify.pager import PagerSender  # noqa: PLC0415 - see above

            return PagerSender(entry.name, secret)
        from watchbill.notify.fanout import FanoutSender  # noqa: PLC0415 - see above
    except ImportError as error:
        message = f"what `{entry.name}` is spoken to with is not installed: {error.name or error} is missing"
        raise WatchbillError(message, "run `pip install 'watchbill[notify]'`") from error
    return FanoutSender(entry.name, secret)
