"""What a person may do by the documents of an account, read back from AWS or compiled: every path asked in turn.

A person acts as their IAM user, or takes an on-call role and acts as its session: AssumeRole first, then the action,
as separate requests, each with the context AWS would give it. A policy that is attached but was not read makes the
answer depend on it, and is named.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from watchbill.access.documents import deny_all
from watchbill.access.model import PATH, AccountState, Document, RoleState, UserState
from watchbill.intervals import iso
from watchbill.policy.evaluate import evaluate, trusts
from watchbill.policy.model import Decision, Effect, Request
from watchbill.policy.statements import Policy, parse_policy


@dataclass(frozen=True, slots=True)
class PathAnswer:
    """What one path to an action answers."""

    path: str
    """`user james`, or `role oncall-platform`."""
    decision: Decision
    taking: Decision | None
    """Whether the role may be taken; None for the user's own path."""
    unread: tuple[str, ...]
    """Attached policies whose documents were not read."""

    @property
    def effect(self) -> Effect:
        """Give the answer of the whole path: the role must be taken before anything can be done with it."""
        for step in (self.taking, self.decision):
            if step is not None and step.effect is not Effect.ALLOWED:
                return Effect.DEPENDS if step.effect is Effect.IMPLICITLY_DENIED and self.unread else step.effect
        return Effect.DEPENDS if self.unread else Effect.ALLOWED


def answers(
    state: AccountState, user: str, action: str, resource: str, at: datetime, context: Mapping[str, str]
) -> tuple[PathAnswer, ...]:
    """Ask whether somebody may do something at an instant, by their user and by each role that trusts it.

    `context` adds condition keys, such as `aws:MultiFactorAuthPresent`; all others are taken as absent.
    """
    found = state.users.get(user)
    if found is None:
        return ()
    policies, unread = user_policies(state, user)
    mine = {"aws:username": user, "aws:userid": f"AIDA:{user}", "aws:PrincipalArn": found.arn}
    known = {"aws:CurrentTime": iso(at), **context}
    request = Request(action, resource, {**known, **mine}, complete=True)
    by_user = PathAnswer(f"user {user}", evaluate(request, identity=policies), None, unread)
    roles = [role for role in state.roles.values() if role.path == PATH]
    taken = [_by_role(state, role, found, policies, request, unread) for role in roles]
    return (by_user, *taken)


def user_policies(state: AccountState, user: str) -> tuple[list[Policy], tuple[str, ...]]:
    """Give the identity policies of a user, those of its groups too, and the ARNs that could not be read."""
    found = state.users[user]
    groups = [state.groups[name] for name in sorted(found.groups) if name in state.groups]
    attached = set(found.attached).union(*(group.attached for group in groups))
    policies, unread = _attached(state, attached)
    for owner, inline in [(f"user/{user}", found.inline), *((f"group/{g.name}", g.inline) for g in groups)]:
        policies.extend(parse_policy(document, f"{owner}/{name}") for name, document in sorted(inline.items()))
    return policies, (*unread, *(f"group {name}" for name in sorted(found.groups) if name not in state.groups))


def role_policies(state: AccountState, role: RoleState) -> tuple[list[Policy], tuple[str, ...]]:
    """Give the identity policies of a role, and the ARNs that could not be read."""
    policies, unread = _attached(state, role.attached)
    policies.extend(parse_policy(doc, f"role/{role.name}/{name}") for name, doc in sorted(role.inline.items()))
    return policies, unread


def session_context(user: str) -> dict[str, str]:
    """Give the context keys of a role session that the trust policy pinned to a user's name."""
    return {"aws:userid": f"AROA:{user}", "aws:SourceIdentity": user}


def _by_role(
    state: AccountState,
    role: RoleState,
    user: UserState,
    policies: list[Policy],
    request: Request,
    unread: tuple[str, ...],
) -> PathAnswer:
    pinned = {"sts:RoleSessionName": user.name, "sts:SourceIdentity": user.name}
    take = Request("sts:AssumeRole", role.arn, {**request.context, **pinned}, complete=True)
    taking = evaluate(take, identity=policies)
    if taking.effect is Effect.ALLOWED:
        taking = trusts(take, parse_trust(role), user.arn)
    mine, missing = role_policies(state, role)
    kept = {key: value for key, value in request.context.items() if key not in ("aws:username", "aws:PrincipalArn")}
    context = {**kept, **session_context(user.name), "aws:PrincipalArn": role.arn}
    inside = Request(request.action, request.resource, context, complete=True)
    return PathAnswer(f"role {role.name}", evaluate(inside, identity=mine), taking, (*unread, *missing))


def parse_trust(role: RoleState) -> Policy:
    """Parse a role's trust policy."""
    return parse_policy(role.trust, f"role/{role.name}/trust")


def _attached(state: AccountState, arns: Iterable[str]) -> tuple[list[Policy], tuple[str, ...]]:
    documents: dict[str, Document] = {}
    unread: list[str] = []
    for arn in sorted(arns):
        if arn == "arn:aws:iam::aws:policy/AWSDenyAll":
            documents[arn] = deny_all()
        elif arn in state.policies:
            documents[arn] = state.policies[arn].document
        else:
            unread.append(arn)
    return [parse_policy(document, arn) for arn, document in documents.items()], tuple(unread)
