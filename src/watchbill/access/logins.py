"""SSH on hosts by shift: what certificates a host takes, written beforehand, each good for one window by its own dates.

The rules:

1. Whoever is on call by a rota with `ssh`, in a kind to which it gives something, may sign in to its hosts as every
   user of theirs who is there, by a certificate of a public key of theirs, for the shift and its grace, within the
   horizon.
2. A certificate is good for one window of one key: sshd begins and ends it by the host's clock, as its own dates say.
   Its principals name user, window and key, and a host takes those alone that its file names: a certificate of another
   host's rota, of a window that was swapped away, or of a key that is theirs no more opens nothing.
3. Who is frozen is not in the file at all.
4. A window that reaches over the horizon is cut there, and not written before the day before it begins: it grows
   until then, and mostly a certificate is signed once for all of it.
5. The same windows are the same text. No windows are no file.

Sources: sshd_config(5), AuthorizedPrincipalsCommand; ssh-keygen(1), "CERTIFICATES".
"""

import base64
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watchbill.access.compile import horizon_of
from watchbill.access.entitlements import is_frozen, watches
from watchbill.access.model import Freeze
from watchbill.access.sudo import USER
from watchbill.intervals import Interval, merge
from watchbill.team.model import Rota, Team
from watchbill.team.ssh_keys import fingerprint_of


FILE = "/etc/ssh/watchbill-oncall"
WRITE = "WriteLogins"
TAKES = f"/bin/grep -F :%u@ {FILE}"
"""By what sshd asks for the principals that it takes. A line has one `:` and one `@`, and a user neither: what is found
is of that user and of no other."""
SSHD = (
    ("trustedusercakeys", "TrustedUserCAKeys /etc/ssh/watchbill-ca.pub"),
    ("authorizedprincipalscommand", f"AuthorizedPrincipalsCommand {TAKES}"),
    ("authorizedprincipalscommanduser", "AuthorizedPrincipalsCommandUser nobody"),
    ("revokedkeys", "RevokedKeys /etc/ssh/watchbill-revoked"),
)
"""What sshd is to have, by the name that `sshd -T` gives it."""

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_INSTANT = "%Y%m%d%H%M%SZ"
_LOGIN = re.compile(
    r":(?P<user>[a-z_][a-z0-9_.-]{0,31})@(?P<start>[0-9]{14}Z)-(?P<end>[0-9]{14}Z)/(?P<key>[0-9a-f]{64})"
)
_HEAD = (
    "# Certificates by which whoever is on call may sign in, by watchbill. Each ends by its own dates, in UTC.\n"
    "# What is changed here by hand is undone; the team file says what stands here.\n"
)
_DIGEST = "# rules "


@dataclass(frozen=True, slots=True, order=True)
class Login:
    """A user of a host whom a certificate of a key opens, and when."""

    user: str
    interval: Interval
    """Whole seconds."""
    key: str
    """The fingerprint."""

    @property
    def principal(self) -> str:
        """Give the name that the certificate has and the host takes; of a user who is none it is a ValueError."""
        if USER.fullmatch(self.user) is None:
            raise ValueError(f"{self.user!r} is no user of a host")
        digest = base64.b64decode(f"{self.key.removeprefix('SHA256:')}=", validate=True).hex()
        start, end = (each.astimezone(UTC).strftime(_INSTANT) for each in (self.interval.start, self.interval.end))
        return f":{self.user}@{start}-{end}/{digest}"


def logins_on(team: Team, host: str, users: Collection[str], freezes: Collection[Freeze], at: datetime) -> list[Login]:
    """Give the log-ins that a host is to let in, for those of its users who are there."""
    spans: dict[tuple[str, str], list[Interval]] = {}
    for rota in (rota for rota in team.rotas.values() if rota.ssh and host in rota.hosts):
        for person, span in _windows(rota, at):
            if is_frozen(person, freezes, at):
                continue
            who = team.people[person]
            for user in {user for user in who.host_users if user in users and USER.fullmatch(user)}:
                for key in filter(None, map(fingerprint_of, who.public_keys)):
                    spans.setdefault((user, key), []).append(span)
    merged = ((user, key, span) for (user, key), found in spans.items() for span in merge(found))
    return sorted(Login(user, whole, key) for user, key, span in merged if (whole := _whole(span)) is not None)


def _windows(rota: Rota, at: datetime) -> Iterator[tuple[str, Interval]]:
    horizon = horizon_of(rota, at)
    # Not cut where today begins: a certificate is of the whole window, every day of it the same one.
    month = horizon.start.replace(day=1)
    within = Interval((month - _DAY).replace(day=1), horizon.end)
    # A second more: what ends with the horizon is told from what reaches over it.
    for watch in watches(rota, Interval(within.start, within.end + _SECOND)):
        cut = watch.interval.intersection(within)
        if cut is None or cut.end <= horizon.start:
            continue
        if watch.interval.end <= horizon.end or cut.start < horizon.start + 3 * _DAY:
            yield watch.person, cut


def _whole(span: Interval) -> Interval | None:
    start = span.start.replace(microsecond=0)
    start += _SECOND if start < span.start else timedelta()
    end = span.end.replace(microsecond=0)
    return Interval(start, end) if start < end else None


def write(logins: Iterable[Login]) -> str:
    """Write the file of a host. A user who is none is a ValueError; no log-ins are an empty text."""
    lines = "".join(f"{login.principal}\n" for login in sorted(logins))
    return f"{_HEAD}{_DIGEST}{hashlib.sha256(lines.encode()).hexdigest()}\n{lines}" if lines else ""


def read(text: str) -> tuple[list[Login], bool]:
    """Read the log-ins of a file, and whether it is as watchbill wrote it; a line that is none of ours is none."""
    logins = [login for line in text.splitlines() if (login := login_of(line)) is not None]
    return logins, write(logins) == text


def login_of(principal: str) -> Login | None:
    """Read a principal of ours; None where it is another's."""
    found = _LOGIN.fullmatch(principal)
    if found is None:
        return None
    try:
        start, end = (datetime.strptime(found[name], _INSTANT).replace(tzinfo=UTC) for name in ("start", "end"))
        span = Interval(start, end)
    except ValueError:
        return None
    key = base64.b64encode(bytes.fromhex(found["key"])).decode().rstrip("=")
    return Login(found["user"], span, f"SHA256:{key}")


def is_text_of_ours(text: str) -> bool:
    """Tell whether a text is one that `write` gives, whole."""
    return not text or read(text)[1]
