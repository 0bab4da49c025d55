"""How was it possible? What AWS allowed and the team file did not must have been opened by something.

Looked for in this order, latest first: a change of IAM that gave the principal more, made before the event by somebody
other than watchbill; a session that began while it was right. Finding neither is said, not guessed.
"""

from collections.abc import Iterable, Sequence

from watchbill.intervals import iso
from watchbill.judge.model import Judgement, Opening, Right, Watch
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


def openings(judgement: Judgement, changes: Sequence[Attributed]) -> tuple[Opening, ...]:
    """Give what opened the way to an event that AWS allowed and that was not the person's, latest first.

    `changes` is what `iam_changes` gives for the trail.
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
