"""Measure each step from bytes to judgements, one event at a time, as ratios in one run on CPU time, with memory.

The full pass, in bulk, is measured by `bench_detect.py`.

The unit is what `json.loads` needs for the same bytes in the same run: machines differ, and drift, less in ratios. Each
step is run several times in turn with the others, and its least CPU time counts.
"""

import argparse
import gzip
import json
import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import resources
from uuid import UUID

from watchbill.access.compile import compile_account
from watchbill.detect.baseline import learn
from watchbill.detect.signin import sign_in_findings
from watchbill.intervals import Interval
from watchbill.judge.judge import Judge
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import Request
from watchbill.policy.statements import parse_policy
from watchbill.schedule.oncall import shifts
from watchbill.sim.week import LENGTH, make_week
from watchbill.team.files import parse
from watchbill.trail.attribute import attribute
from watchbill.trail.read import combine, read_file


START = datetime(2026, 1, 12, tzinfo=UTC)
TEAM = parse(resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8"), "watchbill.yaml")


def many_weeks(copies: int) -> list[bytes]:
    """Give the files of the told week, several times over with other event ids, as gzipped bytes."""
    span = Interval(START - timedelta(days=1), START + LENGTH + timedelta(days=1))
    found = [shift for rota in TEAM.rotas.values() for shift in shifts(rota, span)]
    files = [gzip.decompress(file.body) for file in make_week(TEAM, found, START, 0).files]
    bodies = []
    for copy in range(copies):
        for number, text in enumerate(files):
            document = json.loads(text)
            for position, record in enumerate(document["Records"]):
                record["eventID"] = str(UUID(int=(copy << 80) + (number << 32) + position))
            bodies.append(gzip.compress(json.dumps(document, separators=(",", ":")).encode(), mtime=0))
    return bodies


def steps(bodies: list[bytes]) -> tuple[int, dict[str, Callable[[], object]]]:
    """Give the number of events, and each step by name on what the steps before it made."""
    texts = [gzip.decompress(body) for body in bodies]
    reading = combine([read_file(str(number), body) for number, body in enumerate(bodies)])
    attributed = attribute(reading.events, TEAM)
    baseline = learn(attributed, TEAM)
    span = Interval(START, START + LENGTH + timedelta(days=1))
    judge = Judge(TEAM, span)
    policies = [parse_policy({"Version": "2012-10-17", "Statement": [_STATEMENT]}, "p")]
    request = Request("ec2:DescribeInstances", "*", {"aws:CurrentTime": "2026-01-12T00:00:00Z"}, complete=True)
    production = TEAM.accounts["production"]
    return len(reading.events), {
        "json.loads": lambda: [json.loads(text) for text in texts],
        "read, inflating too": lambda: combine([read_file(str(n), body) for n, body in enumerate(bodies)]),
        "attribute": lambda: attribute(reading.events, TEAM),
        "judge": lambda: [judge.judge(each) for each in attributed],
        "baseline": lambda: learn(attributed, TEAM),
        "sign-ins": lambda: list(sign_in_findings(attributed, baseline)),
        "as many decisions as events": lambda: [evaluate(request, identity=policies) for _ in attributed],
        "compile one account": lambda: compile_account(TEAM, production, START),
    }


_STATEMENT = {
    "Effect": "Allow",
    "Action": ["ec2:*", "rds:Describe*", "s3:Get*"],
    "Resource": "*",
    "Condition": {"DateLessThan": {"aws:CurrentTime": "2026-02-01T00:00:00Z"}},
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=10, help="how many times the week is taken [default: 10]")
    parser.add_argument("--rounds", type=int, default=5, help="how often each step is run [default: 5]")
    given = parser.parse_args()
    events, measured = steps(many_weeks(given.copies))
    least: dict[str, float] = {}
    for _ in range(given.rounds):
        for name, step in measured.items():
            began = time.process_time()
            step()
            spent = time.process_time() - began
            least[name] = min(spent, least.get(name, spent))
    unit = least["json.loads"]
    print(f"{events} events; the unit is json.loads of them, {events / unit:,.0f} events per CPU second")
    print(f"{'step':<30}{'ratio':>8}{'events per CPU second':>24}")
    for name, spent in least.items():
        print(f"{name:<30}{spent / unit:>8.2f}{events / spent:>24,.0f}")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
