"""Tell the leads where a case stands, in few messages: what was said before is written over.

The rules, in order:

1. There is one message to begin with; each reminder is one more. When the case moves, all of them say so, and the
   newest alone has the buttons. A reminder that is yet to come comes as the case stands then.
2. Leads are told at once. The exact calls of a freeze that they are offered, which AWS has to be read for, follow: they
   are asked for in the same transaction (`CALLS`), and whoever does what takes long works them out (`show_calls`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Final

import msgspec

from watchbill.alerts.view import CaseView
from watchbill.errors import WatchbillError
from watchbill.respond.ask import Status
from watchbill.respond.notices import LEADS, Notice, NoticeKind
from watchbill.respond.telling import Standing, calls_unseen, leads_notice
from watchbill.service.casework import Casework
from watchbill.service.outbox import SLACK, put
from watchbill.store.rows import ClickRow, OutboxRow, Sending, Worked


Preview = Callable[[str], Sequence[str]]
"""Gives the exact calls of the freeze of a case, one a line. It asks AWS; what goes wrong is a WatchbillError."""

OURS: Final = "watchbill"
"""Where what waits among presses is from that nobody pressed."""
CALLS: Final = "calls"
"""Its action: the calls of a freeze are to be worked out, and shown."""


@dataclass(slots=True)
class _Message:
    """One message to the leads: what was said in it, each in place of the one before."""

    keys: list[str] = field(default_factory=list)
    shown: str | None = None
    """The last that was sent or may have been; None where nothing of it was."""
    in_slack: bool = False
    due: datetime | None = None
    """When it comes; None where it does not lie in the future."""


def tell_leads(work: Casework, view: CaseView, status: Status, why: str, *, calls: bool = True) -> None:
    """Tell where a case stands, within the transaction that moves it; a closed one only where they know of it.

    With `calls` those of a freeze follow, where one is offered.
    """
    before = _messages(work, view.id)
    if status is Status.CLOSED and not before:
        return
    for key in (key for message in before for key in message.keys):
        work.store.outbox.replace(key)
    standing = Standing(view, str(status), why, may_freeze(work, status, view))
    numbers = count(sum(len(message.keys) for message in before))
    lying = [message for message in before if message.shown is not None]
    for message in (message for message in lying[:-1] if message.in_slack):
        put(work, _without_buttons(leads_notice(standing, next(numbers), message.shown)), by=(SLACK,))
    newest = lying[-1].shown if lying else before[-1].keys[-1] if before else None
    put(work, leads_notice(standing, next(numbers), newest))
    if status is not Status.CLOSED:
        for due in (message.due for message in before if message.due is not None):
            put(work, leads_notice(standing, next(numbers), None), due)
    if calls and standing.freeze and work.team.slack is not None:
        _ask_for_calls(work, view.id, next(numbers))


def remind_leads(work: Casework, view: CaseView, status: Status, why: str, at: datetime) -> None:
    """Tell where a case stands once more at an instant, by a message of its own."""
    number = sum(len(message.keys) for message in _messages(work, view.id))
    put(work, leads_notice(Standing(view, str(status), why, may_freeze(work, status, view)), number, None), at)


def are_told(work: Casework, case_id: str) -> bool:
    """Tell whether the leads were told of a case, or are about to be."""
    return bool(_messages(work, case_id))


def show_calls(work: Casework, case_id: str, preview: Preview) -> None:
    """Show the exact calls of a freeze where it is offered without; nothing changes where nobody can tell them."""
    if _offered_unseen(work, case_id) is None:
        return
    try:
        calls = tuple(preview(case_id))
    except WatchbillError:
        return
    with work.store.transaction():
        if (notice := _offered_unseen(work, case_id)) is None:
            return
        buttons = tuple(replace(each, confirm=calls) if each.action == "freeze" else each for each in notice.buttons)
        messages = _messages(work, case_id)
        key = f"{case_id}:{notice.kind}:{LEADS}:{sum(len(message.keys) for message in messages)}"
        lies = next(message.shown for message in messages if notice.key in message.keys) or notice.key
        work.store.outbox.replace(notice.key, (SLACK,))
        put(work, replace(notice, key=key, buttons=buttons, replaces=lies), by=(SLACK,))


def may_freeze(work: Casework, status: str, view: CaseView) -> bool:
    """Tell whether leads are offered a freeze: as `plan_freeze` would take it, and never of a protected person."""
    if status in (Status.FROZEN, Status.CLOSED) or view.person is None or view.person not in work.team.people:
        return False
    names = {view.person.lower(), work.team.people[view.person].iam_user.lower()}
    if names & {name.lower() for name in work.team.protected}:
        return False
    return view.facts.get("answer") == "no" or any(action.kind == "freeze" for action in view.actions)


def _ask_for_calls(work: Casework, case_id: str, number: int) -> None:
    asked = (f"{case_id}|{OURS}|{CALLS}|{number}", OURS, OURS, "member", CALLS, case_id, work.at, "{}", "")
    work.store.clicks.take(ClickRow(*asked, Worked.TAKEN_ON))


def _offered_unseen(work: Casework, case_id: str) -> Notice | None:
    """Give the newest that leads were told, where it offers a freeze and does not show its calls."""
    rows = [row for row in _rows(work, case_id) if row.state is not Sending.REPLACED and not _is_to_come(work, row)]
    if not rows:
        return None
    notice = _notice(rows[-1])
    unseen = any(each.action == "freeze" and each.confirm == calls_unseen(case_id) for each in notice.buttons)
    return notice if unseen else None


def _messages(work: Casework, case_id: str) -> list[_Message]:
    """Give the messages in which leads were told of a case, in the order in which they were begun."""
    by_key: dict[str, _Message] = {}
    found: list[_Message] = []
    for row in _rows(work, case_id):
        if row.key not in by_key:
            replaces = _notice(row).replaces
            message = by_key.get(replaces) if replaces is not None else None
            if message is None:
                found.append(message := _Message())
            message.keys.append(row.key)
            by_key[row.key] = message
        _seen(work, by_key[row.key], row)
    return found


def _seen(work: Casework, message: _Message, row: OutboxRow) -> None:
    """Take into account where a notice of a message stands on one channel."""
    if _is_to_come(work, row):
        message.due = row.next_at
    elif row.state is not Sending.REPLACED and not (row.state is Sending.WAITING and row.tries == 0):
        message.shown = row.key
        message.in_slack = message.in_slack or (row.channel == SLACK and row.state is not Sending.FAILED)


def _is_to_come(work: Casework, row: OutboxRow) -> bool:
    return row.state is Sending.WAITING and row.tries == 0 and row.error is None and row.next_at > work.at


def _rows(work: Casework, case_id: str) -> Iterable[OutboxRow]:
    """Give what leads were told about where a case stands, in order."""
    kinds = (f"{case_id}:{NoticeKind.ESCALATION}:{LEADS}", f"{case_id}:{NoticeKind.UPDATE}:{LEADS}")
    return [row for row in work.store.outbox.of_case(case_id) if row.key.startswith(kinds)]


def _notice(row: OutboxRow) -> Notice:
    return msgspec.json.decode(row.payload, type=Notice)


def _without_buttons(notice: Notice) -> Notice:
    return replace(notice, buttons=(), context=(*notice.context, "What may be done is below the newest message."))
