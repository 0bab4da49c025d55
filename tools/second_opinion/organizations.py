"""Ask npm's iam-simulate what an organization allows in an account, and hold it to our answers.

`python -m tools.second_opinion.organizations --modules FOLDER`, at the root of the repository. Organizations of three
levels above an account are drawn, with policies of both kinds attached along the line; ours are asked by way of what is
read of an account (`access.organization`, `access.ways`), the other engine of the bare policies. Exit status 1 means
that some answers differ, 2 that the other engine could not be asked.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from tests.unit.access.test_organization import (
    BUCKET,
    FULL,
    INNER,
    JAMES,
    NUMBER,
    QUEUE,
    ROOT,
    UNIT,
    account,
    ask,
    document,
    organization,
)

from watchbill.access.model import ControlPolicy
from watchbill.access.organization import RCP, SCP, Organization


Json = dict[str, Any]

LINE = (ROOT, UNIT, INNER, NUMBER)
INSTANCE = f"arn:aws:ec2:eu-west-1:{NUMBER}:instance/i-0123456789abcdef0"
ASKED = (
    ("s3:GetObject", BUCKET),
    ("s3:PutObject", BUCKET),
    ("sqs:SendMessage", QUEUE),
    ("ec2:TerminateInstances", INSTANCE),
)
PATTERNS = ("s3:*", "s3:Get*", "s3:GetObject", "sqs:*", "ec2:Terminate*", "sqs:SendMessage")
"""Of a resource control policy AWS takes no bare `*`."""
CONDITIONS: tuple[Json, ...] = (
    *({}, {}, {}),
    {"StringNotEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
    {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
    {"ArnLike": {"aws:PrincipalArn": "*james"}},
    {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": f"o-1234567890/{ROOT}/*"}},
)
KEYS = {
    "aws:PrincipalOrgID": "o-1234567890",
    "aws:PrincipalOrgPaths": [f"o-1234567890/{ROOT}/{UNIT}/{INNER}/"],
    "aws:PrincipalArn": JAMES,
    "aws:username": "james",
}
_OF_AWS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}],
}
"""Attached to everything where resource control policies are in force."""
MOST_SHOWN = 20


def main() -> int:
    """Ask both of everything, and say where they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modules", required=True, help="folder whose node_modules holds iam-simulate")
    parser.add_argument("--count", type=int, default=600, help="how many organizations [default: 600]")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    chance = Random(given.seed)  # noqa: S311 - drawn to be drawn again
    asked = [case for number in range(given.count) for case in _cases(number, _drawn(chance))]
    command = ["node", str(Path(__file__).parent / "simulate.mjs"), f"--modules={given.modules}"]
    lines = "\n".join(json.dumps(case) for case, _ in asked)
    ran = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)  # noqa: S603
    theirs = {each["id"]: each["got"] for each in map(json.loads, ran.stdout.splitlines())}
    if len(theirs) != len(asked):
        print(f"the other engine gave {len(theirs)} answers of {len(asked)}: {ran.stderr.strip()[-500:]}")
        return 2
    answers = Counter(str(theirs[case["id"]].get("decision", theirs[case["id"]])) for case, _ in asked)
    different = [(case, ours) for case, ours in asked if theirs[case["id"]].get("decision") != ours]
    print(f"{len(asked)} questions, {len(different)} answered differently: {dict(answers)}")
    for case, ours in different[:MOST_SHOWN]:
        print(f"{case['id']}: theirs {theirs[case['id']]}, ours {ours}: {json.dumps(case['policies'])}")
    return int(bool(different))


def _drawn(chance: Random) -> Organization:
    policies: dict[str, ControlPolicy] = {}
    attached: dict[str, tuple[str, ...]] = {}
    for target in LINE:
        for kind in (SCP, RCP):
            for written in _documents(chance, kind):
                name = f"p-{len(policies):08}"
                policies[name], attached[name] = ControlPolicy(name, name, kind, written), (target,)
    return replace(organization({}), policies=policies, attached=attached)


def _documents(chance: Random, kind: str) -> Iterator[Json]:
    count = chance.randint(0, 2 if kind == SCP else 1)
    for _ in range(count):
        statements = [_statement(chance, kind) for _ in range(chance.randint(1, 2))]
        yield {"Version": "2012-10-17", "Statement": statements}
    # AWS keeps at least one service control policy on everything.
    if kind == SCP and (count == 0 or chance.random() < 0.75):  # noqa: PLR2004 - often enough that much is allowed
        yield document(FULL)


def _statement(chance: Random, kind: str) -> Json:
    effect = chance.choice(["Allow", "Allow", "Deny"]) if kind == SCP else "Deny"
    actions = chance.choice([*PATTERNS, "*"] if kind == SCP else PATTERNS)
    condition = chance.choice(CONDITIONS)
    return {
        "Effect": effect,
        "Action": [actions],
        "Resource": "*",
        **({"Condition": condition} if condition else {}),
        **({"Principal": "*"} if kind == RCP else {}),
    }


def _cases(number: int, made: Organization) -> Iterator[tuple[Json, str]]:
    """Give questions for the other engine, each with our answer."""
    state = account(made)
    assert state.lineage is not None, "it was read"
    levels: Mapping[str, list[list[Any]]] = {
        "scps": [[each.document for each in level.scps] for level in state.lineage.levels],
        "rcps": [[_OF_AWS, *(each.document for each in level.rcps)] for level in state.lineage.levels],
    }
    for action, resource in ASKED:
        request = {"action": action, "resource": resource, "principal": JAMES, "context": KEYS}
        policies = {"identity": [document(FULL)], **levels}
        name = f"organization {number} {action}"
        case = {"id": name, "layer": "decision", "policies": policies, "request": request, "expected": {}}
        yield case, str(ask(state, action, resource)[0].effect)


if __name__ == "__main__":
    sys.exit(main())
