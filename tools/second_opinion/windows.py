"""Ask npm's iam-simulate whether access is exactly the schedule, over four weeks of plans, and hold it to our answers.

`python -m tools.second_opinion.windows --modules FOLDER`, at the root of the repository. The plans of the four weeks of
`tests/story` are carried out against the stand-in over HTTP. What is read back each day, and every question about it,
is written as JSON lines (`--dump FILE` keeps them) and put to `windows.mjs`. To take a role and to act in it are two
questions, as they are two requests: the first has the trust policy as the resource's, the second the role's policies.

Each answer is held to ours, and each that the schedule decides to the schedule. Exit status 1 means that some differ, 2
that the other engine could not be asked.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.story.four_weeks import (
    BY_PRIMARY,
    BY_SECONDARY,
    DAYS,
    NAME_SOURCE,
    NAMES,
    RESOURCES,
    TAKE,
    Applied,
    Reading,
    effect_of,
    weeks,
)

from watchbill.access.model import AccountState, RoleState
from watchbill.access.ways import Step
from watchbill.aws.accounts import Accounts
from watchbill.aws.iam import AwsCloud
from watchbill.intervals import iso
from watchbill.policy.model import Effect
from watchbill.sim.stand_in import StandIn
from watchbill.team.model import Kind


Json = dict[str, Any]

LETTERS = {
    Effect.ALLOWED: "A",
    Effect.EXPLICITLY_DENIED: "E",
    Effect.IMPLICITLY_DENIED: "I",
    Effect.DEPENDS: "D",
}
BY_ROLE = {Kind.PRIMARY: BY_PRIMARY, Kind.SECONDARY: BY_SECONDARY}
EVERYWHERE = {
    "aws:SecureTransport": "true",
    "aws:SourceIp": "192.0.2.7",
    "aws:UserAgent": "aws-cli/2",
    "aws:ViaAWSService": "false",
    "aws:RequestedRegion": "eu-west-1",
    "aws:TokenIssueTime": "2026-03-01T00:00:00Z",
    "aws:MultiFactorAuthPresent": "true",
    "aws:MultiFactorAuthAge": "60",
}
"""Keys that requests with temporary credentials and MFA have besides those of who asks ("AWS global condition context
keys"): a user's come from GetSessionToken, without which MFA is not known to AWS."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request at many instants, as the other engine is asked it, with our answers and the schedule's."""

    what: str
    """What kind of question it is: differences are counted by it."""
    asked: Json
    ours: str
    """A letter for each instant."""
    schedule: str
    """`A` or `-` for each instant; empty where the schedule does not decide the question alone."""


def questions(each: Applied) -> Iterator[Question]:
    """Give the questions about the state of one day: all edges until the next plan, and until past the horizon."""
    asking = _Asking(each)
    near = each.oracle.next_day()
    far = sorted({*near, *each.oracle.to_the_end()})
    for user in each.state.users:
        for action in RESOURCES:
            yield asking.own(user, action, near)
        for kind in asking.reading.roles:
            yield asking.taking(user, kind, far)
            yield from asking.taken_otherwise(user, kind, near)
            yield asking.naming_source(user, kind, near)
    for name in NAMES:
        for kind in asking.reading.roles:
            for action in RESOURCES:
                yield asking.inside(name, kind, action, far if action == BY_ROLE[kind] else near)


class _Asking:
    """Makes the questions about one state: what applies to whom is gathered here from the state alone."""

    def __init__(self, each: Applied) -> None:
        self.state: AccountState = each.state
        self.oracle = each.oracle
        self.reading = Reading(each.state)

    def own(self, user: str, action: str, times: Sequence[datetime]) -> Question:
        """Ask what a user may do as such."""
        asked = self._asked(self._of_user(user), action, RESOURCES[action], self._user_keys(user))
        return self._question("user", asked, self.reading.own[user], times)

    def taking(self, user: str, kind: Kind, times: Sequence[datetime]) -> Question:
        """Ask whether a user is let into a role."""
        asked = self._taking(user, kind, {"sts:RoleSessionName": user, "sts:SourceIdentity": user})
        schedule = "".join("A" if self.oracle.may_take(user, kind, at) else "-" for at in times)
        return self._question("take a role", asked, self.reading.taking[user, kind], times, schedule)

    def taken_otherwise(self, user: str, kind: Kind, times: Sequence[datetime]) -> Iterator[Question]:
        """Ask whether a user is let in under another's name, as another source, or without MFA: never."""
        step, never = self.reading.taking[user, kind], "-" * len(times)
        other = next(name for name in NAMES if name != user)
        mine = {"sts:RoleSessionName": user}
        for what, keys in (
            ("under another's name", {"sts:RoleSessionName": other}),
            ("as another source", {**mine, "sts:SourceIdentity": other}),
            ("without MFA", {**mine, "aws:MultiFactorAuthPresent": "false"}),
        ):
            changed = replace(step, context={**step.context, "sts:SourceIdentity": user, **keys})
            asked = self._taking(user, kind, {"sts:SourceIdentity": user, **keys})
            yield self._question(f"take a role {what}", asked, changed, times, never)
        bare = {key: value for key, value in step.context.items() if key != "sts:SourceIdentity"}
        schedule = "".join("A" if self.oracle.may_take(user, kind, at) else "-" for at in times)
        asked = self._taking(user, kind, mine)
        yield self._question("take a role without a source", asked, replace(step, context=bare), times, schedule)

    def naming_source(self, user: str, kind: Kind, times: Sequence[datetime]) -> Question:
        """Ask for the second permission that is needed to take a role with a source identity.

        AWS asks for it apart, and does not give it the key of the session's name (Service Authorization Reference,
        "Condition keys for AWS Security Token Service").
        """
        asked = self._taking(user, kind, {"sts:SourceIdentity": user})
        taking = self.reading.taking[user, kind]
        keys = {key: value for key, value in taking.context.items() if key != "sts:RoleSessionName"}
        step = replace(taking, action=NAME_SOURCE, context=keys)
        return self._question("set the source", {**asked, "action": NAME_SOURCE}, step, times)

    def inside(self, name: str, kind: Kind, action: str, times: Sequence[datetime]) -> Question:
        """Ask what a session may do, whoever let it in."""
        role = self.reading.roles[kind]
        keys = {
            "aws:userid": f"{role.id}:{name}",
            "aws:SourceIdentity": name,
            "aws:PrincipalArn": role.arn,
            "aws:PrincipalType": "AssumedRole",
            "aws:PrincipalAccount": self.state.number,
        }
        asked = {
            **self._asked(self._of_role(role), action, RESOURCES[action], keys),
            "principal": f"arn:aws:sts::{self.state.number}:assumed-role/{role.name}/{name}",
        }
        schedule = "".join("A" if self.oracle.may_act_in(name, kind, action, at) else "-" for at in times)
        return self._question("act in a session", asked, self.reading.inside[name, kind], times, schedule)

    def policies(self) -> Json:
        """Give every document by the name that the questions have for it."""
        state = self.state
        found: Json = {arn: policy.document for arn, policy in state.policies.items()}
        for name, user in state.users.items():
            found |= {f"user/{name}/{inline}": document for inline, document in user.inline.items()}
        for name, group in state.groups.items():
            found |= {f"group/{name}/{inline}": document for inline, document in group.inline.items()}
        for name, role in state.roles.items():
            found |= {f"role/{name}/{inline}": document for inline, document in role.inline.items()}
            found[f"trust/{name}"] = role.trust
        return found

    def _taking(self, user: str, kind: Kind, keys: Json) -> Json:
        role = self.reading.roles[kind]
        asked = self._asked(self._of_user(user), TAKE, role.arn, {**self._user_keys(user), **keys})
        return {**asked, "trust": f"trust/{role.name}", "principal": self.state.users[user].arn}

    def _asked(self, identity: Sequence[str], action: str, resource: str, keys: Json) -> Json:
        return {
            "identity": identity,
            "trust": None,
            "principal": keys["aws:PrincipalArn"],
            "account": self.state.number,
            "action": action,
            "resource": resource,
            "context": {**EVERYWHERE, "aws:ResourceAccount": self.state.number, **keys},
        }

    def _user_keys(self, user: str) -> Json:
        found = self.state.users[user]
        return {
            "aws:username": user,
            "aws:userid": found.id,
            "aws:PrincipalArn": found.arn,
            "aws:PrincipalType": "User",
            "aws:PrincipalAccount": self.state.number,
        }

    def _of_user(self, user: str) -> list[str]:
        found = self.state.users[user]
        names = {*found.attached, *(f"user/{user}/{inline}" for inline in found.inline)}
        for name in found.groups:
            group = self.state.groups[name]
            names |= {*group.attached, *(f"group/{name}/{inline}" for inline in group.inline)}
        return sorted(names)

    def _of_role(self, role: RoleState) -> list[str]:
        return sorted({*role.attached, *(f"role/{role.name}/{inline}" for inline in role.inline)})

    def _question(self, what: str, asked: Json, step: Step, times: Sequence[datetime], schedule: str = "") -> Question:
        resource = step.resource if step.action else asked["resource"]
        ours = "".join(LETTERS[effect_of(step, step.action or asked["action"], resource, at)] for at in times)
        return Question(what, {**asked, "times": [iso(at) for at in times]}, ours, schedule)


def main() -> int:
    """Ask, compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", required=True, help="folder whose node_modules holds iam-simulate")
    parser.add_argument("--days", type=int, nargs=2, default=(DAYS.start, DAYS.stop), metavar=("FROM", "TO"))
    parser.add_argument("--validated", action="store_true", help="ask the documented entry instead of the core")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="ask each N-th question only")
    parser.add_argument("--dump", type=Path, help="keep what was asked")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.dump or Path(folder) / "asked.jsonl"
        asked = _dump(path, range(*options.days), options.sample)
        command = ["node", str(Path(__file__).with_name("windows.mjs")), f"--modules={options.modules}"]
        command += ["--validated"] if options.validated else []
        with path.open() as lines:
            answered = subprocess.run(command, stdin=lines, capture_output=True, text=True, check=False)  # noqa: S603
    theirs = [json.loads(line) for line in answered.stdout.splitlines()]
    if [each["id"] for each in theirs] != list(range(len(asked))):
        print(f"iam-simulate answered {len(theirs)} of {len(asked)}: {answered.stderr.strip()[-500:]}", file=sys.stderr)
        return 2
    return _report(asked, theirs)


def _dump(path: Path, days: range, sample: int) -> list[Question]:
    """Carry out the plans, and write what is asked about each day."""
    found: list[Question] = []
    number = 0
    with StandIn() as stand_in, path.open("w", encoding="utf-8") as file:
        for each in weeks(AwsCloud(Accounts(stand_in.endpoint, ("any", "any"))), days):
            file.write(json.dumps({"policies": _Asking(each).policies()}) + "\n")
            for question in questions(each):
                number += 1
                if number % sample == 0:
                    file.write(json.dumps({"id": len(found), **question.asked}) + "\n")
                    found.append(question)
    return found


def _report(asked: Sequence[Question], theirs: Sequence[Json]) -> int:
    counts: Counter[str] = Counter()
    allowed: Counter[str] = Counter()
    differ: Counter[tuple[str, str, str, str, str]] = Counter()
    examples: dict[tuple[str, str, str, str, str], str] = {}
    for question, answer in zip(asked, theirs, strict=True):
        got = answer["got"]
        counts[question.what] += len(got)
        allowed[question.what] += got.count("A")
        action = question.asked["action"]
        turns = [("ours", letter, other) for letter, other in zip(question.ours, got, strict=True)]
        if question.schedule:
            yes_or_no = ["A" if letter == "A" else "-" for letter in got]
            turns += [("the schedule", *pair) for pair in zip(question.schedule, yes_or_no, strict=True)]
        for place, (whose, expected, said) in enumerate(turns):
            if expected != said:
                key = (question.what, action, whose, expected, said)
                differ[key] += 1
                at = question.asked["times"][place % len(got)]
                examples.setdefault(key, f"{question.asked['principal']} at {at} {answer.get('error', '')}")
    for what, count in sorted(counts.items()):
        print(f"{count:9,} {what}: {allowed[what]:,} allowed")
    decided = sum(len(question.schedule) for question in asked)
    print(f"{sum(counts.values()):9,} answers in {len(asked):,} questions, {decided:,} of them decided by the schedule")
    dropped = sorted(
        {(q.asked["action"], key) for q, a in zip(asked, theirs, strict=True) for key in a.get("dropped", ())}
    )
    for action, key in dropped:
        print(f"dropped: {key} of {action}")
    for key, count in differ.most_common():
        what, action, whose, expected, said = key
        print(f"{count:9,} differ: {what}, {action}: {whose} {expected}, theirs {said}; {examples[key]}")
    print(f"{sum(differ.values()):9,} differences")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
