"""An organization of AWS: its tree, and the policies attached along it, which bound all that its accounts may do.

A service control policy (SCP) bounds the users and roles of an account, a resource control policy (RCP) its resources.
Every level from the root to the account must allow; a Deny at any level denies (Organizations User Guide, "SCP
evaluation" and "RCP evaluation"). Neither bounds the management account.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from watchbill.access.model import AccountState, ControlPolicy, Lineage, LineageLevel
from watchbill.errors import ProviderError
from watchbill.team.model import Team


SCP, RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
"""Types of policies, by AWS's names; the others of an organization bound no requests."""


@dataclass(frozen=True, slots=True)
class Target:
    """What policies are attached to: a root, an organizational unit or an account."""

    id: str
    name: str
    kind: str
    """`root`, `OU` or `account`."""
    parent: str | None
    """The id of what it is in; None of a root."""


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization as it was read."""

    id: str
    management: str
    """The number of its management account."""
    targets: Mapping[str, Target]
    """By id; of an account that is its number."""
    policies: Mapping[str, ControlPolicy]
    attached: Mapping[str, tuple[str, ...]]
    """By policy the ids of what it is attached to."""
    types: frozenset[str]
    """The types of policies that are in force in it, `SCP` and `RCP`."""


Known = Organization | str | None
"""What is known of an organization: None where there is none, a text says why it is not known."""

NOWHERE = Lineage()
"""Of an account that is in no organization."""


def lineage(organization: Organization, number: str) -> Lineage:
    """Give what bounds an account; raises ProviderError where it is in another organization, or in none."""
    return _lineage(organization, number, _by_target(organization))


_Attached = Mapping[tuple[str, str], Sequence[ControlPolicy]]


def _by_target(organization: Organization) -> _Attached:
    """Give the policies that are attached to each target, by kind."""
    found: dict[tuple[str, str], list[ControlPolicy]] = {}
    for policy in sorted(organization.policies.values(), key=lambda each: each.id):
        for target in organization.attached.get(policy.id, ()):
            found.setdefault((policy.kind, target), []).append(policy)
    return found


def _lineage(organization: Organization, number: str, attached: _Attached) -> Lineage:
    target = organization.targets.get(number)
    if target is None:
        raise ProviderError(f"account {number} is not in the organization {organization.id}, which was read")
    line = [target]
    while line[0].parent is not None:
        line.insert(0, organization.targets[line[0].parent])
    levels = tuple(
        LineageLevel(
            each.id,
            f"{each.kind} {each.name}",
            tuple(attached.get((SCP, each.id), ())),
            tuple(attached.get((RCP, each.id), ())),
        )
        for each in line
    )
    return Lineage(
        organization.id,
        levels,
        is_management=number == organization.management,
        has_scps=SCP in organization.types,
        has_rcps=RCP in organization.types,
    )


def under(team: Team, states: Mapping[str, AccountState], known: Known) -> Mapping[str, AccountState]:
    """Lay over the accounts what their organization bounds them by, where the team file names it."""
    if team.organization is None:
        return states
    found = bounds_of(known, {state.number for state in states.values()})
    return {name: _bounded(state, found[state.number]) for name, state in states.items()}


def bounds_of(known: Known, numbers: Iterable[str]) -> dict[str, Lineage | str]:
    """Give what bounds accounts by their numbers; a text says why that is not known."""
    if not isinstance(known, Organization):
        return dict.fromkeys(numbers, NOWHERE if known is None else known)
    attached = _by_target(known)
    found: dict[str, Lineage | str] = {}
    for number in numbers:
        try:
            found[number] = _lineage(known, number, attached)
        except ProviderError as error:
            found[number] = str(error)
    return found


def _bounded(state: AccountState, found: Lineage | str) -> AccountState:
    if isinstance(found, str):
        return replace(state, lineage=None, unread_bounds=(f"organization policies: {found}",))
    return replace(state, lineage=found)
