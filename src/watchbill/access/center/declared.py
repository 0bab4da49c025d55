"""What the team file gives in an account, by IAM and by Identity Center, without asking AWS what there is."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from watchbill.access.center.compile import compile_center
from watchbill.access.center.entries import entered
from watchbill.access.center.state import CenterState, owner_of
from watchbill.access.compile import Compiler, nothing
from watchbill.access.entitlements import uses_center
from watchbill.access.model import AccountState, Freeze
from watchbill.team.model import Account, Team


def declared_state(
    team: Team,
    account: Account,
    at: datetime,
    freezes: Collection[Freeze] = (),
    kept: CenterState | None = None,
) -> AccountState:
    """Give the account as it would be made from nothing, with who comes in by Identity Center.

    What others gave there is as it was read last, where that was `kept`. Whoever has no user id, read or in the file,
    has their own name for one: it is the same in what is asked and what is written.
    """
    compiler, bare, center = Compiler(team, at, freezes), nothing(account), team.identity_center
    if center is None or (kept is None and not uses_center(team)):
        return compiler.state(account, bare)
    read = {} if kept is None else kept.people
    people = {name: read.get(name) or person.identity_center_user or name for name, person in team.people.items()}
    made = CenterState(center.instance, center.store, "", people)
    if uses_center(team):
        compiled = compile_center(compiler, made, {account.name: bare})
        compiler.laid, made = compiled.laid, compiled.state
    state = compiler.state(account, bare)
    return entered({account.name: state}, made if kept is None else _beside(kept, made, team), team)[account.name]


def _beside(kept: CenterState, made: CenterState, team: Team) -> CenterState:
    """Add to what a team file makes what others have there."""
    owner = owner_of(team.name)
    ours = {name for name, each in kept.sets.items() if each.team == owner} | set(made.sets)
    return replace(
        made,
        sets={**kept.sets, **made.sets},
        assignments=made.assignments | {each for each in kept.assignments if each.permission_set not in ours},
        groups={**{name: each for name, each in kept.groups.items() if each.team != owner}, **made.groups},
        unread=kept.unread,
    )
