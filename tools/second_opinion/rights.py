"""Ask npm's iam-simulate what watchbill's own roles may do, and hold it to our answers.

`python -m tools.second_opinion.rights --modules FOLDER`, at the root of the repository. Of each role every action of
AWS's models that changes something, and every one that the role has, is asked on objects of watchbill's, of others, of
another account, under each set of keys of `tests/unit/access/test_own_rights.py`; within the boundary, and by itself.
Exit status 1 means that some answers differ, 2 that the other engine could not be asked.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.unit.access.test_own_rights import ELSEWHERE, FREEZE_ARN, KEYS, NEAR, NUMBER, OURS, THEIRS, WRITES, of_role

from watchbill.access.own_rights import OwnRole, boundary
from watchbill.aws.calls import CALLS
from watchbill.policy.cases import run_case


Json = dict[str, Any]

PLACES = (*OURS.values(), *THEIRS.values(), *NEAR.values(), *ELSEWHERE.values(), FREEZE_ARN)
MOST_SHOWN = 20


def main() -> int:
    """Ask both of everything, and say where they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modules", required=True, help="folder whose node_modules holds iam-simulate")
    asked = list(_cases())
    command = ["node", str(Path(__file__).parent / "simulate.mjs"), f"--modules={parser.parse_args().modules}"]
    lines = "\n".join(map(json.dumps, asked))
    ran = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)  # noqa: S603
    theirs = {each["id"]: each["got"] for each in map(json.loads, ran.stdout.splitlines())}
    if len(theirs) != len(asked):
        print(f"the other engine gave {len(theirs)} answers of {len(asked)}: {ran.stderr.strip()[-500:]}")
        return 2
    answers, different = Counter[str](), list[str]()
    for case in asked:
        found, got = theirs[case["id"]], run_case(case).got or {}
        answers[str(found.get("decision", found))] += 1
        if found.get("decision") != got.get("decision"):
            different.append(f"{case['id']}: theirs {found}, ours {got}")
    print(f"{len(asked)} questions, {len(different)} answered differently: {dict(answers)}")
    for line in different[:MOST_SHOWN]:
        print(line)
    return int(bool(different))


def _cases() -> Iterator[Json]:
    for role in OwnRole:
        identity = of_role(role)
        own = {a for document in identity for s in document["Statement"] for a in s["Action"] if a.startswith("iam:")}
        bound = boundary(CALLS, role, NUMBER)
        principal = f"arn:aws:sts::{NUMBER}:assumed-role/{role.iam_name}/watchbill"
        for action in sorted(own | {each for _, _, each in WRITES if each.startswith("iam:")}):
            for place in PLACES:
                for number, keys in enumerate(KEYS):
                    for policies in ({"identity": identity}, {"identity": identity, "boundary": [bound]}):
                        request = {"action": action, "resource": place, "principal": principal, "context": keys}
                        name = f"{role} {action} {place} keys {number} {'bounded' if 'boundary' in policies else ''}"
                        yield {
                            "id": name,
                            "layer": "decision",
                            "policies": policies,
                            "request": request,
                            "expected": {},
                        }


if __name__ == "__main__":
    sys.exit(main())
