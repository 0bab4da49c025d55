"""An organization of AWS: its tree, and the policies attached along it, which bound all that its accounts may do.

A service control policy (SCP) bounds the users and roles of an account, a resource control policy (RCP) its resources.
Every level from the root to the account must allow; a Deny at any level denies (Organizations User Guide, "SCP
evaluation" and "RCP evaluation"). Neither bounds the management account.
"""

from collections.abc import Mapping
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
    target = organization.targets.get(number)
    if target is None:
        raise ProviderError(f"account {number} is not in the organization {organization.id}, which was read")
    line = [target]
    while line[0].parent is not None:
        line.insert(0, organization.targets[line[0].parent])
    levels = tuple(
        LineageLevel(
            each.id, f"{each.kind} {each.name}", _policies(organization, SCP, each), _policies(organization, RCP, each)
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


def _policies(organization: Organization, kind: str, target: Target) -> tuple[ControlPolicy, ...]:
    return tuple(
        policy
        for policy in sorted(organization.policies.values(), key=lambda each: each.id)
        if policy.kind == kind and target.id in organization.attached.get(policy.id, ())
    )


def under(team: Team, states: Mapping[str, AccountState], known: Known) -> Mapping[str, AccountState]:
    """Lay over the accounts what their organization bounds them by, where the team file names it."""
    return states if team.organization is None else {name: _bounded(state, known) for name, state in states.items()}


def bounds_of(known: Known, number: str) -> Lineage | str:
    """Give what bounds an account by its number; a text says why that is not known."""
    if known is None:
        return NOWHERE
    if isinstance(known, str):
        return known
    try:
        return lineage(known, number)
    except ProviderError as error:
        return str(error)


def _bounded(state: AccountState, known: Known) -> AccountState:
    found = bounds_of(known, state.number)
    if isinstance(found, str):
        return replace(state, lineage=None, unread_bounds=(f"organization policies: {found}",))
    return replace(state, lineage=found)
