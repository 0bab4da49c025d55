"""Decide a request as AWS would, from every layer of policies that applies to it.

The rules, in order (IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation logic"):

1. What a service decides itself (`services`), it decides.
2. An explicit Deny that applies, in any layer, decides. One of all principals but some denies whoever has a boundary.
3. Organization policies must allow at every level: those of the caller's organization (SCP; not for the management
   account, service-linked roles, or callers that are no IAM identity), and those of the resource's (RCP; a level that
   only denies leaves what AWS's own full access allows). An endpoint's policy must allow.
4. Within an account an Allow is needed in an identity policy or in the resource's; the boundary and the session policy
   must allow too. A resource's policy that names a user or a session by its own ARN, or anyone, overrides the
   boundary; one that names a session, also the session policy. Naming the account, it only lets identity policies
   allow. A role's trust policy and a key's policy must allow in any case.
5. Across accounts the identity, boundary and session policies must allow, and the resource's as well.
6. A caller without policies of its own (a service, a provider, anyone) needs the resource's policy alone.

Three-valued throughout: a statement whose condition hangs on a key that is not known may apply. The answer is what it
is whether such statements apply or not; where they matter, it depends.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from watchbill.policy.context import Context, resource_account
from watchbill.policy.model import Decision, Effect, Kind, Origin, Principal, Request
from watchbill.policy.principals import Naming
from watchbill.policy.rules import Policy, Rule
from watchbill.policy.services import BY_SERVICE, always_allowed, fixed, must_allow


@dataclass(frozen=True, slots=True)
class Layers:
    """The policies that apply to a request. A layer that is None is not there; one that is empty allows nothing."""

    identity: tuple[Policy, ...] = ()
    boundary: tuple[Policy, ...] | None = None
    session: tuple[Policy, ...] | None = None
    scps: tuple[tuple[Policy, ...], ...] | None = None
    """By level of the caller's organization, from the root to the account."""
    rcps: tuple[tuple[Policy, ...], ...] | None = None
    """By level of the resource's organization."""
    resource: Policy | None = None
    """The resource's policy, or a role's trust policy."""
    resource_unread: bool = False
    """Whether the resource may have a policy that is not known: then what it must allow depends.

    What it might give beyond what identity policies give, or deny, is not counted.
    """
    endpoint: tuple[Policy, ...] | None = None
    """Of the VPC endpoint that the request came through."""
    in_management_account: bool = False
    """Whether the caller is of the organization's management account."""
    service_linked: bool = False
    """Whether the caller is a service-linked role."""
    rcps_of_caller: bool = False
    """Whether `rcps` are of the caller's own account: those that bound a resource of another are not known."""


@dataclass(frozen=True, slots=True)
class Level:
    """The rules of one layer, or of one level of an organization, that speak of one action."""

    name: str
    denies: tuple[Rule, ...]
    allows: tuple[Rule, ...]

    def only(self, rules: Collection[Rule]) -> "Level":
        """Leave out all but some rules."""
        return Level(
            self.name, tuple(r for r in self.denies if r in rules), tuple(r for r in self.allows if r in rules)
        )


@dataclass(slots=True)
class _Found:
    """What the rules of one level say of a request."""

    name: str
    denies: list[Rule] = field(default_factory=list)
    may_deny: list[Rule] = field(default_factory=list)
    allows: list[Rule] = field(default_factory=list)
    may_allow: list[Rule] = field(default_factory=list)
    named: Naming = Naming.NOT
    """How directly an Allow that applies names the caller, in a resource's policy."""
    may_name: Naming = Naming.NOT


Applies = Callable[[Rule], bool | None]
"""Tells whether a rule applies; None where it may."""

REMEMBERED = 20_000
"""Actions whose levels are remembered: action names come from trails, so their number is not ours to say."""


class Evaluator:
    """Decides requests under one set of layers; what it learns of an action it keeps for the next request."""

    __slots__ = ("_levels", "_plain", "_plans", "layers")

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self._levels = tuple(_levels(layers))
        self._plain = layers.resource is None and layers.endpoint is None
        self._plain = self._plain and not layers.in_management_account and not layers.service_linked
        self._plans: dict[str, tuple[Level, ...]] = {}

    def decide(self, request: Request) -> Decision:
        """Decide a request."""
        action = request.action.lower()
        if (by_service := decided_by_service(request)) is not None:
            return by_service
        context = Context(request)
        if self._plain and _has_plain_policies(request.principal) and not action.startswith(BY_SERVICE):
            plainly = None if crosses(request) else _plainly(self.speaking_of(action), context)
            if plainly is not None:
                return plainly
        return self.settle(request, self.asked(request), lambda rule: rule.applies(context), lambda: context)

    def settle(
        self, request: Request, levels: Iterable[Level], applies: Applies, context: Callable[[], Context]
    ) -> Decision:
        """Decide a request of which it is known which rules apply; `context` is asked where one may apply.

        Whether a service decides the request itself is not asked.
        """
        bounded = self.layers.boundary is not None
        found = [_read(level, applies, request.principal, bounded=bounded) for level in levels]
        return _decide(found, Way(self.layers, request), context)

    def asked(self, request: Request) -> tuple[Level, ...]:
        """Give the rules of every level that is asked for a request, by its action and who asks."""
        levels, principal = self.speaking_of(request.action.lower()), request.principal
        if principal is None and not self.layers.in_management_account and not self.layers.service_linked:
            return levels
        return tuple(level for level in levels if self.is_asked(level.name, request))

    def speaking_of(self, action: str) -> tuple[Level, ...]:
        """Give the rules of every level that speak of an action in lower case."""
        found = self._plans.get(action)
        if found is None:
            if len(self._plans) >= REMEMBERED:
                self._plans.clear()
            found = self._plans[action] = tuple(_level(name, policies, action) for name, policies in self._levels)
        return found

    def is_asked(self, name: str, request: Request) -> bool:
        """Tell whether a layer is asked, by who asks for what."""
        principal = request.principal
        if name == "scp":
            return under_scps(self.layers, principal)
        if name == "rcp":
            # Neither service-linked roles nor the management account's own resources are under RCPs.
            own = self.layers.in_management_account and has_policies(principal) and not crosses(request)
            elsewhere = self.layers.rcps_of_caller and crosses(request)
            return not (self.layers.service_linked or own or elsewhere)
        return name not in OWN or has_policies(principal)


def _plainly(levels: Sequence[Level], context: Context) -> Decision | None:
    """Decide where every level must allow and nothing hangs; None where something does: then it takes the long way."""
    denied: Decision | None = None
    given: list[Origin] = []
    blocked: str | None = None
    for level in levels:
        denies, allows = _hits(level.denies, context), _hits(level.allows, context)
        if denies is None or allows is None:
            return None
        if denies and denied is None:
            denied = Decision(Effect.EXPLICITLY_DENIED, level.name, tuple(denies), (), ())
        if not allows and blocked is None:
            blocked = level.name
        given += allows
    if denied is not None:
        return denied
    if blocked is not None:
        return Decision(Effect.IMPLICITLY_DENIED, blocked, (), (), ())
    return Decision(Effect.ALLOWED, None, tuple(given), (), ())


def _hits(rules: Iterable[Rule], context: Context) -> list[Origin] | None:
    """Give the rules that apply; None where one may."""
    found = []
    for rule in rules:
        applies = rule.applies(context)
        if applies is None:
            return None
        if applies:
            found.append(rule.origin)
    return found


def _level(name: str, policies: Sequence[Policy], action: str) -> Level:
    speaking = [policy.speaking_of(action) for policy in policies]
    denies, allows = (r for s in speaking for r in s.denies), (r for s in speaking for r in s.allows)
    full = name == "rcp" and not any(each.allows for policy in policies for each in policy.statements)
    return Level(name, tuple(denies), tuple(allows) if not full else (FULL_ACCESS,))


FULL_ACCESS = Rule(Origin("RCPFullAWSAccess", 0), allows=True, predicates=(), principals=None)
"""Attached to every part of an organization that uses RCPs, and never taken off (Organizations User Guide, "RCPs")."""

NAMING = frozenset({"resource", "trust", "endpoint"})
"""Layers in which a statement speaks of those whom it names."""


OWN = ("identity", "boundary", "session")
"""Layers of the caller's own policies."""


def evaluate(
    request: Request,
    *,
    identity: Sequence[Policy],
    boundary: Sequence[Policy] | None = None,
    session: Sequence[Policy] | None = None,
    resource: Policy | None = None,
) -> Decision:
    """Decide one request. A layer that is None is not there; a layer that is empty allows nothing."""
    layers = Layers(
        tuple(identity),
        None if boundary is None else tuple(boundary),
        None if session is None else tuple(session),
        resource=resource,
    )
    return Evaluator(layers).decide(request)


def trusts(request: Request, trust: Policy, principal_arn: str) -> Decision:
    """Decide whether a role's trust policy lets a principal of its own account take the role.

    A principal that is the whole account counts as naming the principal; the identity's own policies are asked apart.
    """
    asked = replace(request, principal=Principal.of(principal_arn))
    context = Context(asked)
    level = _level("trust", (trust,), request.action.lower())
    found = _read(level, lambda rule: rule.applies(context), asked.principal, bounded=False)
    return _decide([found], None, lambda: context)


def decided_by_service(request: Request) -> Decision | None:
    """Give the decision of what a service decides itself, whatever policies say; None where they decide."""
    if not request.action.lower().startswith(BY_SERVICE):
        return None
    if always_allowed(request):
        return Decision(Effect.ALLOWED, None, (), (), ())
    if fixed(request.action.lower(), request.resource):
        return Decision(Effect.IMPLICITLY_DENIED, "service", (), (), ())
    return None


def crosses(request: Request) -> bool:
    """Tell whether a caller asks for a resource of another account; not where either account is not known."""
    account, other = request.principal.account if request.principal else None, resource_account(request)
    return account is not None and other is not None and account != other


def under_scps(layers: Layers, principal: Principal | None) -> bool:
    """Tell whether service control policies apply to a caller."""
    return not layers.in_management_account and not layers.service_linked and has_policies(principal)


def has_policies(principal: Principal | None) -> bool:
    """Tell whether a caller is an IAM identity, which has policies of its own."""
    return principal is None or principal.kind is Kind.AWS


def _has_plain_policies(principal: Principal | None) -> bool:
    return has_policies(principal) and (principal is None or principal.entity[0] != "root")


def _levels(layers: Layers) -> Iterator[tuple[str, tuple[Policy, ...]]]:
    for level in layers.scps or ():
        yield "scp", level
    for level in layers.rcps or ():
        yield "rcp", level
    if layers.endpoint is not None:
        yield "endpoint", layers.endpoint
    if layers.resource is not None:
        yield "resource", (layers.resource,)
    yield "identity", layers.identity
    if layers.boundary is not None:
        yield "boundary", layers.boundary
    if layers.session is not None:
        yield "session", layers.session


def _read(level: Level, applies_to: Applies, principal: Principal | None, *, bounded: bool) -> _Found:
    found = _Found(level.name)
    asks = level.name in NAMING
    for rule in level.denies:
        if not asks or (bounded and excepts(rule) and has_policies(principal)) or names(level.name, rule, principal):
            applies = applies_to(rule)
            if applies is not False:
                (found.denies if applies else found.may_deny).append(rule)
    for rule in level.allows:
        how = names(level.name, rule, principal) if asks else Naming.ANYONE
        if not how:
            continue
        applies = applies_to(rule)
        if applies:
            found.allows.append(rule)
            found.named = max(found.named, how)
        elif applies is None:
            found.may_allow.append(rule)
            found.may_name = max(found.may_name, how)
    return found


def excepts(rule: Rule) -> bool:
    """Tell whether a rule speaks of all principals but some."""
    return rule.principals is not None and rule.principals.negated


def names(layer: str, rule: Rule, principal: Principal | None) -> Naming:
    """Tell how directly a rule of a resource's policy names a caller; one that is not known only as anyone.

    A statement that names nobody speaks of nobody in a resource's policy, of everyone in an endpoint's.
    """
    if rule.principals is None:
        return Naming.ANYONE if layer == "endpoint" else Naming.NOT
    return rule.principals.naming(principal, denies=not rule.allows)


class Way:
    """What must allow for a request to be allowed: rules 3 to 6."""

    __slots__ = ("_crosses", "_entity", "_must", "_own", "_unread")

    def __init__(self, layers: Layers, request: Request) -> None:
        principal = request.principal
        self._own = has_policies(principal)
        self._entity = principal.entity[0] if principal else ""
        self._unread = layers.resource is None and layers.resource_unread
        may_have_policy = layers.resource is not None or layers.resource_unread
        self._must = must_allow(request.action.lower(), request.resource, has_policy=may_have_policy, some=request.some)
        self._crosses = crosses(request)

    def blocked(self, levels: Iterable[tuple[str, bool]], named: Naming, *, generous: bool = False) -> str | None:
        """Name the first layer that keeps a request from being allowed.

        `levels` are names of layers and whether an Allow of theirs applies, `named` how directly the resource's names
        the caller; `generous` takes a resource's policy that is not known to allow.
        """
        own: dict[str, bool] = {}
        for name, allows in levels:
            if name in OWN:
                own[name] = allows
            elif not allows and name != "resource":
                return name
        must = not generous if self._must is None else self._must
        if self._unread and generous and (self._crosses or must or not self._own):
            named = Naming.ACCOUNT if self._own else Naming.DIRECT
        if not self._own:
            return None if named > Naming.ACCOUNT else "resource"
        if named is Naming.NOT and (self._crosses or must):
            return "resource"
        return self._by_own(own, named)

    def _by_own(self, own: dict[str, bool], named: Naming) -> str | None:
        itself = self._entity == "root"  # the account's root user has full access of its own
        if not own["identity"] and (self._crosses or (named <= Naming.ACCOUNT and not itself)):
            return "identity"
        overridden: tuple[str, ...] = ()
        if named >= Naming.ANYONE and not self._crosses:
            by_session = named is Naming.DIRECT and self._entity in ("assumed-role", "federated-user")
            overridden = ("boundary", "session") if by_session else ("boundary",)
        return next(
            (name for name in ("boundary", "session") if own.get(name) is False and name not in overridden), None
        )


def _decide(found: Sequence[_Found], way: Way | None, context: Callable[[], Context]) -> Decision:
    hanging = {rule: rule.hangs_on(context()) for each in found for rule in (*each.may_deny, *each.may_allow)}
    surfaced = tuple((rule.origin, reason) for rule, (_, reason) in hanging.items() if reason)
    for each in found:
        if each.denies:
            return Decision(Effect.EXPLICITLY_DENIED, each.name, _origins(each.denies), (), surfaced)
    if (layer := _blocked(way, found, generous=True)) is not None:
        return Decision(Effect.IMPLICITLY_DENIED, layer, (), (), surfaced)
    blocked = _blocked(way, found, generous=False)
    may_deny = [each for each in found if each.may_deny]
    if blocked is None and not may_deny:
        return Decision(Effect.ALLOWED, None, _origins(r for each in found for r in each.allows), (), surfaced)
    rules = [rule for each in found for rule in each.may_deny]
    if blocked is not None:
        rules += [rule for each in found if not each.allows or each.may_name > each.named for rule in each.may_allow]
    keys = dict.fromkeys(key for rule in rules for key in hanging[rule][0])
    layer = blocked if blocked is not None else may_deny[0].name
    return Decision(Effect.DEPENDS, layer, _origins(rules), tuple(keys), surfaced)


def _blocked(way: Way | None, found: Sequence[_Found], *, generous: bool) -> str | None:
    levels = [(each.name, bool(each.allows) or (generous and bool(each.may_allow))) for each in found]
    if way is None:
        return next((name for name, allows in levels if not allows), None)
    named = max(
        (max(f.named, f.may_name) if generous else f.named for f in found if f.name == "resource"), default=Naming.NOT
    )
    return way.blocked(levels, named, generous=generous)


def _origins(rules: Iterable[Rule]) -> tuple[Origin, ...]:
    return tuple(rule.origin for rule in rules)
