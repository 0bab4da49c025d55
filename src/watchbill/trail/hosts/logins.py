"""Who it was on a host: log-ins tied to what AWS recorded, to keys and to users, and what was done tied to log-ins.

A log-in, surest first:

1. EC2 Instance Connect: the fingerprint of the accepted key is that of a key which `SendSSHPublicKey` pushed to that
   user at most 60 seconds before, which is as long as it stays there. Whoever pushed it, AWS knows.
2. A session of Systems Manager that carries SSH: it comes from the host itself, within a minute of the one
   `StartSession` of the document `AWS-StartSSHSession` for that instance.
3. The fingerprint is that of a key which the team file says is a person's.
4. The user of the host is one which the team file says is theirs alone.

What is done after, surest first: the same process of sshd; the same `auid` and `ses` of the audit system, which stay
through sudo and su; the one session that this user has open on this host, by whatever log-in, sudo or su it began;
for `ssm-user` the one session of Systems Manager. Where several people have a session open it was nobody in particular:
never guessed. A failed log-in says who was meant, not who it was, and is weak. What scheduled jobs do nobody does.

Hosts are tied to instances by the team file's `hosts`. Where a host is in it, a key pushed to another instance is not
taken; where it is not, the key alone ties, since its other half is somebody's alone, and Systems Manager ties nothing.
"""

import base64
import binascii
import hashlib
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Final

from watchbill.team.model import Team
from watchbill.trail.hosts.model import HostAction
from watchbill.trail.model import Actor, Attributed, Confidence, Event, Method, Outcome


PUSHED_FOR: Final = timedelta(seconds=60)
"""How long a pushed key stays (EC2 Instance Connect API Reference, SendSSHPublicKey)."""

_AHEAD: Final = timedelta(seconds=1)
"""How much later than the log-in the push may seem: both times are cut to seconds."""

_SSH_DOCUMENT: Final = "AWS-StartSSHSession"
_SURE_FOR: Final = timedelta(hours=1)
"""How long a session of Systems Manager whose end is not recorded is surely taken to last."""

_LONGEST: Final = timedelta(hours=24)
"""How long it may last at all, by the greatest limit that Session Manager can be set to."""

_SSM_USER: Final = "ssm-user"
_NO_SHELL: Final = (_SSH_DOCUMENT, "AWS-StartPortForwardingSession")
"""How the documents begin whose sessions are no shell of `ssm-user`."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
_MACHINES: Final = frozenset({"cron", "crond", "atd", "anacron"})
_FAILED_LOGINS: Final = frozenset(
    {
        HostAction.LOGIN_FAILED,
        HostAction.INVALID_USER,
        HostAction.LOGIN_REFUSED,
        HostAction.TOO_MANY_FAILURES,
        HostAction.AUTHENTICATION_FAILED,
        HostAction.ACCOUNT_LOCKED,
    }
)


def fingerprint(public_key: str) -> str | None:
    """Give the fingerprint of a public key in OpenSSH's form, as sshd writes it; None where it is no such key."""
    words = public_key.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error, ValueError):
        return None
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def attribute_hosts(events: Sequence[Event], team: Team | None, aws: Sequence[Attributed]) -> tuple[Attributed, ...]:
    """Name the actor of every event of hosts, in the order given; `aws` are attributed events of CloudTrail."""
    known = _Known(team, aws)
    hosts: dict[str, _Host] = {}
    actors: dict[int, Actor] = {}
    order = sorted(range(len(events)), key=lambda number: (events[number].at, events[number].place))
    for number in order:
        event = events[number]
        name = event.host or ""
        host = hosts.get(name)
        if host is None:
            host = hosts[name] = _Host(name, known)
        actors[number] = host.follow(event)
    return tuple(Attributed(event, actors[number]) for number, event in enumerate(events))


@dataclass(frozen=True, slots=True)
class _Push:
    """A key that EC2 Instance Connect put on an instance for a user."""

    at: datetime
    instance: str
    user: str
    by: Attributed


@dataclass(frozen=True, slots=True)
class _Session:
    """A session of Systems Manager."""

    id: str
    start: datetime
    end: datetime | None
    """When it was terminated; None where that is not recorded."""
    document: str
    by: Attributed


class _Known:
    """What the team file and AWS say."""

    def __init__(self, team: Team | None, aws: Iterable[Attributed]) -> None:
        self.users: dict[str, set[str]] = {}
        self.keys: dict[str, set[str]] = {}
        self.instances: Mapping[str, str] = {} if team is None else team.hosts
        self._pushes: dict[str, list[_Push]] = {}
        self._sessions: dict[str, list[_Session]] = {}
        for person in () if team is None else team.people.values():
            for user in person.host_users:
                self.users.setdefault(user, set()).add(person.name)
            for key in person.ssh_keys:
                self.keys.setdefault(key, set()).add(person.name)
        allowed = sorted(
            (each for each in aws if each.event.outcome is Outcome.ALLOWED), key=lambda each: each.event.at
        )
        ends = {_asked(each.event, "sessionId"): each.event.at for each in allowed if _is(each, "TerminateSession")}
        for each in allowed:
            if each.event.source == "ec2-instance-connect.amazonaws.com" and each.event.name == "SendSSHPublicKey":
                print_of = fingerprint(_asked(each.event, "sSHPublicKey"))
                if print_of is not None:
                    instance, user = _asked(each.event, "instanceId"), _asked(each.event, "instanceOSUser")
                    self._pushes.setdefault(print_of, []).append(_Push(each.event.at, instance, user, each))
            elif _is(each, "StartSession"):
                answer = each.event.record.get("responseElements")
                session = answer.get("sessionId") if isinstance(answer, dict) else None
                name = session if isinstance(session, str) else ""
                found = _Session(name, each.event.at, ends.get(name), _asked(each.event, "documentName"), each)
                self._sessions.setdefault(_asked(each.event, "target"), []).append(found)

    def pushed(self, print_of: str, host: str, user: str, at: datetime) -> _Push | None:
        """Find the last push of the key that a log-in accepted."""
        instance = self.instances.get(host)
        pushes = self._pushes.get(print_of, [])
        since = bisect_left(pushes, at - PUSHED_FOR, key=lambda push: push.at)
        until = bisect_right(pushes, at + _AHEAD, key=lambda push: push.at)
        for push in reversed(pushes[since:until]):
            if user == push.user and instance in (None, push.instance):
                return push
        return None

    def sessions(self, host: str) -> Sequence[_Session]:
        """Give the sessions of Systems Manager on a host, by when they began."""
        return self._sessions.get(self.instances.get(host, ""), ())

    def begun(self, host: str, at: datetime) -> list[_Session]:
        """Give the sessions of Systems Manager that have just begun on a host and are not over."""
        found = self.sessions(host)
        since = bisect_left(found, at - PUSHED_FOR, key=lambda each: each.start)
        until = bisect_right(found, at + _AHEAD, key=lambda each: each.start)
        return [each for each in found[since:until] if each.end is None or at <= each.end]


def _is(each: Attributed, name: str) -> bool:
    return each.event.source == "ssm.amazonaws.com" and each.event.name == name


def _asked(event: Event, name: str) -> str:
    """Give a parameter of a request; empty where it has none."""
    parameters = event.record.get("requestParameters")
    value = parameters.get(name) if isinstance(parameters, dict) else None
    return value if isinstance(value, str) else ""


class _Open:
    """Sessions that are open at once, and of whom they are: as quick for thousands as for one."""

    def __init__(self) -> None:
        self._actors: dict[str, Actor] = {}
        self.people: Counter[str | None] = Counter()
        """How many are whose."""

    def __len__(self) -> int:
        return len(self._actors)

    def open(self, name: str, actor: Actor) -> None:
        """Open a session, or give it to somebody else."""
        before = self._actors.get(name)
        if before is not None:
            self._leave(before)
        self._actors[name] = actor
        self.people[actor.person] += 1

    def close(self, name: str) -> None:
        """Close a session, if it is open."""
        before = self._actors.pop(name, None)
        if before is not None:
            self._leave(before)

    def last(self) -> Actor:
        """Give whose the session is that was opened last."""
        return next(reversed(self._actors.values()))

    def _leave(self, actor: Actor) -> None:
        self.people[actor.person] -= 1
        if not self.people[actor.person]:
            del self.people[actor.person]


class _Shells:
    """The sessions of Systems Manager that are open on a host as `ssm-user`, as time goes on."""

    def __init__(self, sessions: Iterable[_Session]) -> None:
        """Take sessions by when they began."""
        self._coming = [each for each in sessions if not each.document.startswith(_NO_SHELL)]
        self._begun = 0
        self._ends: list[tuple[datetime, int]] = []
        """When each that is open ends at last, the soonest first, as a heap."""
        self._open: dict[int, _Session] = {}
        self.people: Counter[str | None] = Counter()
        """How many are whose."""

    def __len__(self) -> int:
        return len(self._open)

    def move(self, at: datetime) -> None:
        """Go on to a time, which is never before the last one."""
        while self._begun < len(self._coming) and self._coming[self._begun].start <= at + _AHEAD:
            each = self._coming[self._begun]
            latest = each.start + _LONGEST
            heappush(self._ends, (latest if each.end is None else min(each.end, latest), self._begun))
            self._open[self._begun] = each
            self.people[each.by.actor.person] += 1
            self._begun += 1
        while self._ends and self._ends[0][0] < at:
            _, number = heappop(self._ends)
            person = self._open.pop(number).by.actor.person
            self.people[person] -= 1
            if not self.people[person]:
                del self.people[person]

    def last(self) -> _Session:
        """Give the session that began last."""
        return next(reversed(self._open.values()))


_NONE_OPEN: Final = _Open()
_NO_SHELLS: Final = _Shells(())


class _Host:
    """What is open on one host, as its events come in order of time."""

    def __init__(self, name: str, known: _Known) -> None:
        self._name = name
        self._known = known
        self._processes: dict[str, Actor] = {}
        """Who logged in, by the process of sshd."""
        self._connections: dict[tuple[str, str], str] = {}
        """The process of sshd that a log-in belongs to, by address and port, of which others of sshd speak too."""
        self._seats: dict[str, Actor] = {}
        """Who logged in, by the session of logind."""
        self._audited: dict[tuple[str, str], Actor] = {}
        """Who logged in, by `auid` and `ses`."""
        self._open: dict[str, _Open] = {}
        """By user of the host, who has it open: by the process of sshd or su, or as many sessions of sudo."""
        self._sudo: dict[str, dict[str, int]] = {}
        """By whom sudo made somebody, who did and how often it is open."""
        self._shells = _Shells(known.sessions(name))

    def follow(self, event: Event) -> Actor:
        """Name the actor of an event, and note what it opens or closes."""
        if event.name == HostAction.HOST_STARTED:
            self._processes.clear()
            self._connections.clear()
            self._seats.clear()
            self._audited.clear()
            self._open.clear()
            self._sudo.clear()
        if event.source == "auditd":
            return self._audit(event)
        if event.name == HostAction.LOGIN_ACCEPTED and event.source == "sshd":
            return self._login(event)
        if event.name == HostAction.DISPUTED:
            return _nobody(event, f"{event.error_message}: what it says is not believed")
        if event.name in _FAILED_LOGINS:
            return self._failed(event)
        if event.source == "pam" and event.record.get("service") in _MACHINES:
            return _nobody(event, f"a scheduled job of {_target(event)}", Method.SERVICE)
        actor = self._of_sshd(event) if _is_of_sshd(event) else self._actor(event)
        self._note(event, actor)
        return actor

    # --- log-ins ------------------------------------------------------------------------------------

    def _login(self, event: Event) -> Actor:
        """Name who logged in, and open their session."""
        actor = self._who_logged_in(event)
        process, user = _process(event), event.identity.user_name or ""
        self._processes[process] = actor
        self._connections[event.ip or "", str(event.record.get("port"))] = process
        self._switch(user, process, actor)
        return actor

    def _who_logged_in(self, event: Event) -> Actor:
        key, user = event.record.get("fingerprint"), event.identity.user_name or ""
        if isinstance(key, str):
            push = self._known.pushed(key, self._name, user, event.at)
            if push is not None:
                return _tied(event, push.by, f"the key {key} that event {push.by.event.id} pushed to {push.instance}")
        if event.ip in _LOOPBACK and (carried := self._carried(event)) is not None:
            return carried
        if isinstance(key, str) and (owners := self._known.keys.get(key)) is not None:
            if len(owners) > 1:
                return _nobody(event, f"the key {key} is declared of several: {_listed(owners)}")
            (owner,) = owners
            return _known(event, owner, Method.SSH_KEY, Confidence.STRONG, f"the key {key} is theirs")
        sure = Confidence.STRONG
        said = f"the user {user} of hosts is theirs alone"
        if isinstance(key, str):
            sure, said = Confidence.WEAK, f"{said}; the key {key} is nobody's that the team file names"
        elif event.record.get("authentication") == "password":
            said = f"{said}, and its password was given"
        return self._by_user(event, user, sure, said)

    def _carried(self, event: Event) -> Actor | None:
        """Name who came by the one session of Systems Manager that carries SSH and has just begun."""
        near = [each for each in self._known.begun(self._name, event.at) if each.document == _SSH_DOCUMENT]
        if len({each.by.actor.person for each in near}) != 1:
            return None
        last = near[-1]
        return _tied(event, last.by, f"session {last.id} of Systems Manager carried it", Confidence.STRONG)

    def _by_user(self, event: Event, user: str, sure: Confidence, why: str) -> Actor:
        owners = self._known.users.get(user, set())
        if len(owners) == 1:
            (owner,) = owners
            return _known(event, owner, Method.HOST_USER, sure, why)
        if owners:
            return _nobody(event, f"the user {user} is declared of several: {_listed(owners)}")
        return _nobody(event, f"the user {user} of {self._name or 'a host'} is in no team file")

    def _failed(self, event: Event) -> Actor:
        """Name who was meant, where somebody tried."""
        user = event.identity.user_name or _target(event)
        tried = f"somebody tried the user {user}, which is theirs: a failed log-in does not say who it was"
        return self._by_user(event, user, Confidence.WEAK, tried)

    # --- what is done after -------------------------------------------------------------------------

    def _of_sshd(self, event: Event) -> Actor:
        """Name the actor of what sshd says outside of log-ins: by its process, or by the connection it speaks of.

        What it says of a connection that has not logged in is about a stranger, whoever else has that user open.
        """
        if "preauth" in event.record or event.record.get("state") is not None:
            return _nobody(event, "a connection that had not logged in")
        process = _process(event)
        if process not in self._processes:
            process = self._connections.get((event.ip or "", str(event.record.get("port"))), "")
        login = self._processes.get(process)
        if login is None:
            return _nobody(event, "no log-in that is known belongs to it")
        child = event.record.get("child_pid")
        if isinstance(child, str):
            self._processes[child] = login
        return replace(login, principal=_principal(event), why=f"the same log-in: {login.why}")

    def _actor(self, event: Event) -> Actor:
        """Name the actor of what neither sshd nor auditd says: by the session that its user has open."""
        seat = event.record.get("session")
        if event.source == "systemd-logind" and isinstance(seat, str) and seat in self._seats:
            return self._seats.pop(seat)
        user = event.identity.user_name or ""
        if not user:
            return _nobody(event, "it does not say who did it")
        actor = self._of_user(event, user)
        if event.source == "systemd-logind" and isinstance(seat, str):
            self._seats[seat] = actor
        return actor

    def _of_user(self, event: Event, user: str) -> Actor:
        """Name whoever has the one session of a user that is open."""
        sessions = self._open.get(user, _NONE_OPEN)
        shells = self._shells if user == _SSM_USER else _NO_SHELLS
        shells.move(event.at)
        if not sessions and not shells:
            said = f"the user {user} of hosts is theirs alone; no log-in of it is open in these logs"
            return self._by_user(event, user, Confidence.STRONG, said)
        people = sessions.people.keys() | shells.people.keys()
        if len(people) > 1:
            names = _listed({person or "nobody known" for person in people})
            return _nobody(event, f"{len(sessions) + len(shells)} sessions of {user} are open: {names}")
        last = self._of_ssm(event, shells.last()) if shells else sessions.last()
        if last.person is None:
            return _nobody(event, f"by the open session of {user}: {last.why}", last.method)
        return replace(last, principal=_principal(event), why=f"the one who has {user} open: {last.why}")

    def _of_ssm(self, event: Event, session: _Session) -> Actor:
        sure = Confidence.STRONG if session.end or event.at - session.start <= _SURE_FOR else Confidence.WEAK
        said = f"session {session.id} of Systems Manager, begun by event {session.by.event.id}"
        return _tied(event, session.by, said, sure)

    def _note(self, event: Event, actor: Actor) -> None:
        """Open and close sessions: of sshd, of su, and of sudo, whose lines seldom have a process."""
        service, target = event.record.get("service"), _target(event)
        opened = event.name == HostAction.SESSION_OPENED
        if event.source != "pam" or not (opened or event.name == HostAction.SESSION_CLOSED):
            return
        process = _process(event)
        if service == "sshd" and not opened:
            self._processes.pop(process, None)
            self._switch(target, process, None)
        elif service in ("su", "su-l", "runuser"):
            self._switch(target, f"su {process}", actor if opened else None)
        elif service in ("sudo", "sudo-i"):
            self._count_sudo(event, target, actor, opened=opened)

    def _count_sudo(self, event: Event, target: str, actor: Actor, *, opened: bool) -> None:
        """Follow sudo's sessions. Its closing line names only whose session it was, so that one of them ends.

        Where the lines have the process of sudo, they belong together by it.
        """
        process = event.record.get("pid")
        if isinstance(process, str):
            self._switch(target, f"sudo {process}", actor if opened else None)
            return
        by = self._sudo.setdefault(target, {})
        if opened:
            user = event.identity.user_name or ""
            by[user] = by.get(user, 0) + 1
            self._switch(target, f"sudo by {user}", actor)
            return
        # Of several who have it open it is not said whose ended: they all stay open, and what comes next is nobody's.
        if len(by) == 1:
            ((user, count),) = by.items()
            by[user] = count - 1
            if count == 1:
                del by[user]
                self._switch(target, f"sudo by {user}", None)

    def _switch(self, user: str, name: str, actor: Actor | None) -> None:
        if actor is not None:
            self._open.setdefault(user, _Open()).open(name, actor)
        elif user in self._open:
            self._open[user].close(name)

    # --- the audit system ---------------------------------------------------------------------------

    def _audit(self, event: Event) -> Actor:
        """Name the actor of an event of auditd: by who logged in, which stays through sudo and su."""
        auid, ses = event.record.get("auid"), event.record.get("ses")
        if event.name in _FAILED_LOGINS:
            return self._failed(event)
        if auid is None:
            if _SSM_USER in (event.identity.user_name, _name_of_uid(event)):
                return self._of_user(event, _SSM_USER)
            if _is_sshd(event):
                return _nobody(event, "a connection that had not logged in")
            return _nobody(event, "nobody logged in for it: the system itself, or a service", Method.SERVICE)
        key = (str(auid), str(ses))
        of_login = _is_sshd(event) or event.name == HostAction.LOGIN_ID_SET
        login = self._processes.get(_process(event)) if of_login else None
        if login is not None:
            self._audited[key] = login
        found = self._audited.get(key)
        if found is not None:
            return replace(found, principal=_principal(event), why=f"auid {auid}, ses {ses}: {found.why}")
        user = event.identity.user_name
        if user is None:
            return _nobody(event, f"auid {auid}, ses {ses}, whose log-in is not in these logs, and no name for it")
        return self._of_user(event, user)


def _is_of_sshd(event: Event) -> bool:
    return event.source == "sshd" or event.record.get("service") == "sshd"


def _name_of_uid(event: Event) -> str | None:
    """Give the name that auditd found for the user whom a process runs as."""
    records = event.record.get("records")
    first = records[0] if isinstance(records, list) and records else {}
    name = first.get("UID")
    return name if isinstance(name, str) else None


def _is_sshd(event: Event) -> bool:
    exe = event.record.get("exe")
    return isinstance(exe, str) and exe.rsplit("/", 1)[-1].startswith("sshd")


def _process(event: Event) -> str:
    """Give the process id that a line has; none is a process of its own."""
    process = event.record.get("pid")
    return process if isinstance(process, str) else f"line {event.place.index}"


def _target(event: Event) -> str:
    """Give the user whose session, password or log-in it is about."""
    target = event.record.get("target") or event.record.get("user") or event.record.get("acct")
    return target if isinstance(target, str) else ""


def _principal(event: Event) -> str:
    user = event.identity.user_name or (f"auid {event.identity.principal_id}" if event.identity.principal_id else "")
    return f"{user or 'unknown'}@{event.host}" if event.host else user or "unknown"


def _known(event: Event, person: str, method: Method, confidence: Confidence, why: str) -> Actor:
    return Actor(person, _principal(event), method, confidence, why)


def _nobody(event: Event, why: str, method: Method = Method.NONE) -> Actor:
    return Actor(None, _principal(event), method, Confidence.NONE, why)


def _tied(event: Event, by: Attributed, why: str, most: Confidence = Confidence.CERTAIN) -> Actor:
    """Name whoever AWS says it was, no surer than AWS's own event is."""
    if by.actor.person is None:
        return _nobody(event, f"{why}: {by.actor.why}")
    order = [Confidence.CERTAIN, Confidence.STRONG, Confidence.WEAK, Confidence.NONE]
    sure = max(most, by.actor.confidence, key=order.index)
    return _known(event, by.actor.person, Method.HOST_LOGIN, sure, f"{why}: {by.actor.why}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
