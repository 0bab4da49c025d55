"""The words for what a host recorded.

An event of a host is an `Event` of the trail: `source` is the program that said it (`sshd`, `sudo`, `su`, `pam`,
`systemd-logind`, `auditd`, ...), `name` is a `HostAction`, `type` and the record's `eventCategory` are `Host`. Its
record holds every field that was read, and as `raw` its lines as they were, parted by line feeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from watchbill.errors import Problem
from watchbill.trail.model import Outcome
from watchbill.trail.read import FileReading


CATEGORY = "Host"
"""`type` of every event of a host, and `eventCategory` of its record."""

IDENTITY = "HostUser"
"""`identity.type` of every event of a host: its `user_name` is a user of that host, no IAM user."""


class HostAction(StrEnum):
    """What happened. One line has one name; what two programs say of one log-in are two events with two names."""

    # Log-ins
    LOGIN_ACCEPTED = "LoginAccepted"
    """sshd let somebody in; or auditd's USER_LOGIN."""
    LOGIN_FAILED = "LoginFailed"
    """One failed try of sshd, of an invalid user too; or auditd's USER_LOGIN."""
    INVALID_USER = "InvalidUser"
    """sshd was asked for a user that the host does not have. A failed try follows as an event of its own."""
    LOGIN_REFUSED = "LoginRefused"
    """sshd's configuration does not let this user in."""
    TOO_MANY_FAILURES = "TooManyFailures"
    """sshd hung up after too many failed tries, each of which is an event of its own."""
    AUTHENTICATED = "Authenticated"
    """PAM or sshd told auditd that a secret was right."""
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    """PAM says that a secret was wrong. sshd says so too, as `LoginFailed`."""
    ACCOUNT_LOCKED = "AccountLocked"
    ACCOUNT_CHECKED = "AccountChecked"
    """PAM told auditd whether the account may be used."""
    CREDENTIALS_SET = "CredentialsSet"
    LOGIN_ID_SET = "LoginIdSet"
    """The kernel was told who logged in: from here on `auid` stays, through sudo and su."""
    # Sessions
    SESSION_OPENED = "SessionOpened"
    SESSION_CLOSED = "SessionClosed"
    CHANNEL_OPENED = "ChannelOpened"
    """sshd started a shell, a command or a subsystem inside a log-in."""
    CHANNEL_CLOSED = "ChannelClosed"
    # What was done
    COMMAND_RUN = "CommandRun"
    """sudo ran a command."""
    COMMAND_CONTINUED = "CommandContinued"
    """The rest of a command that was too long for one line."""
    COMMAND_REFUSED = "CommandRefused"
    """sudo ran nothing: a wrong password, or it is not allowed."""
    USER_SWITCHED = "UserSwitched"
    USER_SWITCH_FAILED = "UserSwitchFailed"
    PROGRAM_RUN = "ProgramRun"
    """auditd saw a program being executed."""
    SYSTEM_CALL = "SystemCall"
    """auditd saw another system call that its rules watch."""
    KEYS_TYPED = "KeysTyped"
    ACCESS_REFUSED = "AccessRefused"
    """SELinux or AppArmor refused something, or seccomp ended a program."""
    # Users of the host
    USER_ADDED = "UserAdded"
    USER_CHANGED = "UserChanged"
    USER_DELETED = "UserDeleted"
    GROUP_ADDED = "GroupAdded"
    GROUP_CHANGED = "GroupChanged"
    GROUP_DELETED = "GroupDeleted"
    GROUP_MEMBER_ADDED = "GroupMemberAdded"
    GROUP_MEMBER_REMOVED = "GroupMemberRemoved"
    PASSWORD_CHANGED = "PasswordChanged"  # noqa: S105 - the name of an event
    # The host
    CONNECTION_OPENED = "ConnectionOpened"
    CONNECTION_CLOSED = "ConnectionClosed"
    CONNECTION_FAILED = "ConnectionFailed"
    """Somebody reached sshd's port and did not speak SSH, or none that it speaks."""
    SERVICE_STARTED = "ServiceStarted"
    SERVICE_STOPPED = "ServiceStopped"
    HOST_STARTED = "HostStarted"
    AUDIT_CHANGED = "AuditChanged"
    """auditd's rules or its configuration changed, or it started or stopped."""
    DISPUTED = "Disputed"
    """A line that calls itself one of sshd, sudo or su, and that journald says another program wrote."""
    OTHER = "Other"
    """A line of an audited program that none of these names; it is kept whole."""


class Form(StrEnum):
    """How a host's log is written."""

    SYSLOG = "syslog"
    JOURNALD = "journald"
    AUDITD = "auditd"
    LAUREL = "laurel"


class Said(NamedTuple):
    """What one message says. A tuple, since one is made for every line."""

    source: str
    action: HostAction
    user: str | None
    """Whose doing it is, as far as the message says: who logged in, or who called sudo."""
    fields: Mapping[str, Any]
    """What it says besides. It may be that of an equal message too, so that a record is a copy of it."""
    ip: str | None = None
    outcome: Outcome = Outcome.ALLOWED
    error: str | None = None
    """Why it failed or was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReading(FileReading):
    """What came out of one file of a host.

    `lines == lines of events + sum of not_audited + unreadable`. A line that says "message repeated 5 times" is five
    events, and the records of one auditd event are one, so that lines are no count of events. `records` are events and
    unreadable lines.
    """

    form: Form | None
    """None where it is no log of a host, and where it is empty."""
    lines: int
    """Lines with something in them."""
    not_audited: Mapping[str, int]
    """Lines of programs that say nothing of log-ins or commands, by program: read, and no events."""
    assumed: tuple[Problem, ...]
    """What the file does not say and the reading took for granted: the year, the zone, the host."""

    @property
    def unreadable(self) -> int:
        """How many lines could not be read, each named in `problems`."""
        return self.records - len(self.events)
