"""Access keys that are older than the team file lets them be, or that nobody uses: said, and never switched off."""

from collections.abc import Iterator
from datetime import datetime

from watchbill.access.model import AccountState, KeyUse
from watchbill.errors import Problem
from watchbill.intervals import iso
from watchbill.team.model import KeyLimits, Team


def key_warnings(team: Team, observed: AccountState, at: datetime) -> Iterator[Problem]:
    """Say which active keys of an account are past the team's limits at an instant; nothing where it has none.

    By the credential report, which AWS makes anew after four hours; what it could not be read for is said elsewhere.
    """
    if team.keys is None:
        return
    for user, held in sorted(observed.keys.items()):
        for key in held:
            for code, said in _past(key, team.keys, at):
                message = f"{_whose(team, user)} in account `{observed.account}` has an access key {said}"
                yield Problem.at(code, message, team.keys.where)


def _past(key: KeyUse, limits: KeyLimits, at: datetime) -> Iterator[tuple[str, str]]:
    age = at - key.since
    if limits.max_age is not None and age > limits.max_age:
        yield "old-key", f"of {iso(key.since)}, {age.days} days old: make another, and delete it"
    if limits.unused is not None and at - max(key.since, key.used or key.since) > limits.unused:
        last = "never used" if key.used is None else f"last used {iso(key.used)}"
        yield "unused-key", f"of {iso(key.since)}, {last}: switch it off, and delete it when nothing misses it"


def _whose(team: Team, user: str) -> str:
    if (person := team.person_of_iam_user(user)) is not None:
        return f"`{person.name}`"
    workload = team.workloads.get(user)
    owner = "" if workload is None or workload.owner is None else f", which `{workload.owner}` answers for,"
    return f"{'user' if workload is None else 'workload'} `{user}`{owner}"
