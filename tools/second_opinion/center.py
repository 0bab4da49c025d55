"""Ask npm's iam-simulate whether access by Identity Center is exactly the schedule, and hold it to our answers.

`python -m tools.second_opinion.center --modules FOLDER`, at the root of the repository. A plan is carried out against
the stand-in over HTTP; the role it makes of the on-call set is read back, and asked of everybody and of a stranger:
one second before, at, and one second after each edge of the horizon, and past it. Exit status 1 means that some
answers differ, 2 that the other engine could not be asked.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.centers import Bench, Org, by_center, may, sessions_of
from tests.teams import MONDAY

from watchbill.access.documents import CENTER_USER
from watchbill.access.entitlements import windows
from watchbill.bootstrap import make_app
from watchbill.intervals import Interval, iso
from watchbill.sim.stand_in import StandIn


NOON = MONDAY + timedelta(hours=12)
AHEAD = Interval(NOON, MONDAY + timedelta(days=14))
"""What is left of the horizon of 14 days: it is counted from the day before, and has that day and one more."""
SECOND = timedelta(seconds=1)
ACTIONS = {"rds:RebootDBInstance": "arn:aws:rds:eu-west-1:1:db:orders", "iam:CreateUser": "arn:aws:iam::1:user/x"}


def asked() -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """Give the questions, our answers, and those of the schedule, a letter for each instant: `A` or `-`."""
    with StandIn() as stand_in:
        org = Org(make_app(None, stand_in.endpoint, ("any", "any")), 1)
        org.people(org.team())
        of = by_center(org.team(), org.accounts)
        Bench(org).settle(of, NOON)
        account = org.accounts["a01"]
        documents = sessions_of(org.app.cloud.observe(account), "watchbill-oncall-platform") or []
    known = [w for w in windows(of, Interval(MONDAY, AHEAD.end)) if w.interval is not None]
    edges = {edge for w in known if w.interval is not None for edge in (w.interval.start, w.interval.end)}
    times = sorted(
        {each + step for each in (*edges, AHEAD.end) for step in (-SECOND, timedelta(0), SECOND) if each > NOON}
    )
    times += [AHEAD.end + timedelta(days=day) for day in (1, 30, 400)]
    questions: list[dict[str, Any]] = [{"policies": {str(n): each for n, each in enumerate(documents)}}]
    ours: list[str] = []
    schedule: list[str] = []
    for person, user in (*org.users.items(), ("nobody", "00000000-0000-0000-0000-000000000000")):
        for action, resource in ACTIONS.items():
            session = f"arn:aws:sts::{account.number}:assumed-role/AWSReservedSSO_watchbill/{person}@example.com"
            questions.append(
                {
                    "id": len(ours),
                    "identity": list(questions[0]["policies"]),
                    "trust": None,
                    "principal": session,
                    "account": account.number,
                    "action": action,
                    "resource": resource.replace(":1:", f":{account.number}:").replace("::1:", f"::{account.number}:"),
                    "context": {CENTER_USER: user, "aws:userid": f"AROA:{person}@example.com"},
                    "times": [iso(at) for at in times],
                }
            )
            ours.append("".join("A" if may(documents, user, action, at) else "-" for at in times))
            on = action == "rds:RebootDBInstance"
            schedule.append("".join("A" if on and _is_on(known, person, at) else "-" for at in times))
    return questions, ours, schedule


def _is_on(known: list[Any], person: str, at: datetime) -> bool:
    return at < AHEAD.end and any(w.person == person and at in w.interval for w in known)


def main() -> int:
    """Ask, compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", required=True, help="folder whose node_modules holds iam-simulate")
    options = parser.parse_args()
    questions, ours, schedule = asked()
    command = ["node", str(Path(__file__).with_name("windows.mjs")), f"--modules={options.modules}"]
    lines = "".join(json.dumps(each) + "\n" for each in questions)
    answered = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)  # noqa: S603
    theirs = [json.loads(line) for line in answered.stdout.splitlines()]
    if [each["id"] for each in theirs] != list(range(len(ours))):
        print(f"iam-simulate answered {len(theirs)} of {len(ours)}: {answered.stderr.strip()[-500:]}", file=sys.stderr)
        return 2
    differ: Counter[str] = Counter()
    for their, our, planned in zip(theirs, ours, schedule, strict=True):
        got = "".join("A" if letter == "A" else "-" for letter in their["got"])
        differ["ours"] += sum(a != b for a, b in zip(got, our, strict=True))
        differ["the schedule"] += sum(a != b for a, b in zip(got, planned, strict=True))
    allowed = sum(each.count("A") for each in ours)
    print(f"{sum(map(len, ours)):,} answers in {len(ours)} questions, {allowed:,} allowed")
    print(f"{differ['ours']:,} differ from ours, {differ['the schedule']:,} from the schedule")
    return 1 if any(differ.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
