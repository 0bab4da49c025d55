"""Measure the policy engine: one decision against another engine in the same run, tables, spans of time, proofs.

The other engine is npm's iam-simulate (AGPL: run here, never shipped). `--modules` names the folder whose
`node_modules` holds it (`npm install @cloud-copilot/iam-simulate`); without it it is not asked, which is said.
Figures are of CPU time, the median of several rounds; both engines must decide alike, or nothing is printed.
"""

import argparse
import json
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from watchbill.access.compile import compile_account
from watchbill.access.invariants import Prover, read_invariant
from watchbill.access.ways import Ways
from watchbill.access.who import who_can
from watchbill.intervals import Interval
from watchbill.policy.actions import actions_matching
from watchbill.policy.bulk import decide_batch
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.managed import managed_policy
from watchbill.policy.model import Principal, Request
from watchbill.policy.statements import parse_policy
from watchbill.team.files import parse


HERE = Path(__file__).parent
AT = datetime(2026, 1, 12, tzinfo=UTC)
ACCOUNT = "111111111111"
USER = f"arn:aws:iam::{ACCOUNT}:user/james"
Json = dict[str, Any]


def document(*statements: Json) -> Json:
    """Give a policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def statement(effect: str, action: str | list[str], on: str = "*", **conditions: Json) -> Json:
    """Give a statement; conditions are named by operator."""
    found: Json = {"Effect": effect, "Action": action, "Resource": on}
    return {**found, "Condition": conditions} if conditions else found


DENIES = document(
    statement(
        "Deny",
        "*",
        NotIpAddress={"aws:SourceIp": ["10.0.0.0/8", "203.0.113.0/24"]},
        Bool={"aws:ViaAWSService": "false"},
    ),
    statement("Deny", "s3:*", "arn:aws:s3:::secret/*", StringNotEquals={"aws:PrincipalTag/team": "security"}),
    statement("Deny", "*", DateGreaterThan={"aws:CurrentTime": "2027-01-01T00:00:00Z"}),
    statement("Deny", "ec2:TerminateInstances", BoolIfExists={"aws:MultiFactorAuthPresent": "false"}),
    statement(
        "Deny",
        ["rds:Delete*", "dynamodb:Delete*"],
        StringNotEquals={"aws:RequestedRegion": ["eu-west-1", "eu-north-1"]},
    ),
)
BOUNDARY = document(
    statement("Allow", ["ec2:*", "s3:*", "rds:*", "dynamodb:*", "logs:*", "cloudwatch:*"]), statement("Deny", "iam:*")
)
LEVELS = [
    [document(statement("Allow", "*")), document(statement("Deny", "organizations:LeaveOrganization"))],
    [
        document(
            statement("Allow", "*"),
            statement("Deny", "*", StringNotLike={"aws:RequestedRegion": ["eu-*", "us-east-1"]}),
        )
    ],
]
CONTEXT = {
    "aws:SourceIp": "203.0.113.9",
    "aws:ViaAWSService": "false",
    "aws:CurrentTime": "2026-01-12T20:00:00Z",
    "aws:MultiFactorAuthPresent": "true",
    "aws:RequestedRegion": "eu-west-1",
    "aws:PrincipalTag/team": "platform",
    "aws:PrincipalArn": USER,
    "aws:username": "james",
    "aws:PrincipalAccount": ACCOUNT,
}
ASKED = [
    ("ec2:DescribeInstances", "*"),
    ("ec2:TerminateInstances", f"arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/i-1"),
    ("s3:GetObject", "arn:aws:s3:::orders/a"),
    ("s3:GetObject", "arn:aws:s3:::secret/a"),
    ("rds:DeleteDBInstance", f"arn:aws:rds:eu-west-1:{ACCOUNT}:db:orders"),
    ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/x"),
    ("dynamodb:PutItem", f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/t"),
    ("lambda:InvokeFunction", f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f"),
    ("logs:GetLogEvents", f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:g:log-stream:s"),
    ("organizations:LeaveOrganization", "*"),
]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    figure: str
    beside: str = ""


def spent(step: Callable[[], object], rounds: int) -> float:
    """Give the median CPU seconds of a step."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        step()
        found.append(time.process_time() - began)
    return statistics.median(found)


def memory() -> str:
    """Say the most memory held so far."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB so far"


def named(name: str) -> Json:
    """Give the document of an AWS managed policy."""
    found = managed_policy(name)
    assert found is not None, name
    return dict(found.document)


def single(name: str, identity: list[Json], rounds: int, modules: str | None) -> Row:
    """Compare one decision with its reason on a set of policies."""
    made = [parse_policy(each, f"identity{number}") for number, each in enumerate(identity)]
    scps = tuple(tuple(parse_policy(each, f"scp{n}") for each in level) for n, level in enumerate(LEVELS))
    evaluator = Evaluator(Layers(tuple(made), (parse_policy(BOUNDARY, "boundary"),), scps=scps))
    who = Principal.of(USER)
    requests = [Request(action, on, CONTEXT, complete=True, principal=who) for action, on in ASKED]
    ours = [str(evaluator.decide(each).effect) for each in requests]
    each = (
        spent(lambda: [evaluator.decide(one) for _ in range(2000) for one in requests], rounds) / 2000 / len(requests)
    )
    figure = f"{1 / each:,.0f} decisions per CPU second"
    if modules is None:
        return Row(name, figure, "the other engine is not installed")
    theirs = peer(identity, rounds, modules)
    assert theirs["decisions"] == ours, (theirs["decisions"], ours)
    rate = statistics.median(theirs["perSecond"])
    low, high = min(theirs["perSecond"]), max(theirs["perSecond"])
    return Row(name, figure, f"{1 / each / rate:,.0f} times iam-simulate's {rate:,.0f} ({low:,.0f}-{high:,.0f})")


def peer(identity: list[Json], rounds: int, modules: str) -> Json:
    """Ask the other engine."""
    policies = {"identity": identity, "boundary": [BOUNDARY], "scps": LEVELS}
    requests = [{"principal": USER, "action": action, "resource": on, "context": CONTEXT} for action, on in ASKED]
    asked = json.dumps({"policies": policies, "requests": requests, "rounds": rounds})
    command = ["node", str(HERE / "second_opinion/bench.mjs"), f"--modules={modules}"]
    ran = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)  # noqa: S603 - our own script
    found: Json = json.loads(ran.stdout)
    return found


def table(events: int) -> tuple[list[Evaluator], pa.RecordBatch]:
    """Make a table of events: a hundred entitlements, two hundred actions, three hundred thousand resources."""
    draw = np.random.default_rng(1)
    shared = [parse_policy(named("ReadOnlyAccess"), "read"), parse_policy(DENIES, "denies")]
    scps = tuple(tuple(parse_policy(each, f"scp{n}") for each in level) for n, level in enumerate(LEVELS))
    boundary = (parse_policy(BOUNDARY, "boundary"),)
    evaluators = []
    for team in range(100):
        home = document(
            statement("Allow", ["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::team-{team}/*"),
            statement("Allow", "ec2:*", StringEquals={"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}),
            statement("Deny", "s3:DeleteObject", "arn:aws:s3:::audit/*"),
        )
        evaluators.append(Evaluator(Layers((*shared, parse_policy(home, f"team{team}")), boundary, scps=scps)))
    actions = [name for service in ("ec2", "s3", "rds", "logs") for name in actions_matching(f"{service}:*")[:50]]
    weights = 1 / np.arange(1, len(actions) + 1)
    seconds = draw.integers(0, 28 * 86_400, events)
    columns: Mapping[str, Any] = {
        "evaluator": draw.integers(0, 100, events),
        "action": _drawn(actions, draw.choice(len(actions), events, p=weights / weights.sum())),
        "resource": _drawn(
            [f"arn:aws:s3:::team-{n % 150}/{n}" for n in range(300_000)], draw.integers(0, 300_000, events)
        ),
        "principal": _drawn([f"arn:aws:iam::{ACCOUNT}:user/u{n}" for n in range(1000)], draw.integers(0, 1000, events)),
        "aws:SourceIp": _drawn([f"10.{n % 7}.{n % 251}.{n % 13}" for n in range(4000)], draw.integers(0, 4000, events)),
        "aws:CurrentTime": pa.array(
            [f"{AT + timedelta(seconds=int(s)):%Y-%m-%dT%H:%M:%SZ}" for s in seconds // 15 * 15]
        ),
        "aws:MultiFactorAuthPresent": _drawn(["true", "false"], draw.integers(0, 2, events)),
        "aws:ViaAWSService": _drawn(["true", "false"], (draw.random(events) > 0.02).astype(int)),  # noqa: PLR2004 - a share
        "aws:RequestedRegion": _drawn(["eu-west-1", "us-east-1", "ap-south-1"], draw.integers(0, 3, events)),
        "aws:PrincipalTag/team": _drawn([f"t{n}" for n in range(20)], draw.integers(0, 20, events)),
    }
    return evaluators, pa.RecordBatch.from_pydict(dict(columns))


def _drawn(values: list[str], codes: Any) -> pa.Array:
    return pa.array(values).take(pa.array(codes))


def big_team(people: int, rotas: int) -> str:
    """Give a team file: everyone in one group, and rotas of fifty with three watches a day."""
    names = [f"p{number}" for number in range(people)]
    listed = "\n".join(f"  {name}: {{name: {name}, email: {name}@example.com}}" for name in names)
    each = people // rotas
    layers = "\n".join(
        f"""  r{number}:
    accounts: [production]
    entitlement: {{primary: prod}}
    horizon: 31d
    layers:
      - {{name: a, time_zone: UTC, members: [{", ".join(names[number * each : number * each + each])}], turn: 8h,
         handoff: {{time: "00:00"}}, anchor: {{date: 2026-01-12, member: {names[number * each]}}}}}"""
        for number in range(rotas)
    )
    return f"""team: big
accounts: {{production: {{number: "{ACCOUNT}", environment: production}}}}
people:
{listed}
permission_sets:
  prod: {{allow: ["ec2:*", "rds:*", "s3:*"], deny: ["iam:*"]}}
  dev: {{allow: ["ec2:Describe*", "logs:Get*"]}}
groups:
  devs: {{members: [{", ".join(names)}], access: [{{permission_set: dev, accounts: [production]}}]}}
rotas:
{layers}
"""


def rows(rounds: int, modules: str | None) -> Iterator[Row]:
    """Measure everything, row by row."""
    power, more = named("PowerUserAccess"), named("AmazonEC2ReadOnlyAccess")
    yield single("one decision, realistic set", [named("ReadOnlyAccess"), more, power, DENIES], rounds, modules)
    yield single("one decision, small set", [more, power, DENIES], rounds, modules)
    yield _table(rounds)
    yield _who(rounds)
    yield _matrix(rounds)
    yield _proofs(rounds)


def _table(rounds: int) -> Row:
    events = 1_000_000
    evaluators, batch = table(events)
    seconds = spent(lambda: decide_batch(evaluators, batch, complete=True), rounds)
    return Row("a table of a million events", f"{events / seconds:,.0f} events per CPU second", memory())


def _who(rounds: int) -> Row:
    team = parse(big_team(5000, 100), "big.yaml")
    state = compile_account(team, team.accounts["production"], AT).state
    prepared = spent(lambda: [list(ways.of(user)) for ways in (Ways(state),) for user in state.users], 1)
    ways, month = Ways(state), Interval(AT, AT + timedelta(days=30))
    asked = Request("rds:ModifyDBInstance", "*", {}, some=True)
    who_can(ways, asked, month)
    seconds = spent(lambda: who_can(ways, asked, month), rounds)
    return Row(
        "who can, 5,000 people, 30 days", f"{seconds:.2f} CPU seconds", f"{memory()}; {prepared:.1f} s to prepare"
    )


def _matrix(rounds: int) -> Row:
    team = parse(big_team(1000, 20), "big.yaml")
    state = compile_account(team, team.accounts["production"], AT).state
    ways = Ways(state)
    actions = [name for service in ("ec2", "rds", "s3", "iam") for name in actions_matching(f"{service}:*")[:50]]
    steps = [way.steps[-1] for user in ways.users for way in ways.of(user) if way.name.startswith("role ")]

    def matrix() -> None:
        """Decide what each may do now with the role that they have on call."""
        number: dict[Evaluator, int] = {}
        evaluators = np.array([number.setdefault(step.evaluator, len(number)) for step in steps])
        people, asked = np.repeat(np.arange(len(steps)), len(actions)), np.tile(np.arange(len(actions)), len(steps))
        one = np.zeros(len(people), np.int64)
        columns = {
            "evaluator": pa.array(evaluators[people]),
            "action": _drawn(actions, asked),
            "resource": _drawn(["*"], one),
            "principal": _drawn([step.principal for step in steps], people),
            "aws:userid": _drawn([step.context["aws:userid"] for step in steps], people),
            "aws:CurrentTime": _drawn([f"{AT:%Y-%m-%dT%H:%M:%SZ}"], one),
        }
        decide_batch(list(number), pa.RecordBatch.from_pydict(columns), some=True)

    matrix()
    seconds = spent(matrix, rounds)
    return Row(f"access matrix, {len(steps):,} people x {len(actions)} actions", f"{seconds:.2f} CPU seconds", memory())


def _proofs(rounds: int) -> Row:
    team = parse(big_team(500, 10), "big.yaml")
    state = compile_account(team, team.accounts["production"], AT).state
    texts = [f"devs never {each}" for each in actions_matching("iam:Create*")[:10]]
    texts += [
        f"devs never {each}" for each in ("ec2:TerminateInstances", "iam:*", "kms:*", "organizations:*", "s3:PutObject")
    ]
    texts += [
        f"devs never {each}" for each in ("rds:Delete*", "sts:AssumeRole", "logs:Put*", "cloudtrail:*", "lambda:*")
    ]
    invariants = [read_invariant(text, team) for text in texts]
    ways = Ways(state)

    def proofs() -> None:
        prover = Prover(team, {"production": ways})
        for invariant in invariants:
            list(prover.prove(invariant))

    proofs()
    seconds = spent(proofs, rounds)
    return Row(f"prove {len(texts)} invariants, 500 people", f"{seconds:.2f} CPU seconds", memory())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modules", help="the folder whose node_modules holds the other engine")
    parser.add_argument("--rounds", type=int, default=3, help="how often each step is run [default: 3]")
    given = parser.parse_args()
    for row in rows(given.rounds, given.modules):
        print(f"{row.name:<46}{row.figure:<36}{row.beside}", flush=True)


if __name__ == "__main__":
    main()
