"""MITRE ATT&CK techniques of what a case says was seen, by its facts (Enterprise matrix, version 15).

Only where the fact is the technique: a read is none, and that somebody was off shift is none either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from watchbill.alerts.stories import Story
from watchbill.alerts.view import CaseView


VERSION = "15.1"


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique, or one of its kinds where `uid` has a dot, under one tactic."""

    tactic_uid: str
    tactic: str
    uid: str
    name: str
    parent: str = ""
    """Name of the technique that it is a kind of."""


BRUTE_FORCE = Technique("TA0006", "Credential Access", "T1110", "Brute Force")
SPRAYING = Technique("TA0006", "Credential Access", "T1110.003", "Password Spraying", "Brute Force")
CLOUD_ACCOUNTS = Technique("TA0001", "Initial Access", "T1078.004", "Cloud Accounts", "Valid Accounts")
_BY_ACTION = {
    "persistence": Technique("TA0003", "Persistence", "T1098", "Account Manipulation"),
    "escalation": Technique("TA0004", "Privilege Escalation", "T1098", "Account Manipulation"),
    "logging": Technique("TA0005", "Defense Evasion", "T1562.008", "Disable or Modify Cloud Logs", "Impair Defenses"),
    "secrets": Technique(
        "TA0006",
        "Credential Access",
        "T1555.006",
        "Cloud Secrets Management Stores",
        "Credentials from Password Stores",
    ),
}


def techniques(case: CaseView) -> Sequence[Technique]:
    """Give the techniques of a case, in a fixed order."""
    found = []
    if case.kind == "sign-in":
        spray = case.facts.get("breadth") == "many names"
        if spray or case.leading == Story.BRUTE_FORCE:
            found.append(SPRAYING if spray else BRUTE_FORCE)
    if case.leading == Story.HIJACK:
        found.append(CLOUD_ACCOUNTS)
    if (action := _BY_ACTION.get(case.facts.get("action", ""))) is not None:
        found.append(action)
    return found
