"""Measure compiling and planning for a large team on CPU time, with memory, and count the calls of plans.

5,000 people, 300 job roles of 50 people (everyone is in three), 40 permission sets (a third each of managed policies,
of capabilities, of documents), 20 rotas of 24 people, 20 accounts or as many as are asked for (the figures that follow
are of 20). A job role holds one set in three accounts, and each
fifteenth job role holds one in all of them; a rota works in five accounts, its primary following the sun in three
layers and its secondary around the clock, with a grace of 15 minutes and a horizon of 14 days. So an account has some
62 job roles, five rotas of two kinds and half of the people.

Each figure is the least of several runs. Plans are made in processes of their own, from states read from a file, as
from what was cached of AWS, so that the memory is theirs alone; what they do is checked before it is printed.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from bench_team import HERE, Size, make_team

from watchbill.access.compile import Compiler, nothing
from watchbill.access.model import AccountState, Plan
from watchbill.access.plan import Applied, make_plan
from watchbill.access.plan_file import read_plan, write_plan
from watchbill.intervals import Interval
from watchbill.schedule.oncall import shifts
from watchbill.team.model import Kind, Override, Team


DAY = timedelta(days=1)
MONDAY = datetime(2026, 1, 12, 12, tzinfo=UTC)
TUESDAY = MONDAY + DAY
SIZE = Size(5_000, 300, 40, 20, 20, 24, date(2026, 1, 5), everywhere=15)
PAGE = 1000
"""Objects on a page of GetAccountAuthorizationDetails at the most, which is asked for (IAM API Reference)."""
SCENES = ("nothing changes", "a day later, a swap and edits", "the same, knowing what was applied", "empty accounts")


def swapped(base: Team) -> Team:
    """Give a team in which somebody takes a shift of rota-00 tomorrow, four hours of it."""
    span = Interval(TUESDAY + DAY, TUESDAY + DAY + timedelta(hours=4))
    found = base.rotas["rota-00"]
    on = next(each.person for each in shifts(found, span) if each.kind is Kind.PRIMARY)
    other = next(each for each in found.people if each != on)
    swap = Override("sw-1", Kind.PRIMARY, span, other, on, "dentist", "person-0000", HERE)
    return replace(base, rotas={**base.rotas, found.name: replace(found, overrides=(swap,))})


def joined(base: Team) -> Team:
    """Give a team in which somebody new is in three job roles, none of which is everywhere."""
    new = replace(base.people["person-0000"], name="new", iam_user="new", email="new@example.com")
    members = {name: (*base.groups[name].members, "new") for name in ("role-001", "role-002", "role-003")}
    return replace(with_members(base, members), people={**base.people, "new": new})


def edited(base: Team) -> Team:
    """Give a team in which ten people are in one job role less, and five in one more."""
    names = [f"role-{7 * number + 1:03}" for number in range(15)]
    members = {name: base.groups[name].members[1:] for name in names[:10]}
    members |= {name: (*base.groups[name].members, "person-4999") for name in names[10:]}
    return with_members(base, members)


def with_members(base: Team, members: dict[str, tuple[str, ...]]) -> Team:
    """Give a team in which some groups have other members."""
    changed = {name: replace(base.groups[name], members=tuple(dict.fromkeys(to))) for name, to in members.items()}
    return replace(base, groups={**base.groups, **changed})


def observed(base: Team, at: datetime) -> dict[str, AccountState]:
    """Give what the accounts hold once the team is applied."""
    compiler = Compiler(base, at)
    found = {account.name: compiler.account(account, nothing(account)) for account in base.accounts.values()}
    problems = {problem for each in found.values() for problem in each.problems}
    assert not problems, sorted(map(str, problems))[:3]
    return {name: replace(each.state, quotas={"GroupsQuota": 500}) for name, each in found.items()}


def spent(work: Callable[[], Any], rounds: int) -> float:
    """Give the least CPU time of several runs, in seconds."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def memory() -> float:
    """Give the most memory that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def scene(base: Team, name: str, states: Path, rounds: int) -> dict[str, Any]:
    """Make the plan of a scene, and write and read it; give figures."""
    there = msgspec.json.decode(states.read_bytes(), type=dict[str, AccountState])
    before = memory()
    now, at, applied = base, MONDAY + timedelta(minutes=5), None
    if name == SCENES[3]:
        there = {account.name: nothing(account) for account in base.accounts.values()}
    elif name != SCENES[0]:
        now, at = edited(swapped(base)), TUESDAY
        applied = Applied(base, MONDAY) if name == SCENES[2] else None
    made: list[Plan] = []
    seconds = spent(lambda: made.append(make_plan(now, there, at, (), applied)), rounds)
    peak, plan = memory(), made[-1]
    assert not plan.problems, plan.problems[:3]
    assert bool(plan.changes) is (name != SCENES[0]), len(plan.changes)
    written = write_plan(plan)
    assert read_plan(written, "plan.json") == plan
    return {
        "seconds": seconds,
        "before": before,
        "peak": peak,
        "changes": len(plan.changes),
        "drift": len(plan.drift),
        "bytes": len(written),
        "id": plan.id,
        "write": spent(lambda: write_plan(plan), rounds),
        "read": spent(lambda: read_plan(written, "plan.json"), rounds),
    }


def scenes(accounts: int, states: Path, rounds: int) -> None:
    """Measure each scene in a process of its own, and print."""
    heads = (
        f"{'CPU s':>8}{'MiB':>7}{'of these, the states':>22}{'changes':>9}{'file, MB':>10}{'write':>8}{'read':>7}  id"
    )
    print(f"{'plan':<36}{heads}")
    for name in SCENES:
        line = [sys.executable, __file__, "--scene", name, "--states", str(states)]
        line += ["--rounds", str(rounds), "--accounts", str(accounts)]
        found = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - this very file
        print(
            f"{name:<36}{found['seconds']:>8.2f}{found['peak']:>7,.0f}{found['before']:>22,.0f}{found['changes']:>9,}"
            f"{found['bytes'] / 1e6:>10.1f}{found['write']:>8.2f}{found['read']:>7.2f}  {found['id']}"
        )


def calls(base: Team, there: dict[str, AccountState]) -> None:
    """Count the calls of a plan and of its application, by what changed; one change is one call."""
    # Where the day's roll is done already, what is left is the edit's alone.
    today = observed_after(base, there, TUESDAY)
    later = observed_after(base, today, TUESDAY + DAY)
    counted = {
        "the daily roll, when people come into the horizon": make_plan(
            base, observed_after(base, there, MONDAY), TUESDAY
        ),
        "the daily roll of most days": make_plan(base, later, TUESDAY + 2 * DAY),
        "a swap, the day rolled already": make_plan(swapped(base), today, TUESDAY),
        "a joiner of three job roles, likewise": make_plan(joined(base), today, TUESDAY),
    }
    for what, plan in counted.items():
        accounts = len({change.account for change in plan.changes})
        by = Counter(change.call.operation for change in plan.changes)
        said = ", ".join(f"{number} {operation}" for operation, number in by.items())
        print(f"{what}: {len(plan.changes)} calls in {accounts} accounts: {said}")
    objects = [len(each.users) + len(each.groups) + len(each.roles) + len(each.policies) for each in there.values()]
    pages = [-(-each // PAGE) for each in objects]
    print(
        f"to read: {sum(pages) + 3 * len(pages):,} calls; {min(pages)} to {max(pages)} pages and three for each account"
    )


def observed_after(base: Team, there: dict[str, AccountState], at: datetime) -> dict[str, AccountState]:
    """Give what the accounts hold after the plan of an instant, and after many before: no version is free."""
    compiler = Compiler(base, at)
    found = {}
    for name, state in there.items():
        made = compiler.account(base.accounts[name], state).state
        policies = {arn: replace(each, versions=("v1", "v2", "v3", "v4")) for arn, each in made.policies.items()}
        found[name] = replace(made, policies=policies, quotas=state.quotas)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each step is run [default: 3]")
    parser.add_argument("--accounts", type=int, default=SIZE.accounts, help="how many accounts [default: 20]")
    parser.add_argument("--scene", choices=SCENES, help=argparse.SUPPRESS)
    parser.add_argument("--states", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    base = make_team(replace(SIZE, accounts=given.accounts))
    if given.scene:
        print(json.dumps(scene(base, given.scene, given.states, given.rounds)))
        return
    there = observed(base, MONDAY)
    users = [len(each.users) for each in there.values()]
    held = sum(len(user.groups) for each in there.values() for user in each.users.values())
    print(f"{sum(users):,} users in {len(users)} accounts, {min(users):,} to {max(users):,}; {held:,} memberships")
    seconds = spent(lambda: observed(base, MONDAY), given.rounds)
    print(f"compile all accounts: {seconds:.2f} s; {memory():,.0f} MiB in all")
    with tempfile.TemporaryDirectory() as folder:
        states = Path(folder, "states.json")
        states.write_bytes(msgspec.json.encode(there))
        scenes(given.accounts, states, given.rounds)
    calls(base, there)


if __name__ == "__main__":
    main()
