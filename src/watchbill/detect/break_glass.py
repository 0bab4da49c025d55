"""Uses and changes of break-glass users: each is heard of, whoever it was, from wherever, whether it worked or not.

Nothing here asks what is usual, and nobody has to be known. An event is a break-glass user's when, in this order:

1. The IAM user itself acted, or a federated session that was made for it.
2. A role session acted whose key was handed out to it, followed from role to role.
3. The trail does not hold who took the role, and the source identity is the user's name, in an account of the team.
   That one is told as such.

It is a change of one when a call of IAM, not a reading one, names it. The name of a user counts only in the accounts
that the team file gives with it; IAM does not tell names apart by case.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from watchbill.detect.model import Finding, Severity, Signal
from watchbill.detect.networks import network_of
from watchbill.detect.windows import bursts
from watchbill.team.model import BreakGlass, Team
from watchbill.trail.attribute import handed_out
from watchbill.trail.model import Attributed, Event, Outcome


EPISODE = timedelta(minutes=30)
"""A use ends when more than this passes without an event of it."""

USED, TRIED, CHANGED = "break-glass used", "break-glass tried", "break-glass changed"
"""The fact `action` of a finding: somebody was in, somebody failed to sign in, or others changed the user."""

_CHAIN_LIMIT = 20
"""Hops a chain may have; a longer one is a circle."""

_SIGN_IN = "signin.amazonaws.com"

_LOOKS = ("Get", "List", "Generate", "Simulate")
"""How calls of IAM that change nothing begin, for records that do not say `readOnly`."""

_REFUSED = re.compile(r"on resource: (?:user |arn:[^ ]+:user/)([^ ]+)")
"""Whom a refused call was about: AWS leaves the parameters of one out of its record."""

_ACCOUNT = 4
"""Which part of an ARN is the account."""

_User = tuple[str, str]
"""Account and name, folded."""

_ANOTHER: _User = ("", "")
"""Somebody known to be no IAM user."""


@dataclass(frozen=True, slots=True)
class Use:
    """What an event has to do with a break-glass user."""

    user: str
    """`emergency of account 111111111111`: the same in every event, whatever AWS left out of it."""
    name: str
    own: bool
    """Whether the user acted; else others acted on it."""
    claimed: bool = False
    """Whether only the source identity says that it was the user."""


class BreakGlassUsers:
    """Tells the events of a trail that are by or of the break-glass users of a team."""

    def __init__(self, events: Sequence[Attributed], team: Team | None) -> None:
        """Read what the team file declares, and who was handed which key."""
        self._team = team
        self._declared: dict[_User, BreakGlass] = {}
        for each in team.break_glass if team else ():
            for account in each.accounts:
                if team is not None and account in team.accounts:
                    self._declared[team.accounts[account].number, each.iam_user.lower()] = each
        self._opened = handed_out(each.event for each in events) if self._declared else {}

    def uses(self, event: Event) -> tuple[Use, ...]:
        """Give the break-glass users that acted, or were acted on; one that changed itself acted."""
        if not self._declared:
            return ()
        acting = self._acting(event)
        found = [] if acting is None else [acting]
        for name in _changed(event):
            declared = self._declared.get((event.account, name.lower()))
            if declared is not None and all(use.user != _label(declared, event.account) for use in found):
                found.append(Use(_label(declared, event.account), declared.iam_user, own=False))
        return tuple(found)

    def keys(self) -> frozenset[str]:
        """Give the keys that were handed out to the users, from role to role."""
        return frozenset(key for key, opened in self._opened.items() if self._origin(opened, 1) in self._declared)

    def declared(self, user: str) -> BreakGlass | None:
        """Find what declares a user, given as `Use.user`."""
        told = ((number, each) for (number, _), each in self._declared.items())
        return next((e for number, e in told if user.startswith(_label(e, "")) and number in user), None)

    def _acting(self, event: Event) -> Use | None:
        who = self._origin(event, 0)
        if who is not None:
            declared = self._declared.get(who)
            return None if declared is None else Use(_label(declared, who[0]), declared.iam_user, own=True)
        identity = event.identity
        home = identity.account or event.account
        named = (identity.source_identity or "").lower()
        numbers = sorted(number for number, name in self._declared if name == named)
        if not numbers or self._team is None or self._team.account_of(home) is None:
            return None
        declared = self._declared[numbers[0], named]
        account = home if home in numbers else " or ".join(numbers)
        return Use(_label(declared, account), declared.iam_user, own=True, claimed=True)

    def _origin(self, event: Event, hops: int) -> _User | None:
        """Give the IAM user behind an event, `_ANOTHER` for what is none; None where the trail does not tell."""
        identity = event.identity
        match identity.type:
            case "IAMUser":
                return (identity.account or event.account, (identity.user_name or "").lower())
            case "FederatedUser" if ":user/" in (identity.issuer_arn or ""):
                parts = (identity.issuer_arn or "").split(":")
                return (parts[_ACCOUNT], parts[-1].rsplit("/", 1)[-1].lower())
            case "AssumedRole":
                opened = self._opened.get(identity.access_key or "")
                if opened is None or hops >= _CHAIN_LIMIT:
                    return None
                return self._origin(opened, hops + 1)
            case None | "AWSAccount":
                return None
            case _:
                return _ANOTHER


def break_glass_findings(events: Sequence[Attributed], team: Team | None) -> Iterator[Finding]:
    """Give a finding for each use, or change, of each break-glass user; as severe as findings can be."""
    users = BreakGlassUsers(events, team)
    found: dict[str, list[tuple[Attributed, Use]]] = {}
    for each in events:
        for use in users.uses(each.event):
            found.setdefault(use.user, []).append((each, use))
    for _, seen in sorted(found.items()):
        by_id = {each.event.id: use for each, use in seen}
        for burst in bursts([each for each, _ in seen], EPISODE):
            yield _finding(burst, by_id, team)


def _finding(burst: Sequence[Attributed], uses: Mapping[str, Use], team: Team | None) -> Finding:
    own = [each.event for each in burst if uses[each.event.id].own]
    others = [each for each in burst if not uses[each.event.id].own]
    claimed = any(uses[event.id].claimed for event in own)
    first, last, use = burst[0].event, burst[-1].event, uses[burst[0].event.id]
    user = f"the break-glass user {use.name}"
    titles = [f"{user} {_done(own, team)}{', by the source identity alone' if claimed else ''}"] if own else []
    for who in dict.fromkeys(_who(each) for each in others):
        changes = [each.event for each in others if _who(each) == who]
        what = "it" if titles else f"{user} in {_places(changes, team)}"
        titles.append(f"{who} {_changes(changes)} on {what} {_whence(changes)}")
    return Finding(
        Signal.BREAK_GLASS,
        "; ".join(titles),
        Severity.CRITICAL,
        None,
        network_of(first.ip),
        tuple(each.event.id for each in burst),
        first.at,
        last.at,
        {"action": _action(own)},
        use.user,
    )


def _action(own: Sequence[Event]) -> str:
    if not own:
        return CHANGED
    return TRIED if all(_is_sign_in(event) and event.outcome is not Outcome.ALLOWED for event in own) else USED


def _done(own: Sequence[Event], team: Team | None) -> str:
    """Say what the user itself did: failures first, then sign-ins, then calls."""
    sign_ins = [event for event in own if event.name == "ConsoleLogin"]
    failed = [event for event in sign_ins if event.outcome is not Outcome.ALLOWED]
    entered = [event for event in sign_ins if event.outcome is Outcome.ALLOWED]
    calls = [event for event in own if not _is_sign_in(event)]
    said = []
    if failed:
        said.append(f"failed to sign in{_times(failed)} {_whence(failed)}")
    if entered:
        bare = " without MFA" if any(event.identity.mfa is False for event in entered) else ""
        said.append(f"signed in{_times(entered)}{bare} {_whence(entered)}")
    if calls:
        refused = sum(event.outcome is Outcome.DENIED for event in calls)
        which = f", {refused} of them refused," if refused else ""
        where = "" if {e.ip for e in calls} <= {e.ip for e in sign_ins} else f" {_whence(calls)}"
        count = f"{len(calls)} call{'' if len(calls) == 1 else 's'}"
        said.append(f"made {count}{which} in {_places(calls, team)}{where}")
    if not said:
        said.append(f"began to sign in {_whence(own)}")
    return " and ".join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else said[0]


def _changes(events: Sequence[Event]) -> str:
    did = list(dict.fromkeys(event.name for event in events if event.outcome is Outcome.ALLOWED))
    tried = list(dict.fromkeys(event.name for event in events if event.outcome is not Outcome.ALLOWED))
    said = [f"did {', '.join(did)}"] if did else []
    return " and ".join([*said, f"tried {', '.join(tried)}"] if tried else said)


def _whence(events: Sequence[Event]) -> str:
    ips = list(dict.fromkeys(event.ip for event in events if event.ip))
    more = f" and {len(ips) - 1} more" if len(ips) > 1 else ""
    return f"{f'from {ips[0]}{more} ' if ips else ''}at {events[0].at:%a %H:%M} UTC"


def _places(events: Sequence[Event], team: Team | None) -> str:
    found = dict.fromkeys(event.account for event in events)
    known = [(number, team.account_of(number) if team else None) for number in found]
    return ", ".join(account.name if account else f"account {number}" for number, account in known)


def _times(events: Sequence[Event]) -> str:
    return f" {len(events)} times" if len(events) > 1 else ""


def _who(each: Attributed) -> str:
    return each.actor.person or each.actor.principal


def _label(declared: BreakGlass, account: str) -> str:
    return f"{declared.iam_user} of account {account}"


def _is_sign_in(event: Event) -> bool:
    return event.source == _SIGN_IN


def _changed(event: Event) -> tuple[str, ...]:
    """Name the IAM users that a call changes, or that it was refused to: two where it gives one another name."""
    looks = event.name.startswith(_LOOKS) if event.read_only is None else event.read_only
    if event.source != "iam.amazonaws.com" or looks:
        return ()
    given = event.record.get("requestParameters")
    if isinstance(given, dict):
        return tuple(name for key in ("userName", "newUserName") if isinstance(name := given.get(key), str))
    refused = _REFUSED.search(event.error_message or "")
    return (refused[1].rsplit("/", 1)[-1],) if refused else ()
