"""What the team file gives in an account, by IAM and by Identity Center, without asking AWS what there is."""

from collections.abc import Collection
from datetime import datetime

from watchbill.access.center.compile import compile_center
from watchbill.access.center.entries import entered
from watchbill.access.center.state import CenterState
from watchbill.access.compile import Compiler, nothing
from watchbill.access.entitlements import uses_center
from watchbill.access.model import AccountState, Freeze
from watchbill.team.model import Account, Team


def declared_state(team: Team, account: Account, at: datetime, freezes: Collection[Freeze] = ()) -> AccountState:
    """Give the account as it would be made from nothing, with who comes in by Identity Center.

    Whoever has no user id in the file has their own name for one: it is the same in what is asked and what is written.
    """
    compiler, bare, center = Compiler(team, at, freezes), nothing(account), team.identity_center
    if center is None or not uses_center(team):
        return compiler.state(account, bare)
    people = {name: person.identity_center_user or name for name, person in team.people.items()}
    empty = CenterState(center.instance, center.store, "", people)
    compiled = compile_center(compiler, empty, {account.name: bare})
    compiler.laid = compiled.laid
    state = compiler.state(account, bare)
    return entered({account.name: state}, compiled.state, team)[account.name]
