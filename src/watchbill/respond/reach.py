"""Which roles a person may come to act by: those that trust them, and those that these roles may take in turn.

It is asked of the policy engine, over every account of the team, with all that is not known left open: a role counts
where it may be taken, not only where it surely is. A role is *named* where a session of it must carry the person's own
name, as session name or as source identity; only then can the person's sessions be told from those of others.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from watchbill.access.documents import freeze_document, frozen_by
from watchbill.access.model import (
    FREEZE_POLICY,
    PATH,
    QUARANTINE,
    REVOKE,
    AccountState,
    Document,
    PolicyState,
    RoleState,
    UserState,
)
from watchbill.access.packing import statements_of
from watchbill.access.quarantine import DENY_ALL
from watchbill.access.ways import Ways
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.managed import ManagedPolicy, managed_policy
from watchbill.policy.model import Effect, Principal, Request
from watchbill.policy.rules import Policy
from watchbill.policy.statements import PolicyError, parse_policy


_OF_USERS = frozenset({"aws:username"})
_OF_SESSIONS = frozenset({"aws:SourceIdentity", "aws:FederatedProvider", "aws:AssumedRoot"})
_SOMEBODY_ELSE = "somebody-else"


@dataclass(frozen=True, slots=True, order=True)
class Reached:
    """A role that a person may come to act by."""

    account: str
    role: str
    named: bool
    """Whether each of their sessions carries their name."""


@dataclass(frozen=True, slots=True)
class _Actor:
    """Somebody who asks for a role: the user, or a session of a role they reached."""

    arn: str
    account: str
    identity: tuple[Policy, ...]
    boundary: tuple[Policy, ...] | None
    unread: bool
    context: Mapping[str, str]
    absent: frozenset[str]


def reached(user: str, observed: Mapping[str, AccountState]) -> tuple[Reached, ...]:
    """Give the roles that an IAM user may come to act by, in all accounts, in order."""
    ways = {name: Ways(state) for name, state in observed.items()}
    waiting = [_user(ways[name], state, state.users[user]) for name, state in observed.items() if user in state.users]
    found: dict[tuple[str, str], Reached] = {}
    while waiting:
        actor = waiting.pop()
        for name, state in observed.items():
            for role in state.roles.values():
                key = (name, role.name)
                known = found.get(key)
                if (known is not None and not known.named) or not _may_name(role, actor):
                    continue
                evaluator = Evaluator(Layers(actor.identity, actor.boundary, resource=_parsed(role.trust)))
                if not _may(evaluator, actor, role):
                    continue
                named = _is_named(evaluator, actor, role)
                if known is None or not named:
                    found[key] = Reached(name, role.name, named)
                if known is None:
                    waiting.append(_session(ways[name], state, role))
    return tuple(sorted(found.values()))


def lifted(user: str, state: AccountState, was: UserState | None) -> AccountState:
    """Give an account as if the freeze of a user were not: to see what it is that the freeze stands before."""
    users = dict(state.users)
    if (now := users.get(user)) is not None:
        boundary = (was.boundary if was is not None else None) if now.boundary == DENY_ALL else now.boundary
        inline = {name: written for name, written in now.inline.items() if name != QUARANTINE}
        groups = now.groups | (was.groups if was is not None else frozenset())
        attached = now.attached - {DENY_ALL}
        users[user] = replace(now, attached=attached, inline=inline, boundary=boundary, groups=groups)
    roles = {
        name: replace(role, inline={k: v for k, v in role.inline.items() if k != f"{REVOKE}-{user}"})
        for name, role in state.roles.items()
    }
    policies = dict(state.policies)
    for arn, policy in state.policies.items():
        if policy.name == FREEZE_POLICY and policy.path == PATH:
            policies[arn] = replace(policy, document=freeze_document(frozen_by(policy.document) - {user}))
    return replace(state, users=users, roles=roles, policies=policies)


_ANYBODY = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}


def _parsed(trust: Document) -> Policy:
    """Give a trust policy; one that nobody can read is taken to trust whoever asks."""
    try:
        return parse_policy(trust, "trust")
    except PolicyError:
        return parse_policy({"Version": "2012-10-17", "Statement": [_ANYBODY]}, "trust")


def _readable(read: Callable[[], tuple[tuple[Policy, ...], tuple[str, ...]]]) -> tuple[tuple[Policy, ...], bool]:
    """Give what identity policies say, and whether one of them could not be read: it may allow anything."""
    try:
        policies, unread = read()
    except PolicyError:
        return (), True
    return policies, bool(unread)


def _user(ways: Ways, state: AccountState, user: UserState) -> _Actor:
    policies, unread = _readable(lambda: ways.user_policies(user))
    boundary, open_ = _boundary(state, user.boundary)
    context = {"aws:username": user.name, "aws:PrincipalArn": user.arn}
    return _Actor(user.arn, state.number, policies, boundary, unread or open_, context, _OF_SESSIONS)


def _session(ways: Ways, state: AccountState, role: RoleState) -> _Actor:
    policies, unread = _readable(lambda: ways.role_policies(role))
    boundary, open_ = _boundary(state, role.boundary)
    arn = f"arn:aws:sts::{state.number}:assumed-role/{role.name}/session"
    context = {"aws:PrincipalArn": role.arn}
    return _Actor(arn, state.number, policies, boundary, unread or open_, context, _OF_USERS)


def _boundary(state: AccountState, arn: str | None) -> tuple[tuple[Policy, ...] | None, bool]:
    """Give what bounds somebody, and whether it could not be read: then it is taken to bound nothing."""
    if arn is None:
        return None, False
    found = state.policies.get(arn) or managed_policy(arn)
    if not isinstance(found, PolicyState | ManagedPolicy):
        return None, True
    policies, unread = _readable(lambda: ((parse_policy(found.document, arn),), ()))
    return (None, True) if unread else (policies, False)


def _may_name(role: RoleState, actor: _Actor) -> bool:
    """Tell at a glance whether a trust may be about somebody: most are about services."""
    own = actor.context["aws:PrincipalArn"]
    whole = {"*", actor.account, f"arn:aws:iam::{actor.account}:root", own}
    for statement in statements_of(role.trust):
        if statement.get("Effect") != "Allow":
            continue
        names = _names(statement.get("Principal"))
        if "NotPrincipal" in statement or any(name in whole or ":assumed-role/" in name for name in names):
            return True
    return False


def _names(principal: object) -> Iterator[str]:
    if isinstance(principal, str):
        yield principal
    listed = principal.get("AWS", ()) if isinstance(principal, Mapping) else ()
    yield from (listed,) if isinstance(listed, str) else map(str, listed)


def _may(
    evaluator: Evaluator,
    actor: _Actor,
    role: RoleState,
    context: Mapping[str, str] | None = None,
    absent: Iterable[str] = (),
) -> bool:
    asked = Request(
        "sts:AssumeRole",
        role.arn,
        {**actor.context, **(context or {})},
        absent=actor.absent | frozenset(absent),
        principal=Principal.of(actor.arn),
    )
    effect = evaluator.decide(asked).effect
    # A policy that was not read may allow it, and what is denied outright is denied whatever it says.
    return effect in (Effect.ALLOWED, Effect.DEPENDS) or (actor.unread and effect is not Effect.EXPLICITLY_DENIED)


def _is_named(evaluator: Evaluator, actor: _Actor, role: RoleState) -> bool:
    if not _may(evaluator, actor, role, {"sts:RoleSessionName": _SOMEBODY_ELSE}):
        return True
    other = _may(evaluator, actor, role, {"sts:SourceIdentity": _SOMEBODY_ELSE})
    return not other and not _may(evaluator, actor, role, absent=("sts:SourceIdentity",))
