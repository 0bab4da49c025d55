"""Measure a freeze from the decision to its verification, and what a press costs while instances are killed.

The freeze is over twenty accounts that answer as AWS does: slow, unsteady. The calls go over HTTP to the stand-in. In
front of it each takes 80 to 160 ms more, one in ten is throttled and takes a second more, as botocore would wait, and
what was written is read back only after four seconds. So what is measured is how the work is arranged, in wall-clock
time: accounts side by side, what does not hold yet looked at again. The freeze must hold before a figure is printed.

Then `soak.py` is run, on SQLite and, where `--postgres` names an empty database, on that: 1,000 cases whose questions
are among 10,000 messages, three instances, a kill every 25 seconds or so. What others do on this machine is in the
figures: its load is printed beside them.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import msgspec
from soak import Load, quantile, soak

from watchbill.access.apply import apply
from watchbill.access.model import AccountState, Call, Credentials, State
from watchbill.access.plan import make_plan
from watchbill.alerts.view import CaseView
from watchbill.aws.iam import AwsCloud
from watchbill.aws.shells import Shells
from watchbill.bootstrap import make_app
from watchbill.intervals import iso
from watchbill.service import containment
from watchbill.service.casework import Casework
from watchbill.sim.stand_in import StandIn
from watchbill.store.database import open_store
from watchbill.store.rows import CaseRow
from watchbill.team.files import parse
from watchbill.team.model import Account, Team


ACCOUNTS = 20
MOST = 60.0
"""Seconds that a freeze may take."""
SLOW = (0.08, 0.16)
THROTTLED = 0.1
WAIT = 1.0
SETTLES = 4.0
SHARES = (0.5, 0.95, 0.99, 1.0)

T = TypeVar("T")


def team() -> Team:
    """Make a team of five with a rota that works in all accounts."""
    names = ["james", "rick", "ada", "lee", "sofia"]
    accounts = [f"a{number:02}" for number in range(ACCOUNTS)]
    every = ", ".join(accounts)
    lines = [
        "team: bench",
        "accounts:",
        *(
            f"  {name}: {{number: '{n + 111111111111}', environment: production, role: watchbill}}"
            for n, name in enumerate(accounts)
        ),
        "people:",
        *(f"  {name}: {{name: {name}, email: {name}@example.com}}" for name in names),
        "leads: [sofia]",
        "permission_sets:",
        "  ops: {allow: ['ec2:*', 's3:*']}",
        "groups:",
        f"  staff: {{members: [{', '.join(names)}], access: [{{permission_set: ops, accounts: [{every}]}}]}}",
        "rotas:",
        "  ops:",
        f"    accounts: [{every}]",
        "    entitlement: {primary: ops}",
        "    layers:",
        "      - {name: all, turn: 1w, handoff: {time: '09:00'}, anchor: {date: 2026-01-05, member: james},",
        f"         time_zone: UTC, members: [{', '.join(names[:4])}]}}",
    ]
    return parse("\n".join(lines).encode(), "bench.yaml")


class Unsteady:
    """A cloud that is slow, throttles, and tells for a while of what was there before."""

    def __init__(self, cloud: AwsCloud, seed: int) -> None:
        """Stand before a cloud."""
        self._cloud, self._random, self._lock = cloud, random.Random(seed), Lock()  # noqa: S311 - a workload
        self._until: dict[str, tuple[float, AccountState]] = {}
        self.calls = 0

    def observe(self, account: Account) -> AccountState:
        """Read an account as it was some seconds ago, where it has changed since."""
        self._slowly()
        until, before = self._until.get(account.name, (0.0, None))
        return before if before is not None and time.monotonic() < until else self._cloud.observe(account)

    look = observe

    def credentials(self, account: Account, user: str) -> Credentials:
        """Read credentials: six calls."""
        for _ in range(6):
            self._slowly()
        return self._cloud.credentials(account, user)

    def access_keys(self, account: Account, user: str) -> Any:
        """Read keys."""
        self._slowly()
        return self._cloud.access_keys(account, user)

    def perform(self, account: Account, call: Call) -> None:
        """Make a call; reads tell of it later."""
        until, before = self._until.get(account.name, (0.0, None))
        if before is None or time.monotonic() >= until:
            before = self._cloud.look(account)
        self._slowly()
        self._cloud.perform(account, call)
        self._until[account.name] = (time.monotonic() + SETTLES, before)

    def _slowly(self) -> None:
        with self._lock:
            self.calls += 1
            seconds = self._random.uniform(*SLOW) + (WAIT if self._random.random() < THROTTLED else 0.0)
        time.sleep(seconds)


def case_of(person: str, at: str) -> CaseView:
    """Make the case of somebody who says it was not them."""
    nothing: list[Any] = []
    given = {"first": at, "last": at, "id": "C-1", "person": person, "facts": {"answer": "no"}}
    empty = dict.fromkeys(("kind", "severity", "sentence", "how_known", "why", "question"), "")
    none = dict.fromkeys(("network", "principal", "shift", "leading", "account"))
    lists = dict.fromkeys(("openings", "findings", "evidence", "hypotheses", "actions", "stolen_keys"), nothing)
    return msgspec.convert({**empty, **none, **lists, **given}, CaseView)


def main() -> int:
    """Measure, and say so; 1 where a freeze takes longer than it may, or anything was lost or done twice."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", metavar="URL", help="an empty database")
    given = parser.parse_args()
    places = [("SQLite", None), *([("Postgres", given.postgres)] if given.postgres else [])]
    return max(frozen_over_accounts(given.seed), *(soaked(*place, given.seed) for place in places))


def frozen_over_accounts(seed: int) -> int:
    """Measure a freeze; 1 where it takes longer than it may."""
    of = team()
    with StandIn() as stand_in, tempfile.TemporaryDirectory() as folder, open_store(Path(folder)) as store:
        app = make_app(None, stand_in.endpoint, ("any", "any"))
        at = app.clock.now()
        plan = make_plan(of, app.observe(of), at)
        done = apply(plan.changes, lambda change: app.perform(of, change))
        assert all(outcome.state is State.DONE for outcome in done)
        for account in of.accounts.values():
            app.accounts.client(account, "iam").create_access_key(UserName="james")
        cloud = Unsteady(AwsCloud(app.accounts), seed)
        app = replace(app, cloud=cloud, shells=Shells(app.accounts, ("us-east-1", "eu-west-1")))
        view = case_of("james", iso(at))
        store.cases.put(CaseRow("C-1", at, at, "escalated", "high", "james", "", msgspec.json.encode(view).decode()))
        work = Casework(app, store, of, at, "sofia")
        took = timed(lambda: containment.plan(work, "C-1"))
        print(f"worked out: {took[1]:.1f} s")
        return frozen(work, took[0], cloud)


def frozen(work: Casework, planned: containment.Planned, cloud: Unsteady) -> int:
    """Freeze, and look again until it is seen to hold; print how long that took."""
    begun, calls = time.monotonic(), cloud.calls
    found = containment.freeze(work, planned)
    carried, looks = time.monotonic() - begun, 1
    while not found.holds and time.monotonic() - begun < 2 * MOST:
        time.sleep(1)
        found, looks = containment.recheck(replace(work, at=work.app.clock.now()), found.containment.id), looks + 1
    took = time.monotonic() - begun
    assert found.holds, [check.what for check in found.checks if not check.holds][:5]
    steps, checks = len(planned.containment.changes), len(found.checks)
    print(f"{steps} steps in {ACCOUNTS} accounts, {checks} checks hold: {took:.1f} s from decided to verified")
    print(f"first look after {carried:.1f} s, {looks} looks, {cloud.calls - calls} calls")
    return int(took > MOST)


def soaked(name: str, url: str | None, seed: int) -> int:
    """Kill instances while they tell and hear people; 1 where something is not as it must be."""
    with tempfile.TemporaryDirectory() as folder:
        found = soak(Load(seed=seed), Path(folder), url)
    calm = [press for press in found.presses if press.calm]
    print(
        f"{name}: {found.said:,} messages said in {found.seconds:.0f} s, {len(found.presses)} presses, "
        f"{found.kills} kills, {found.busy} bad moments of Slack's; load average {found.load_average:.1f}"
    )
    for what, presses in (("while an instance leads", calm), ("all", found.presses)):
        for step in ("acknowledged", "answered"):
            shown = [f"{1000 * quantile([getattr(each, step) for each in presses], share):.0f}" for share in SHARES]
            print(f"  {what} ({len(presses)}): {step} within {', '.join(shown)} ms (p50, p95, p99, most)")
    print(
        *(f"  {fault}" for fault in found.faults or ("nothing lost, nothing said twice, one question a case",)),
        sep="\n",
    )
    return int(bool(found.faults))


def timed(run: Callable[[], T]) -> tuple[T, float]:
    """Run something; give what came of it, and how many seconds it took."""
    begun = time.monotonic()
    return run(), time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main())
