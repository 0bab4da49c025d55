"""How was it possible? What AWS allowed and the team file did not must have been opened by something.

Looked for are, latest first:

1. a change of IAM that gave the principal more: of the user or role itself, of a group that the user was in, of a
   managed policy that was attached to any of these;
2. a credential of the user, made within `NEW` before;
3. a change of IAM Identity Center, where it was done in a session of a permission set: an assignment in the account, or
   a change of a set that was assigned;
4. what a resource says itself of who may use it (`shared`);
5. the role of the session, where it is none of watchbill's: with the call that took it;
6. a step by which watchbill itself was to take something away, and which failed;
7. and where there is none of these, a session that began while it was right.

All but the last two were done by others than watchbill, before the event. Which groups and policies somebody had is
known from calls that were read, and of groups from the team file; what was attached before all that was read is not
known, and a change of it is not found. Finding none is said, not guessed.

A step that failed may have left the way open. It counts until another plan was carried out in the account, which was
made of what was there then. Steps that were skipped are none of these: after a failure only what gives is skipped.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from watchbill.access.entitlements import role_name
from watchbill.access.model import PATH, last_of
from watchbill.intervals import iso
from watchbill.judge.changes import (
    ASSIGNS,
    CREDENTIALS,
    GIVES,
    OPENERS,
    TO_GROUPS,
    TO_POLICIES,
    TO_SETS,
    Changes,
    credential_user,
    iam_changes,
    parameters,
    principal_of,
    text,
)
from watchbill.judge.model import Judgement, Opening, Right, Step, Watch
from watchbill.judge.shared import lets, named_in, shared_by
from watchbill.trail.model import Attributed, Event, Outcome
from watchbill.trail.model import Opening as Handed


__all__ = ["GIVES", "NOTHING", "OPENERS", "Changes", "iam_changes", "openings"]

NEW = timedelta(days=7)
"""How long before an event a credential may have been made and still be what opened the way."""

MOST = 20
"""How many changes of one target are named; how many there were besides is said."""

NOTHING = Opening("nothing that was read tells how", None, None, None)
"""What is said where it is asked for and no opening was found."""

_RESERVED = "/aws-reserved/sso.amazonaws.com/"
"""In the path of roles that Identity Center makes (IAM Identity Center User Guide, "Referencing permission sets")."""

_ROLE_OF_SET = re.compile(r"AWSReservedSSO_(?P<name>.+)_[0-9a-f]{16}")

_LONG_TERM = "AKIA"
_TEMPORARY = "ASIA"

_ONLY_MAKES = ("Create", "Tag")
"""How the names of calls begin that, failed, leave nothing open; a new version of a policy is another thing."""

_CALL = re.compile(r"iam:(?P<operation>\w+)\((?P<names>.*)\)")


OUTLIVED = "the session began on shift"
"""How an opening begins that is nothing but a session which lasted."""


def openings(
    judgement: Judgement,
    changes: Sequence[Attributed],
    steps: Sequence[Step] = (),
    handed: Callable[[str], Handed | None] | None = None,
    *,
    say_none: bool = False,
) -> tuple[Opening, ...]:
    """Give what opened the way to an event that AWS allowed and that was not the person's, latest first.

    `changes` is what `iam_changes` gives for the trail; `steps` are those of watchbill's own plans, in the order they
    were taken in; `handed` gives the call that handed out a temporary key. Empty where the event needs no opening; with
    `say_none` it is `NOTHING` where one is needed and none was found.
    """
    event = judgement.attributed.event
    if judgement.right not in (Right.OFF_SHIFT, Right.BEYOND_ROLE, Right.FROZEN):
        return ()
    if event.outcome is not Outcome.ALLOWED:
        return ()
    known = changes if isinstance(changes, Changes) else Changes.of(changes)
    found = [*_by_iam(judgement, known), *_by_credential(judgement, known), *_by_center(judgement, known)]
    found += _by_resource(judgement, known)
    found += [_left(step) for step in _undone(steps, judgement.attributed)]
    found += _outside(judgement, known, handed)
    found.sort(key=lambda opening: opening.at or event.at, reverse=True)
    if not found and (began := event.identity.session_began) is not None and judgement.state is not None:
        state = judgement.state
        if state.watch is Watch.ENDED and state.start and state.end and state.start <= began < state.end:
            found = [Opening(f"{OUTLIVED}, at {iso(began)}, and outlived it", None, None, began)]
    if not found and say_none:
        return (NOTHING,)
    return tuple(dict.fromkeys(found))


def _by_iam(judgement: Judgement, known: Changes) -> Iterator[Opening]:
    """Give changes of what the principal had by IAM."""
    event, who = judgement.attributed.event, judgement.attributed.actor.person
    kind, acted = principal_of(event)
    acted, account = acted.lower(), event.account
    yield from _named(known.before(event.at, kind, account, acted), "")
    groups = known.groups_of(who, account, acted, event.at) if kind == "userName" else []
    for group in groups:
        yield from _named(known.before(event.at, "groupName", account, group), f", a group of {acted}")
    holders = [(kind, acted), *(("groupName", group) for group in groups)]
    for arn in known.policies_of(account, holders, event.at):
        yield from _named(known.before(event.at, "policy", arn), f", a policy of {acted}")
    yield from _named(known.before(event.at, "our policies", account), ", a policy that watchbill wrote")


def _by_credential(judgement: Judgement, known: Changes) -> Iterator[Opening]:
    """Give new credentials of the user: the key that was used, or a password for a session that may be of it."""
    event = judgement.attributed.event
    kind, acted = principal_of(event)
    used = event.identity.access_key or ""
    if kind != "userName":
        return
    made = known.before(event.at, "credential", event.account, acted.lower(), reach=NEW)
    fitting = [each for each in made if _fits(each.event, used)]
    yield from _named(fitting, f", with which it was done: {used}" if used.startswith(_LONG_TERM) else "")


def _fits(made: Event, used: str) -> bool:
    """Tell whether a credential may be the one that was used."""
    if made.name in ("CreateLoginProfile", "UpdateLoginProfile"):
        return used.startswith(_TEMPORARY)
    if made.name == "UpdateAccessKey":
        given = parameters(made)
        return text(given, "status") == "Active" and text(given, "accessKeyId") == used
    answer = made.record.get("responseElements")
    key = text(answer.get("accessKey") if isinstance(answer, dict) else None, "accessKeyId")
    return used.startswith(_LONG_TERM) and key in (None, used)


def _by_center(judgement: Judgement, known: Changes) -> Iterator[Opening]:
    """Give assignments of Identity Center in the account, and changes of the sets that were assigned."""
    event = judgement.attributed.event
    role = principal_of(event)[1]
    of_set = _ROLE_OF_SET.fullmatch(role)
    if of_set is None:
        return
    user, names = event.identity.identity_center_user, known.names_of_sets()
    assigned = []
    for each in known.before(event.at, "assignment", event.account):
        given = parameters(each.event)
        arn = text(given, "permissionSetArn") or ""
        other = text(given, "principalType") == "USER" and user not in (None, text(given, "principalId"))
        if not other and names.get(arn, of_set["name"]) == of_set["name"]:
            assigned.append(each)
    yield from _named(assigned, "")
    sets = [arn for arn, name in names.items() if name == of_set["name"]]
    sets += [text(parameters(each.event), "permissionSetArn") or "" for each in assigned]
    for arn in dict.fromkeys(sets):
        yield from _named(known.before(event.at, "permission set", arn), f", the permission set of {role}")


def _by_resource(judgement: Judgement, known: Changes) -> Iterator[Opening]:
    """Give what the resource itself said of who may use it."""
    event, request = judgement.attributed.event, judgement.request
    target = None if request is None else named_in(request)
    if request is None or target is None or not event.identity.arn:
        return
    changes = known.before(event.at, "shared", *target)
    said = [each for change in changes for each in shared_by(change.event)]
    letting = lets(said, request, event.identity.arn)
    if letting is None:
        return
    place, surely = letting
    change = changes[place]
    by, verb = change.actor.person or change.actor.principal, "lets" if surely else "may let"
    words = f"{by} did {change.event.name} on {target[1]} at {iso(change.event.at)}, which {verb} {event.identity.arn}"
    yield Opening(f"{words} {request.action}", change.event.id, by, change.event.at)


def _outside(judgement: Judgement, known: Changes, handed: Callable[[str], Handed | None] | None) -> Iterator[Opening]:
    """Give the role of the session where it is none of watchbill's, and the call that took it."""
    actor, event = judgement.attributed.actor, judgement.attributed.event
    kind, role = principal_of(event)
    issuer = event.identity.issuer_arn or ""
    if kind != "roleName" or f":role{PATH}" in issuer:
        return
    roles = (
        [role_name(rota, each) for rota in known.team.rotas.values() for each in rota.entitlement] if known.team else []
    )
    if not issuer and role in roles:
        return  # the record does not tell the role's path
    what = "a permission set of IAM Identity Center" if _RESERVED in issuer else "a role"
    taken = handed(event.identity.access_key) if handed is not None and event.identity.access_key else None
    words = f"it was done by {what} that is not watchbill's, {role}"
    began = event.identity.session_began
    if taken is None:
        since = f"; its session began at {iso(began)}" if began is not None else ""
        yield Opening(f"{words}{since}, and the call that took it was not read", None, None, began)
        return
    yield Opening(f"{words}, taken by {taken.name} at {iso(taken.at)}", taken.event_id, actor.person, taken.at)


def _named(changes: Sequence[Attributed], about: str) -> Iterator[Opening]:
    """Say the latest of some changes, and how many there were besides."""
    yield from (_opening(change, about) for change in changes[:MOST])
    if len(changes) > MOST:
        last = changes[MOST]
        words = f"{len(changes) - MOST} more such changes before, the last of them {last.event.name}"
        yield Opening(words, last.event.id, last.actor.person or last.actor.principal, last.event.at)


def _undone(steps: Sequence[Step], acted: Attributed) -> Iterator[Step]:
    """Give the steps of the last plan before an event that failed and may have left its way open, last first."""
    event = acted.event
    before = [step for step in steps if step.at < event.at and step.account == event.account]
    for step in reversed(before):
        if step.plan == before[-1].plan and step.failed and _may_concern(step, acted):
            yield step


def _may_concern(step: Step, acted: Attributed) -> bool:
    """Tell whether a call was about who acted, or about something that several have in common: a group, a policy."""
    call = _CALL.fullmatch(step.call)
    if call is None:
        return True
    operation = call["operation"]
    if operation.startswith(_ONLY_MAKES) and operation != "CreatePolicyVersion":
        return False
    if "User" not in operation and "Role" not in operation:
        return True
    known = {principal_of(acted.event)[1].lower(), (acted.actor.person or "").lower()}
    return not known.isdisjoint(call["names"].lower().split(", "))


def _left(step: Step) -> Opening:
    said = f": {step.error}" if step.error else ""
    words = f"step {step.number} of watchbill's plan {step.plan} failed at {iso(step.at)}: {step.call}{said}"
    return Opening(f"{words}; what it was to take away may have stayed", None, "watchbill", step.at)


def _opening(change: Attributed, about: str) -> Opening:
    event = change.event
    what, target = _what_on(event)
    by = change.actor.person or change.actor.principal
    words = f"{by} did {event.name}{what and ' ' + what} on {target} at {iso(event.at)}{about}"
    return Opening(words, event.id, by, event.at)


def _what_on(event: Event) -> tuple[str, str | None]:
    """Name what a change gave or took, and to whom or what."""
    given, name = parameters(event), event.name
    policy = last_of(text(given, "policyArn") or text(given, "managedPolicyArn") or "")
    if name == ASSIGNS:
        return text(given, "principalId") or "", text(given, "permissionSetArn")
    if name in TO_SETS:
        return policy, text(given, "permissionSetArn")
    if name in TO_POLICIES:
        return "", policy
    if name in CREDENTIALS:
        return "", credential_user(event)
    if name in TO_GROUPS:
        return policy or text(given, "policyName") or "", text(given, "groupName")
    return policy or text(given, "policyName") or text(given, "groupName") or "", text(given, GIVES[name])
