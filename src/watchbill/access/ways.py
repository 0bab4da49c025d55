"""The ways a person can act in an account, by its documents.

As their IAM user, by taking a role that trusts them, or by a permission set of Identity Center.

A way is a chain of requests that must all be allowed: to take a role is one, what is done with it the next. Each has
the context AWS would give it. What was attached, or bounds, but could not be read is named, and leaves the answer open.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from watchbill.access.model import PATH, AccountState, ControlPolicy, Document, Entry, Lineage, RoleState, UserState
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.managed import ManagedPolicy, managed_policy
from watchbill.policy.model import Decision, Effect, Principal, Request
from watchbill.policy.rules import Policy
from watchbill.policy.statements import parse_policy


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a way, and the policies that decide it."""

    evaluator: Evaluator
    principal: str
    """ARN of who asks."""
    context: Mapping[str, str]
    """Keys that follow from who asks."""
    absent: frozenset[str]
    """Keys that are never there for such a caller."""
    action: str | None = None
    """None is the action asked about, on the resource asked about."""
    resource: str | None = None
    unknown: frozenset[str] = frozenset()
    """Keys that are there for such a caller, with values that are not known."""

    def request(self, asked: Request) -> Request:
        """Ask for an action in this step, or for the step's own."""
        return replace(
            asked,
            action=self.action or asked.action,
            resource=asked.resource if self.action is None else self.resource,
            context={**{k: v for k, v in asked.context.items() if k.lower() not in self.absent}, **self.context},
            absent=asked.absent | self.absent,
            unknown=asked.unknown | self.unknown,
            principal=Principal.of(self.principal),
            some=asked.some and self.action is None,
        )

    def withheld(self, asked: Request, decision: Decision) -> tuple[str, ...]:
        """Name the levels of the organization none of whose policies allows what a decision of this step denies."""
        return withheld_by(self.evaluator.layers, self.request(asked), decision)


def withheld_by(layers: Layers, request: Request, decision: Decision) -> tuple[str, ...]:
    """Name the levels of an organization none of whose policies allows what a decision on a request denies."""
    kept = {"scp": layers.scps, "rcp": layers.rcps}.get(decision.layer or "")
    if kept is None or decision.effect is not Effect.IMPLICITLY_DENIED:
        return ()
    of_scps = decision.layer == "scp"
    alone = (Layers(_ALL, scps=(each,)) if of_scps else Layers(_ALL, rcps=(each,)) for each in kept)
    denied = [Evaluator(layers).decide(request).effect for layers in alone]
    return tuple(
        f"no statement of {' or '.join(policy.name for policy in level) or 'a level without policies'} allows it"
        for level, effect in zip(kept, denied, strict=True)
        if effect is Effect.IMPLICITLY_DENIED
    )


_ALL = (
    parse_policy({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}, "all"),
)


@dataclass(frozen=True, slots=True)
class Way:
    """One way of somebody to act."""

    user: str
    """Their IAM user."""
    name: str
    """`user james`, `role oncall-platform` or `permission set admin`."""
    steps: tuple[Step, ...]
    unread: tuple[str, ...]
    """What applies but was not read: ARNs of attached policies, `permissions boundary ARN`, `group NAME`."""
    unread_bounds: tuple[str, ...] = ()
    """What may deny and never give, and was not read: `organization policies: WHY`."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The policies of the organization that apply in an account, by level."""

    scps: "Levels | None"
    rcps: "Levels | None"


_OF_SESSIONS = frozenset({"aws:sourceidentity", "aws:federatedprovider", "aws:assumedroot"})
"""Keys that an IAM user's own requests never have (IAM User Guide, "AWS global condition context keys")."""
_OF_USERS = frozenset({"aws:username"})
_NOT_OF_CENTER = _OF_USERS | {"aws:multifactorauthpresent", "aws:multifactorauthage"}
"""MFA is asked by the identity provider there: the keys never are in such a session (Identity Center User Guide)."""
_UNKNOWN_OF_CENTER = frozenset({"aws:userid", "aws:sourceidentity", "aws:federatedprovider"})


class Ways:
    """The ways into one account; documents are parsed once, and equal sets of them decided by one evaluator."""

    def __init__(self, state: AccountState) -> None:
        self._state = state
        self.users: tuple[str, ...] = (*state.users, *(name for name in state.entries if name not in state.users))
        """The IAM users of the account, and those who come by Identity Center under the name theirs would have."""
        self.roles = frozenset(role.arn for role in state.roles.values() if role.path == PATH)
        """ARNs of watchbill's roles."""
        self._parsed: dict[tuple[str, int], Policy] = {}
        self._evaluators: dict[tuple[object, ...], Evaluator] = {}
        self._kept: list[Document] = []
        self._bounds = _Bounds(None, None)
        if state.lineage is not None:
            self._bounds = _Bounds(scps_of(state.lineage), rcps_of(state.lineage))
        self._in_organization, self._in_none = organization_keys(state.lineage)

    def only(self, user: str) -> "Ways":
        """Give the same ways, but of one user."""
        found = copy(self)
        found.users = (user,) if user in self.users else ()
        return found

    def of(self, user: str) -> Iterator[Way]:
        """Give the ways of somebody by the name of their IAM user, in the order of the module's first line."""
        yield from self._of_user(user)
        for entry in self._state.entries.get(user, ()):
            yield self._by_center(user, entry)

    def _by_center(self, user: str, entry: Entry) -> Way:
        policies, missing = self._attached(entry.attached)
        policies.extend(
            self._policy(f"permission set {entry.permission_set}/{name}", document)
            for name, document in sorted(entry.inline.items())
        )
        boundary, beyond = self._bounding(entry.boundary)
        keys = {"identitystore:UserId": entry.user, **self._in_organization}
        unknown = _UNKNOWN_OF_CENTER
        if entry.role is not None:
            keys["aws:PrincipalArn"] = entry.role
        else:
            unknown |= {"aws:principalarn"}
        made = entry.role.rpartition("/")[2] if entry.role is not None else f"AWSReservedSSO_{entry.permission_set}"
        session = f"arn:aws:sts::{self._state.number}:assumed-role/{made}/{entry.user}"
        evaluator = self._evaluator(tuple(policies), boundary)
        step = Step(evaluator, session, keys, _NOT_OF_CENTER | self._in_none, unknown=unknown)
        name = f"permission set {entry.permission_set}" if entry.permission_set else "Identity Center"
        return Way(user, name, (step,), (*entry.unread, *missing, *beyond), self._state.unread_bounds)

    def _of_user(self, user: str) -> Iterator[Way]:
        found = self._state.users.get(user)
        if found is None:
            return
        policies, missing = self.user_policies(found)
        boundary, beyond = self._boundary(found)
        unread = (*missing, *beyond)
        # Their `aws:userid` is in no document.
        keys = {"aws:username": user, "aws:PrincipalArn": found.arn, **self._in_organization}
        own = Step(self._evaluator(policies, boundary), found.arn, keys, _OF_SESSIONS | self._in_none)
        unread_bounds = self._state.unread_bounds
        yield Way(user, f"user {user}", (own,), unread, unread_bounds)
        for role in self._trusting(found.arn):
            taking = replace(
                own,
                evaluator=self._evaluator(policies, boundary, self._policy(f"role/{role.name}/trust", role.trust)),
                context={**keys, "sts:RoleSessionName": user, "sts:SourceIdentity": user},
                action="sts:AssumeRole",
                resource=role.arn,
            )
            mine, missing = self.role_policies(role)
            its_boundary, beyond = self._boundary(role)
            session = f"arn:aws:sts::{self._state.number}:assumed-role/{role.name}/{user}"
            inside = {**session_context(user), "aws:PrincipalArn": role.arn, **self._in_organization}
            step = Step(self._evaluator(mine, its_boundary), session, inside, _OF_USERS | self._in_none)
            yield Way(user, f"role {role.name}", (taking, step), (*unread, *missing, *beyond), unread_bounds)

    def user_policies(self, user: UserState) -> tuple[tuple[Policy, ...], tuple[str, ...]]:
        """Give the identity policies of a user, those of its groups too, and what could not be read."""
        groups = [self._state.groups[name] for name in sorted(user.groups) if name in self._state.groups]
        attached = set(user.attached).union(*(group.attached for group in groups))
        policies, unread = self._attached(attached)
        for owner, inline in [(f"user/{user.name}", user.inline), *((f"group/{g.name}", g.inline) for g in groups)]:
            policies.extend(self._policy(f"{owner}/{name}", document) for name, document in sorted(inline.items()))
        missing = (f"group {name}" for name in sorted(user.groups) if name not in self._state.groups)
        return tuple(policies), (*unread, *missing)

    def policies_of(self, role: str) -> tuple[tuple[Policy, ...], tuple[str, ...]]:
        """Give the identity policies of one of watchbill's roles by its name; none where there is no such role."""
        found = self._state.roles.get(role)
        return ((), ()) if found is None or found.path != PATH else self.role_policies(found)

    def role_policies(self, role: RoleState) -> tuple[tuple[Policy, ...], tuple[str, ...]]:
        """Give the identity policies of a role, and what could not be read."""
        policies, unread = self._attached(role.attached)
        policies.extend(self._policy(f"role/{role.name}/{name}", doc) for name, doc in sorted(role.inline.items()))
        return tuple(policies), unread

    def _trusting(self, arn: str) -> Iterator[RoleState]:
        """Give the roles whose trust names a user, or names more than users."""
        by_name, others = self._trusted
        for name in sorted({*by_name.get(arn, ()), *others}):
            yield self._state.roles[name]

    @cached_property
    def _trusted(self) -> tuple[Mapping[str, list[str]], list[str]]:
        """Index the roles by the ARNs of users that their trust names; apart, those that name others than users."""
        by_name: dict[str, list[str]] = {}
        others: list[str] = []
        for role in self._state.roles.values():
            if role.path != PATH:
                continue
            names: set[str] = set()
            for statement in self._policy(f"role/{role.name}/trust", role.trust).statements:
                if not statement.allows:
                    continue
                listed = [name for of_kind in (statement.principals or {}).values() for name in of_kind]
                names.update(["*"] if statement.not_principals else listed)
            for name in names:
                by_name.setdefault(name, []).append(role.name)
            if any(":user/" not in name for name in names):
                others.append(role.name)
        return by_name, others

    def _attached(self, arns: Iterable[str]) -> tuple[list[Policy], tuple[str, ...]]:
        found = {arn: self._managed(arn) for arn in sorted(arns)}
        read = [policy for policy in found.values() if policy is not None]
        return read, tuple(arn for arn, policy in found.items() if policy is None)

    def _boundary(self, of: UserState | RoleState) -> tuple[Policy | None, tuple[str, ...]]:
        """Give the permissions boundary of a user or role, None without one, and what could not be read."""
        return self._bounding(of.boundary)

    def _bounding(self, arn: str | None) -> tuple[Policy | None, tuple[str, ...]]:
        if arn is None:
            return None, ()
        found = self._managed(arn)
        return found, () if found is not None else (f"permissions boundary {arn}",)

    def _managed(self, arn: str) -> Policy | None:
        """Give a managed policy, as the account says it or AWS publishes it; None where no document is known."""
        state = self._state.policies.get(arn)
        return _published(arn) if state is None else self._policy(arn, state.document)

    def _policy(self, name: str, document: Document) -> Policy:
        key = (name, id(document))
        found = self._parsed.get(key)
        if found is None:
            self._kept.append(document)  # so that no other document takes its place in memory
            found = self._parsed[key] = _parsed(_Said(name, document, repr(document)))
        return found

    def _evaluator(
        self, identity: tuple[Policy, ...], boundary: Policy | None, trust: Policy | None = None
    ) -> Evaluator:
        # The evaluator that is kept holds these policies, so that no others take their places in memory.
        key = (*map(id, identity), "boundary", id(boundary), "trust", id(trust))
        found = self._evaluators.get(key)
        if found is None:
            bounds = None if boundary is None else (boundary,)
            # Resources have policies of their own, which an account's IAM does not tell.
            layers = Layers(
                identity,
                bounds,
                scps=self._bounds.scps,
                rcps=self._bounds.rcps,
                rcps_of_caller=True,
                resource=trust,
                resource_unread=trust is None,
            )
            found = self._evaluators[key] = Evaluator(layers)
        return found


Levels = tuple[tuple[Policy, ...], ...]
"""Policies of an organization, from the root to the account."""


def scps_of(lineage: Lineage) -> Levels | None:
    """Give the SCPs that bound an account by level; None where none do."""
    return _levels("SCP", [level.scps for level in lineage.levels], lineage) if lineage.has_scps else None


def rcps_of(lineage: Lineage) -> Levels | None:
    """Give the RCPs that bound an account's resources by level; None where none do."""
    return _levels("RCP", [level.rcps for level in lineage.levels], lineage) if lineage.has_rcps else None


def _levels(kind: str, attached: Iterable[tuple[ControlPolicy, ...]], lineage: Lineage) -> Levels | None:
    if lineage.is_management:
        return None
    return tuple(
        tuple(parse_policy(p.document, f"{kind} {p.name} ({p.id}) attached to {level.name}") for p in policies)
        for level, policies in zip(lineage.levels, attached, strict=True)
    )


_ORGANIZATION_ID, _ORGANIZATION_PATHS = "aws:PrincipalOrgID", "aws:PrincipalOrgPaths"


def organization_keys(found: Lineage | None) -> tuple[Mapping[str, str], frozenset[str]]:
    """Give the keys that say in which organization a caller is, and those that are never there where it is in none.

    The management account is at the root (IAM User Guide, "AWS global condition context keys").
    """
    if found is None:
        return {}, frozenset()
    if not found.levels:
        return {}, frozenset({_ORGANIZATION_ID.lower(), _ORGANIZATION_PATHS.lower()})
    path = "/".join([found.organization, *(level.id for level in found.levels[:-1])])
    return {_ORGANIZATION_ID: found.organization, _ORGANIZATION_PATHS: f"{path}/"}, frozenset()


@dataclass(frozen=True, slots=True)
class _Said:
    """A document under its name; those that say the same under one name are one."""

    name: str
    document: Document = field(compare=False)
    text: str
    """All of the document: of what JSON can say, no two things are written alike."""


@lru_cache(maxsize=512)
def _parsed(said: _Said) -> Policy:
    """Parse a document. Those of permission sets are the same at every instant, and so is what is compiled of them."""
    return parse_policy(said.document, said.name)


@lru_cache(maxsize=256)
def _published(arn: str) -> Policy | None:
    """Give a policy of AWS's own in its newest version; None for others, and where it is not known which that is."""
    found = managed_policy(arn) if ":iam::aws:policy/" in arn else None
    return parse_policy(found.document, arn) if isinstance(found, ManagedPolicy) else None


def session_context(user: str) -> dict[str, str]:
    """Give the context keys of a role session that the trust policy pinned to a user's name."""
    return {"aws:userid": f"AROA:{user}", "aws:SourceIdentity": user}
