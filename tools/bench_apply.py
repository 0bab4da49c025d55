"""Measure how long a plan for many accounts takes to be carried out, one account after another and side by side.

The first plan of the sample team, in as many accounts as are asked for. The calls go over HTTP to the stand-in, each
after a wait as long as IAM takes to answer a change. Every account is read back before a figure is printed: a plan
after it is empty. Wall-clock time, with what others do on this machine in it.
"""

import argparse
import time
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources

from watchbill.access.apply import apply
from watchbill.access.model import Change, State
from watchbill.access.plan import make_plan
from watchbill.aws.accounts import Accounts
from watchbill.aws.iam import AwsCloud
from watchbill.sim.stand_in import StandIn
from watchbill.team.files import parse
from watchbill.team.model import Team


KEYS = ("any", "any")
AT = datetime(2026, 1, 12, 12, tzinfo=UTC)


def sample(accounts: int) -> Team:
    """Give the sample team with what it has in production in so many accounts."""
    found = parse(resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8"), "watchbill.yaml")
    one = found.accounts["production"]
    made = {f"a{n:03}": replace(one, name=f"a{n:03}", number=f"{n + 1:012}", role="watchbill") for n in range(accounts)}
    groups = {
        name: replace(group, access=tuple(replace(each, accounts=tuple(made)) for each in group.access))
        for name, group in found.groups.items()
    }
    rotas = {name: replace(rota, accounts=tuple(made)) for name, rota in found.rotas.items()}
    return replace(found, accounts=made, groups=groups, rotas=rotas, break_glass=())


def measured(accounts: int, lanes: int, wait: float) -> tuple[int, float]:
    """Give the number of calls of a first plan, and the seconds that they take."""
    of = sample(accounts)
    with StandIn() as stand_in:
        cloud = AwsCloud(Accounts(stand_in.endpoint, KEYS))
        plan = make_plan(of, {name: cloud.look(account) for name, account in of.accounts.items()}, AT)

        def perform(change: Change) -> None:
            time.sleep(wait)
            cloud.perform(of.accounts[change.account], change.call)

        begun = time.perf_counter()
        failed = [each for each in apply(plan.changes, perform, lanes=lanes) if each.state is not State.DONE]
        took = time.perf_counter() - begun
        left = make_plan(of, {name: cloud.look(account) for name, account in of.accounts.items()}, AT).changes
        if failed or left:
            raise SystemExit(f"{len(failed)} failed, {len(left)} are left to do: {failed[:1]}")
    return len(plan.changes), took


def main() -> None:
    """Print how long it takes each way."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--accounts", type=int, nargs="*", default=[20, 100])
    asked.add_argument("--lanes", type=int, nargs="*", default=[1, 16])
    asked.add_argument("--wait", type=float, default=0.15, help="Seconds that IAM takes for each change.")
    given = asked.parse_args()
    for accounts in given.accounts:
        for lanes in given.lanes:
            calls, took = measured(accounts, lanes, given.wait)
            print(f"{accounts} accounts, {calls} calls, {lanes} accounts at once: {took:.0f} s", flush=True)


if __name__ == "__main__":
    main()
