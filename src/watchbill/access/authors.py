"""Who did it? The change in the trail that made a drift: the last one on that very thing, if it fits and is another's.

A drift is how AWS is now, so what made it is the latest change, that AWS allowed, of what it is about: the attachment,
the inline policy, the membership, the document, the trust, the boundary, or the object itself. Where the latest did the
opposite, or was watchbill's own, what made it is not in the trail, and nobody is named. An object that was made anew
begins with nothing: what was done before to another of its name is not what is seen.

IAM does not tell names apart by case. CloudTrail's times are whole seconds: of changes in one second the one that fits
is taken to be the last. Parameters are those of the IAM API, written as CloudTrail does, with a small first letter.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from watchbill.access.model import PATH, DriftKind
from watchbill.inert import inert
from watchbill.team.model import Team
from watchbill.trail.model import Event, Outcome


_Key = tuple[str, ...]
"""What a change is about: what of it, its account, and the names, folded."""

_MORE, _LESS = True, False

_WANTED: Mapping[DriftKind, bool | None] = {
    DriftKind.ATTACHED: _MORE,
    DriftKind.DETACHED: _LESS,
    DriftKind.INLINE: _MORE,
    DriftKind.JOINED: _MORE,
    DriftKind.LEFT: _LESS,
    DriftKind.DOCUMENT: _MORE,
    DriftKind.TRUST: _MORE,
    DriftKind.BOUNDARY: None,
    DriftKind.MISSING: _LESS,
    DriftKind.UNKNOWN_USER: _MORE,
}
"""Which way a change must go to make a drift of a kind; a boundary may be one more, one less or another."""

_KINDS = ("User", "Group", "Role")
"""Kinds of principals, as they are called in the names of calls."""


def _changes() -> Iterator[tuple[str, tuple[str, tuple[str, ...], bool]]]:
    """Give the calls that change something, each with what, the parameters that name it, and which way."""
    for kind in _KINDS:
        who = f"{kind.lower()}Name"
        for what, parameter, more, less in (
            ("attached", "policyArn", "Attach", "Detach"),
            ("inline", "policyName", "Put", "Delete"),
        ):
            yield f"{more}{kind}Policy", (f"{what} {kind}", (who, parameter), _MORE)
            yield f"{less}{kind}Policy", (f"{what} {kind}", (who, parameter), _LESS)
        yield f"Create{kind}", (f"object {kind}", (who,), _MORE)
        yield f"Delete{kind}", (f"object {kind}", (who,), _LESS)
        yield f"Create{kind}", (f"boundary {kind}", (who,), _MORE)
        yield f"Put{kind}PermissionsBoundary", (f"boundary {kind}", (who,), _MORE)
        yield f"Delete{kind}PermissionsBoundary", (f"boundary {kind}", (who,), _LESS)
    yield "AddUserToGroup", ("member", ("userName", "groupName"), _MORE)
    yield "RemoveUserFromGroup", ("member", ("userName", "groupName"), _LESS)
    yield "CreateRole", ("trust", ("roleName",), _MORE)
    yield "UpdateAssumeRolePolicy", ("trust", ("roleName",), _MORE)
    for call in ("CreatePolicy", "CreatePolicyVersion", "SetDefaultPolicyVersion"):
        yield call, ("document", ("policyArn",), _MORE)
    yield "CreatePolicy", ("object Policy", ("policyArn",), _MORE)
    yield "DeletePolicy", ("object Policy", ("policyArn",), _LESS)


_CHANGES: dict[str, list[tuple[str, tuple[str, ...], bool]]] = {}
for _call, _change in _changes():
    _CHANGES.setdefault(_call, []).append(_change)

_WORDS = {
    "AddUserToGroup": "added the user to it",
    "AttachGroupPolicy": "attached it",
    "AttachRolePolicy": "attached it",
    "AttachUserPolicy": "attached it",
    "CreateGroup": "made the group anew",
    "CreatePolicy": "made the policy anew",
    "CreatePolicyVersion": "wrote a new version of it",
    "CreateRole": "made the role anew",
    "CreateUser": "made the user",
    "DeleteGroup": "deleted it",
    "DeleteGroupPolicy": "deleted it",
    "DeletePolicy": "deleted it",
    "DeleteRole": "deleted it",
    "DeleteRolePermissionsBoundary": "took the boundary off",
    "DeleteRolePolicy": "deleted it",
    "DeleteUser": "deleted it",
    "DeleteUserPermissionsBoundary": "took the boundary off",
    "DeleteUserPolicy": "deleted it",
    "DetachGroupPolicy": "detached it",
    "DetachRolePolicy": "detached it",
    "DetachUserPolicy": "detached it",
    "PutGroupPolicy": "wrote it",
    "PutRolePermissionsBoundary": "set the boundary",
    "PutRolePolicy": "wrote it",
    "PutUserPermissionsBoundary": "set the boundary",
    "PutUserPolicy": "wrote it",
    "RemoveUserFromGroup": "took the user out of it",
    "SetDefaultPolicyVersion": "put another version of it in force",
    "UpdateAssumeRolePolicy": "changed who may take it",
    "UpdateGroup": "gave it another name or path",
    "UpdateUser": "gave it another name or path",
}
"""What a call did to what a drift is about."""


@dataclass(frozen=True, slots=True)
class _Done:
    """A change of one thing."""

    event: Event
    more: bool
    """Whether it made the thing, or another of it; else it took the thing away."""
    ours: bool


class Changes:
    """The changes of IAM in a trail, found by what they are about. Read once; asking takes no longer for a long trail.

    Of each thing the changes of its last second are kept.
    """

    def __init__(self, events: Iterable[Event], team: Team | None = None) -> None:
        """Read a trail, in any order; `team` tells what watchbill did itself."""
        self._last: dict[_Key, list[_Done]] = {}
        for event in events:
            if event.source != "iam.amazonaws.com" or event.name not in _WORDS or event.outcome is not Outcome.ALLOWED:
                continue
            for key, more in _subjects(event):
                kept = self._last.setdefault(key, [])
                if kept and kept[-1].event.at < event.at:
                    kept.clear()
                if not kept or kept[-1].event.at == event.at:
                    kept.append(_Done(event, more, _is_ours(event, team)))

    def author_of(self, kind: DriftKind, account: str, principal: str, other: str | None) -> Event | None:
        """Give the change that made a drift, None where the trail does not hold it or watchbill made it itself.

        `account` is the number; `principal` the ARN of the user, group, role or policy; `other` the ARN or name of the
        policy, or the name of the group, that the drift is about.
        """
        what, name = _named(principal)
        wanted = _WANTED[kind]
        last = self._last.get(_key_of(kind, account, principal, other or ""), [])
        made = self._last.get((f"object {what}", account, name), [])
        if made and (not last or last[-1].event.at < made[-1].event.at):
            # What was done before to an object of that name went with it; made anew, it lacks whatever is missing.
            last, wanted = ([], None) if wanted is _MORE else ([done for done in made if done.more], None)
        fitting = [done for done in last if not done.ours and wanted in (None, done.more)]
        return fitting[-1].event if fitting else None


def words_of_author(event: Event, person: str | None = None) -> str:
    """Say who made a drift, how, from where and when; `person` is whom the event is attributed to, where it is."""
    who = _who(event)
    told = who if person in (None, who) else f"{person}, as {who},"
    place = f" from {inert(event.ip)}" if event.ip else ""
    when = f"{event.at:%a} {event.at.day} {event.at:%b %Y} at {event.at:%H:%M} UTC"
    return f"{inert(told)} {_WORDS.get(event.name, f'did {event.name}')}{place} on {when} (event {inert(event.id)})"


def _key_of(kind: DriftKind, account: str, principal: str, other: str) -> _Key:
    (what, name), folded = _named(principal), other.lower()
    match kind:
        case DriftKind.JOINED | DriftKind.LEFT:
            return ("member", account, name, folded)
        case DriftKind.DOCUMENT if what == "Policy" or ":policy/" in other:
            return ("document", account, name if what == "Policy" else folded)
        case DriftKind.TRUST:
            return ("trust", account, name)
        case DriftKind.BOUNDARY:
            return (f"boundary {what}", account, name)
        case DriftKind.MISSING:
            return (f"object {what}", account, name)
        case DriftKind.UNKNOWN_USER:
            return (f"placed {what}", account, name)
        case _:
            return (f"{'attached' if ':policy/' in other else 'inline'} {what}", account, name, folded)


def _subjects(event: Event) -> Iterator[tuple[_Key, bool]]:
    """Give what a call changed, and which way; what a record does not name is left out."""
    given = event.record.get("requestParameters")
    if not isinstance(given, dict):
        return
    if event.name == "CreatePolicy":
        answer = event.record.get("responseElements")
        made = answer.get("policy") if isinstance(answer, dict) else None
        given = {"policyArn": made.get("arn")} if isinstance(made, dict) else {}
    if event.name == "CreatePolicyVersion" and str(given.get("setAsDefault")).lower() != "true":
        return
    changes = [
        ((what, *(_folded(given, each) for each in names)), more) for what, names, more in _CHANGES.get(event.name, ())
    ]
    for (what, *names), more in [*changes, *_placed(event.name, given)]:
        if all(names):
            yield (what, event.account, *names), more


def _placed(call: str, given: Mapping[str, Any]) -> Iterator[tuple[_Key, bool]]:
    """Give where a call put a user, and what it gave another name, which is a new object to whoever looks by name."""
    path = given.get("path" if call == "CreateUser" else "newPath")
    if call == "CreateUser":
        yield ("placed User", _folded(given, "userName")), path == PATH
    for kind in ("User", "Group"):
        if call != f"Update{kind}":
            continue
        old, new = _folded(given, f"{kind.lower()}Name"), _folded(given, f"new{kind}Name")
        if new and new != old:
            yield (f"object {kind}", old), _LESS
            yield (f"object {kind}", new), _MORE
        yield (f"placed {kind}", new or old), path in (None, PATH)


def _folded(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    return value.lower() if isinstance(value, str) else ""


def _named(arn: str) -> tuple[str, str]:
    """Give what an ARN is of, and its name, or the whole ARN of a policy; folded."""
    what = arn.rsplit(":", 1)[-1].split("/", 1)[0].title()
    return what, (arn if what == "Policy" else arn.rsplit("/", 1)[-1]).lower()


def _is_ours(event: Event, team: Team | None) -> bool:
    """Tell whether watchbill did it: by a user or role of the team's accounts, not by what a session is called."""
    identity = event.identity
    if team is None or team.account_of(identity.account or event.account) is None:
        return False
    return _acted(event) in team.managed_by


def _acted(event: Event) -> str | None:
    """Name the user or role that acted."""
    identity = event.identity
    arn = identity.issuer_arn or identity.arn or ""
    if ":assumed-role/" in arn:
        return arn.split("/")[1]
    return arn.rsplit("/", 1)[-1] or identity.user_name


def _who(event: Event) -> str:
    identity = event.identity
    if identity.type == "Root":
        return "the root user"
    if identity.session_name is not None:
        return f"session {identity.session_name} of role {_acted(event)}"
    return _acted(event) or identity.invoked_by or "somebody the record does not name"
