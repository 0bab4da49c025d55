"""Verify a freeze by reading AWS back: not that the calls were made, but that nothing can be done any more.

Only a deny of the freeze's own counts: one that hangs on the time, the network or MFA may lift by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from watchbill.access.model import QUARANTINE, REVOKE, AccessKey, AccountState
from watchbill.access.ways import Ways, session_context
from watchbill.intervals import iso
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import Decision, Effect, Request
from watchbill.respond.model import Check, Containment


PROBES = (
    "iam:CreateAccessKey",
    "sts:AssumeRole",
    "ec2:TerminateInstances",
    "s3:GetObject",
    "secretsmanager:GetSecretValue",
)
"""Actions tried beside those the case names: ways back in, power, data."""


def verify_frozen(
    containment: Containment,
    observed: Mapping[str, AccountState],
    keys: Mapping[str, Sequence[AccessKey]],
    at: datetime,
    actions: Sequence[str] = (),
) -> tuple[Check, ...]:
    """Check every path the person has, over the policies read back. A freeze with nothing to check does not hold."""
    checks: list[Check] = []
    for account in containment.accounts:
        checks.extend(_user(containment, observed[account], at, (*actions, *PROBES)))
        for key in keys.get(account, ()):
            status = "inactive" if not key.active else "still active"
            checks.append(Check(f"key {key.id} in {account} is off", not key.active, status))
    for account, group in containment.groups:
        checks.append(_group(containment, observed[account], group))
    for account, role in containment.roles:
        checks.append(_sessions(containment, observed[account], role, at, (*actions, *PROBES)))
    return tuple(checks) or (Check("something was frozen", holds=False, detail="there was nothing to check"),)


def _user(containment: Containment, state: AccountState, at: datetime, actions: Sequence[str]) -> Iterator[Check]:
    if containment.user not in state.users:
        what = f"user {containment.user} in {state.account} may do nothing"
        yield Check(what, holds=True, detail="the user is gone")
        return
    policies, _ = Ways(state).user_policies(state.users[containment.user])
    mine = {"aws:username": containment.user, "aws:CurrentTime": iso(at)}
    for action in dict.fromkeys(actions):
        decision = evaluate(Request(action, "*", mine, complete=True), identity=policies)
        by = ", ".join(str(origin) for origin in decision.deciding)
        yield Check(
            f"user {containment.user} in {state.account} may not {action}",
            _denied_by(decision, f"user/{containment.user}/{QUARANTINE}"),
            f"{decision.effect} by {by}" if by else str(decision.effect),
        )


def _denied_by(decision: Decision, document: str) -> bool:
    return decision.effect is Effect.EXPLICITLY_DENIED and document in {o.document for o in decision.deciding}


def _group(containment: Containment, state: AccountState, group: str) -> Check:
    user = state.users.get(containment.user)
    out = user is None or group not in user.groups
    what = f"user {containment.user} in {state.account} is out of group {group}"
    return Check(what, out, "out" if out else "still a member")


def _sessions(containment: Containment, state: AccountState, name: str, at: datetime, actions: Sequence[str]) -> Check:
    role = state.roles.get(name)
    what = f"sessions of {containment.user} on role {name} in {state.account} may do nothing"
    if role is None:
        return Check(what, holds=True, detail="the role is gone")
    policies, _ = Ways(state).role_policies(role)
    both = {**session_context(containment.user), "aws:CurrentTime": iso(at)}
    by_name = {key: value for key, value in both.items() if key != "aws:SourceIdentity"}
    by_source = {**both, "aws:userid": "AROA:another"}
    decisions = [
        evaluate(Request(action, "*", known, complete=True), identity=policies)
        for action in dict.fromkeys(actions)
        for known in (both, by_name, by_source)
    ]
    ours = f"role/{name}/{REVOKE}-{containment.user}"
    effects = sorted({str(decision.effect) for decision in decisions})
    return Check(what, all(_denied_by(decision, ours) for decision in decisions), ", ".join(effects))
