"""Draft a team file from who acts in a trail: a start to edit, in which nobody holds anything yet.

People are IAM users; roles and everything else are left to the reader, in comments. Deny by default: what people did
is no proof that they should. A name that no IAM user can have is no person; names that differ in case only are one.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable

from watchbill.trail.model import HIDDEN, Event


_IAM_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9+=,.@_-]{0,63}")
"""What the team file takes for the name of an IAM user."""


def draft_team(events: Iterable[Event]) -> str:
    """Give the text of a valid team file. Names that are no valid keys are turned into some, the IAM name kept."""
    events = list(events)
    users = _users(events)
    accounts = Counter(event.account for event in events if re.fullmatch(r"\d{12}", event.account))
    roles = Counter(event.identity.issuer_arn for event in events if event.identity.issuer_arn)
    lines = [
        "# Drafted from a trail: who acted, and where. Nobody holds anything until you say so.",
        "# Move machines from `people` to `workloads`, put in names and addresses, then add groups and rotas.",
        "team: drafted",
        "accounts:" + ("" if accounts else " {}"),
    ]
    for position, (number, count) in enumerate(sorted(accounts.items()), start=1):
        lines.append(f'  account-{position}: {{number: "{number}", environment: production}}  # {count} events')
    lines.append("people:" + ("" if users else " {}"))
    taken: set[str] = set()
    for user, count in sorted(users.items()):
        key = _key(user, taken)
        address = json.dumps(f"{key}@example.invalid")
        lines.append(
            f"  {json.dumps(key)}: {{name: {_text(user)}, email: {address}, iam_user: {_text(user)}}}  # {count} events"
        )
    lines += ["permission_sets: {}", "groups: {}", "rotas: {}"]
    if roles:
        lines.append("# Roles that acted; a rota's role is made by watchbill, others are yours to declare:")
        lines += [f"#   {_text(role)}  {count} events" for role, count in sorted(roles.items())]
    return "\n".join(lines) + "\n"


def _users(events: Iterable[Event]) -> Counter[str]:
    """Count the events of each IAM user, under the spelling seen most."""
    spelled: dict[str, Counter[str]] = {}
    for event in events:
        name = event.identity.user_name or ""
        if event.identity.type == "IAMUser" and name != HIDDEN and _IAM_NAME.fullmatch(name):
            spelled.setdefault(name.lower(), Counter())[name] += 1
    return Counter({min(found, key=lambda name: (-found[name], name)): found.total() for found in spelled.values()})


def _key(user: str, taken: set[str]) -> str:
    base = re.sub(r"[^a-z0-9_.-]", "-", user.lower()).strip("-_.")[:28] or "person"
    key, number = base, 2
    while key in taken:
        key, number = f"{base}-{number}", number + 1
    taken.add(key)
    return key


def _text(value: str) -> str:
    return json.dumps(value)
