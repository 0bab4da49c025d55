"""What is told to the leads about a plan that waits for one of them."""

from collections.abc import Sequence

from watchbill.respond.notices import LEADS, Notice, NoticeKind


_SEVERITY = "medium"
_MOST = 12


def proposed_notice(proposal: str, people: int, lines: Sequence[str]) -> Notice:
    """Say that a plan waits, and what of it a person has to let be done."""
    who = "two leads" if people > 1 else "a lead"
    title = f"Plan {proposal} waits for {who}"
    said = (*lines[:_MOST], *([f"... and {len(lines) - _MOST} more"] if len(lines) > _MOST else []))
    how = f"`watchbill plans show {proposal}` has all of it, `watchbill plans approve {proposal}` lets it be done."
    key = _key(proposal)
    return Notice(key, NoticeKind.REQUEST, LEADS, proposal, _SEVERITY, title, said, (how,))


def turned_notice(proposal: str, words: str) -> Notice:
    """Say what became of it, instead of that it waits."""
    key = f"{proposal}:{NoticeKind.UPDATE}:{LEADS}:{words}"[:255]
    return Notice(key, NoticeKind.UPDATE, LEADS, proposal, _SEVERITY, words[:150], (words,), replaces=_key(proposal))


def _key(proposal: str) -> str:
    return f"{proposal}:{NoticeKind.REQUEST}:{LEADS}"
