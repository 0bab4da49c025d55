"""Measure how long it takes to assign permission sets of Identity Center in many accounts, one by one and side by side.

The calls go over HTTP to the stand-in, which answers twenty a second, lets ten changes go on at once, and says three
times of each that it goes on yet, as AWS would for some seconds; watchbill keeps its own pace of fifteen. Every
assignment is read back before a figure is printed. Wall-clock time, with what others do on this machine in it.
"""

import argparse
import time
from dataclasses import replace

from watchbill.access.apply import OUTSTANDING, apply
from watchbill.access.center.state import PLACE
from watchbill.access.model import Call, Change, Outcome, Phase, State
from watchbill.aws.accounts import CENTER_RATE, Accounts
from watchbill.aws.identity_center import Center
from watchbill.aws.pace import Pace
from watchbill.errors import Location
from watchbill.sim.center_gaps import Rates
from watchbill.sim.stand_in import StandIn
from watchbill.team.model import Account, IdentityCenter


REGION = "eu-west-1"
KEYS = ("any", "any")
HERE = Location("bench", 1)
SETS = 2


def measured(accounts: int, lanes: int) -> float:
    """Give the seconds that it takes to assign each set in each account."""
    with StandIn(center=Rates(20, answers=3, outstanding=10)) as stand_in:
        reached = Accounts(stand_in.endpoint, KEYS, pace=Pace(CENTER_RATE))
        root = Account("root", "123456789012", "", None, HERE)
        admin = reached.client(root, "sso-admin", REGION)
        found = admin.list_instances()["Instances"][0]
        where = IdentityCenter("root", REGION, found["IdentityStoreId"], found["InstanceArn"], None, None, HERE)
        made = [admin.create_permission_set(InstanceArn=where.instance, Name=f"s{n}") for n in range(SETS)]
        sets = [each["PermissionSet"]["PermissionSetArn"] for each in made]
        given = [
            {
                "InstanceArn": where.instance,
                "TargetId": f"{number:012}",
                "TargetType": "AWS_ACCOUNT",
                "PermissionSetArn": each,
                "PrincipalType": "USER",
                "PrincipalId": "u-1",
            }
            for number in range(1, accounts + 1)
            for each in sets
        ]
        create = Call("CreateAccountAssignment", {}, "sso-admin", REGION)
        changes = [Change(PLACE, Phase.GRANT, replace(create, parameters=each), "") for each in given]
        center = Center(reached)
        begun = time.perf_counter()
        outcomes: list[Outcome] = list(
            apply(changes, lambda change: center.perform(where, root, change.call), lanes=lanes)
        )
        took = time.perf_counter() - begun
        failed = [outcome.error for outcome in outcomes if outcome.state is not State.DONE]
        held = reached.client(root, "sso-admin", REGION).get_paginator("list_account_assignments_for_principal")
        asked = {"InstanceArn": where.instance, "PrincipalId": "u-1", "PrincipalType": "USER"}
        there = sum(len(page["AccountAssignments"]) for page in held.paginate(**asked))
        if failed or there != len(changes):
            raise SystemExit(f"{len(failed)} failed, {there} of {len(changes)} are there: {failed[:1]}")
        return took


def main() -> None:
    """Print how long it takes each way."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--accounts", type=int, default=100)
    asked.add_argument("--lanes", type=int, nargs="*", default=[1, OUTSTANDING])
    given = asked.parse_args()
    for lanes in given.lanes:
        took = measured(given.accounts, lanes)
        print(f"{given.accounts} accounts, {given.accounts * SETS} assignments, {lanes} at once: {took:.0f} s")


if __name__ == "__main__":
    main()
