"""Verify a freeze by reading AWS back: not that the calls were made, but that nothing can be done any more.

Every path is asked about that the person has, or would have without the freeze: their user in each account, each role
they may have taken, the sessions of it that carry their name, those that were passed on under another, and those of a
role that demands no name. Only a deny of the freeze's own counts: one that hangs on the time, the network or MFA may
lift by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from watchbill.access.model import PATH, QUARANTINE, REVOKE, AccountState
from watchbill.access.quarantine import DENY_ALL, Form
from watchbill.access.ways import Ways, session_context
from watchbill.intervals import iso
from watchbill.policy.evaluate import evaluate
from watchbill.policy.managed import managed_policy
from watchbill.policy.model import Decision, Effect, Request
from watchbill.policy.rules import Policy
from watchbill.policy.statements import parse_policy
from watchbill.respond.freeze import freeze_policy, shells_ended
from watchbill.respond.model import Check, Containment, Seen
from watchbill.respond.reach import lifted, reached


PROBES = (
    "iam:CreateAccessKey",
    "sts:AssumeRole",
    "ec2:TerminateInstances",
    "s3:GetObject",
    "secretsmanager:GetSecretValue",
)
"""Actions tried beside those the case names: ways back in, power, data."""

NOTHING = Check("something was frozen", holds=False, detail="there was nothing to check")
"""What is said of a freeze that has nothing of IAM in it."""

_Context = Mapping[str, str]


def verify_frozen(
    containment: Containment,
    seen: Seen,
    before: Mapping[str, AccountState],
    at: datetime,
    actions: Sequence[str] = (),
) -> tuple[Check, ...]:
    """Check every path the person has, over the policies read back. A freeze with nothing to check does not hold."""
    checks: list[Check] = []
    asked = tuple(dict.fromkeys((*actions, *PROBES)))
    ways = {name: Ways(state) for name, state in seen.observed.items()}
    for account in containment.accounts:
        checks.extend(_user(containment, account, seen.observed[account], ways[account], asked, at))
        checks.extend(_credentials(account, seen))
    checks.extend(_group(containment, seen.observed[account], group) for account, group in containment.groups)
    for account, role in dict.fromkeys([*containment.covered, *containment.roles]):
        if account in ways:
            checks.append(_sessions(containment, seen.observed[account], ways[account], role, asked, at))
    checks.extend(Check("everything of theirs could be read", holds=False, detail=what) for what in seen.unread)
    if containment.accounts:
        checks.extend(_roles(containment, seen, before))
        checks.extend(_shells(containment, seen))
    return tuple(checks) or (NOTHING,)


def _user(
    frozen: Containment, account: str, state: AccountState, ways: Ways, actions: Sequence[str], at: datetime
) -> Iterator[Check]:
    if frozen.user not in state.users:
        what = f"user {frozen.user} in {account} may do nothing"
        yield Check(what, holds=True, detail="the user is gone")
        return
    user = state.users[frozen.user]
    policies, _ = ways.user_policies(user)
    boundary = None if user.boundary != DENY_ALL else (_deny_all(state),)
    mine = {"aws:username": frozen.user, "aws:CurrentTime": iso(at)}
    ours = {f"user/{frozen.user}/{QUARANTINE}"} if frozen.form(account) is Form.INLINE else {DENY_ALL}
    for action in actions:
        decision = evaluate(Request(action, "*", mine, complete=True), identity=policies, boundary=boundary)
        by = ", ".join(str(origin) for origin in decision.deciding)
        yield Check(
            f"user {frozen.user} in {account} may not {action}",
            _denied_by(decision, ours),
            f"{decision.effect} by {by}" if by else str(decision.effect),
        )


def _deny_all(state: AccountState) -> Policy:
    """Give the boundary that lets nothing through, as the account says it or AWS publishes it."""
    found = state.policies.get(DENY_ALL) or managed_policy(DENY_ALL)
    document = getattr(found, "document", None)
    return parse_policy(document if document is not None else {}, DENY_ALL)


def _denied_by(decision: Decision, documents: set[str]) -> bool:
    return decision.effect is Effect.EXPLICITLY_DENIED and bool(documents & {o.document for o in decision.deciding})


def _credentials(account: str, seen: Seen) -> Iterator[Check]:
    found = seen.credentials.get(account)
    for key in found.keys if found is not None else ():
        yield Check(f"key {key.id} in {account} is off", not key.active, _status(active=key.active))
    for door in found.doors if found is not None else ():
        yield Check(f"{door.kind} {door.id} in {account} is off", not door.active, _status(active=door.active))


def _status(*, active: bool) -> str:
    return "still active" if active else "inactive"


def _group(frozen: Containment, state: AccountState, group: str) -> Check:
    user = state.users.get(frozen.user)
    out = user is None or group not in user.groups
    what = f"user {frozen.user} in {state.account} is out of group {group}"
    return Check(what, out, "out" if out else "still a member")


def _sessions(
    frozen: Containment, state: AccountState, ways: Ways, name: str, actions: Sequence[str], at: datetime
) -> Check:
    role = state.roles.get(name)
    what = f"sessions of {frozen.user} on role {name} in {state.account} may do nothing"
    if role is None:
        return Check(what, holds=True, detail="the role is gone")
    policies, _ = ways.role_policies(role)
    decisions = [
        evaluate(Request(action, "*", {**known, "aws:CurrentTime": iso(at)}, complete=True), identity=policies)
        for action in actions
        for known in _sessions_of(frozen, state.account, name)
    ]
    policy = freeze_policy(state)
    ours = {f"role/{name}/{REVOKE}-{frozen.user}", policy.arn if policy is not None and role.path == PATH else ""}
    effects = sorted({str(decision.effect) for decision in decisions})
    return Check(what, all(_denied_by(decision, ours) for decision in decisions), ", ".join(effects))


def _sessions_of(frozen: Containment, account: str, role: str) -> Iterator[_Context]:
    """Give the sessions that the person may have: by either name, passed on under another, or under none."""
    both = session_context(frozen.user)
    yield both
    yield {"aws:userid": both["aws:userid"]}
    yield {**both, "aws:userid": "AROA:another"}
    if (account, role) in frozen.ended:
        yield {"aws:userid": "AROA:another", "aws:TokenIssueTime": iso(frozen.at)}


def _roles(frozen: Containment, seen: Seen, before: Mapping[str, AccountState]) -> Iterator[Check]:
    """Check that no role can be taken, and that the freeze knows each that could be without it."""
    still = reached(frozen.user, seen.observed)
    listed = ", ".join(f"{each.role} in {each.account}" for each in still)
    yield Check(f"{frozen.user} may take no role", not still, listed or "none")
    users = {name: state.users.get(frozen.user) for name, state in before.items()}
    open_ = {name: lifted(frozen.user, state, users.get(name)) for name, state in seen.observed.items()}
    for each in reached(frozen.user, open_):
        key = (each.account, each.role)
        if key not in frozen.roles and (key not in frozen.covered or not each.named):
            what = f"sessions of {frozen.user} on role {each.role} in {each.account} may do nothing"
            yield Check(what, holds=False, detail="it could be taken, and is not among what the freeze denies")


def _shells(frozen: Containment, seen: Seen) -> Iterator[Check]:
    left = list(shells_ended(frozen.user, seen))
    names = ", ".join(str(change.call.parameters["SessionId"]) for change in left)
    if frozen.shells or left:
        yield Check(f"{frozen.user} has no shell open", not left, names or "none")
