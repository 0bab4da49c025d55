"""How was it possible? What AWS allowed and the team file did not must have been opened by something.

Looked for are, latest first: a change of IAM that gave the principal more, made before the event by somebody other than
watchbill; a step by which watchbill itself was to take something away, and which failed; and where there is neither, a
session that began while it was right. Finding none is said, not guessed.

A step that failed may have left the way open. It counts until another plan was carried out in the account, which was
made of what was there then. Steps that were skipped are none of these: after a failure only what gives is skipped.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from watchbill.intervals import iso
from watchbill.judge.model import Judgement, Opening, Right, Step, Watch
from watchbill.team.model import Team
from watchbill.trail.model import Attributed, Event, Outcome


GIVES = {
    "AttachUserPolicy": "userName",
    "PutUserPolicy": "userName",
    "AddUserToGroup": "userName",
    "DeleteUserPermissionsBoundary": "userName",
    "AttachRolePolicy": "roleName",
    "PutRolePolicy": "roleName",
    "UpdateAssumeRolePolicy": "roleName",
    "DeleteRolePermissionsBoundary": "roleName",
    "DetachUserPolicy": "userName",
    "DeleteUserPolicy": "userName",
    "RemoveUserFromGroup": "userName",
    "DetachRolePolicy": "roleName",
    "DeleteRolePolicy": "roleName",
}
"""IAM calls that can give a principal more, with the parameter that names it; what is taken away may have denied."""


_ONLY_MAKES = ("Create", "Tag")
"""How the names of calls begin that, failed, leave nothing open; a new version of a policy is another thing."""

_CALL = re.compile(r"iam:(?P<operation>\w+)\((?P<names>.*)\)")


def openings(judgement: Judgement, changes: Sequence[Attributed], steps: Sequence[Step] = ()) -> tuple[Opening, ...]:
    """Give what opened the way to an event that AWS allowed and that was not the person's, latest first.

    `changes` is what `iam_changes` gives for the trail; `steps` are those of watchbill's own plans, in the order they
    were taken in.
    """
    event = judgement.attributed.event
    if judgement.right not in (Right.OFF_SHIFT, Right.BEYOND_ROLE, Right.FROZEN):
        return ()
    if event.outcome is not Outcome.ALLOWED:
        return ()
    found = [
        _opening(change)
        for change in reversed(changes)
        if change.event.at < event.at and change.event.account == event.account and _concerns(change.event, event)
    ]
    found += [_left(step) for step in _undone(steps, judgement.attributed)]
    found.sort(key=lambda opening: opening.at or event.at, reverse=True)
    if not found and (began := event.identity.session_began) is not None and judgement.state is not None:
        state = judgement.state
        if state.watch is Watch.ENDED and state.start and state.end and state.start <= began < state.end:
            found = [Opening(f"the session began on shift, at {iso(began)}, and outlived it", None, None, began)]
    return tuple(found)


def iam_changes(events: Iterable[Attributed], team: Team) -> tuple[Attributed, ...]:
    """Give the changes that gave some principal more and that watchbill did not make, in order of time."""
    return tuple(
        each
        for each in events
        if each.event.source == "iam.amazonaws.com"
        and each.event.name in GIVES
        and each.event.outcome is Outcome.ALLOWED
        and not _by_watchbill(each.event, team)
    )


def _by_watchbill(event: Event, team: Team) -> bool:
    number = event.identity.account or event.account
    return _principal(event)[1] in team.managed_by and team.account_of(number) is not None


def _principal(event: Event) -> tuple[str, str]:
    """Give which parameter of an IAM call names the principal that acted, and its name."""
    identity = event.identity
    arn = identity.issuer_arn or identity.arn or ""
    if ":assumed-role/" in arn:
        return "roleName", arn.split("/")[1]
    kind = "roleName" if ":role/" in arn else "userName"
    return kind, arn.rsplit("/", 1)[-1] or identity.user_name or ""


def _concerns(change: Event, event: Event) -> bool:
    parameters = change.record.get("requestParameters")
    target = parameters.get(GIVES[change.name]) if isinstance(parameters, dict) else None
    kind, acted = _principal(event)
    # IAM does not tell names apart by case.
    return isinstance(target, str) and kind == GIVES[change.name] and target.lower() == acted.lower()


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
    known = {_principal(acted.event)[1].lower(), (acted.actor.person or "").lower()}
    return not known.isdisjoint(call["names"].lower().split(", "))


def _left(step: Step) -> Opening:
    said = f": {step.error}" if step.error else ""
    words = f"step {step.number} of watchbill's plan {step.plan} failed at {iso(step.at)}: {step.call}{said}"
    return Opening(f"{words}; what it was to take away may have stayed", None, "watchbill", step.at)


def _opening(change: Attributed) -> Opening:
    event = change.event
    parameters = event.record.get("requestParameters")
    given = parameters if isinstance(parameters, dict) else {}
    what = given.get("policyArn") or given.get("policyName") or given.get("groupName") or ""
    target = given.get(GIVES[event.name])
    by = change.actor.person or change.actor.principal
    what = str(what).rsplit("/", 1)[-1]
    words = f"{by} did {event.name}{what and ' ' + what} on {target} at {iso(event.at)}"
    return Opening(words, event.id, by, event.at)
