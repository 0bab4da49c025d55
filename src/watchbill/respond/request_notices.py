"""What is told to whom about a request: to whoever decides, with two buttons; to whoever asked; to the leads."""

from dataclasses import dataclass
from datetime import datetime

from watchbill.intervals import iso
from watchbill.respond.notices import LEADS, Button, Notice, NoticeKind
from watchbill.respond.requests import Access, Swap, said_length


TITLE_MOST = 150
_SEVERITY = "medium"

APPROVE, REFUSE = "request:approve", "request:refuse"


@dataclass(frozen=True, slots=True)
class Asking:
    """A request, as people are told of it."""

    id: str
    person: str
    wanted: Access | Swap
    expires_at: datetime

    @property
    def decider(self) -> str:
        """Give whom it waits for: the leads, or the other of a swap."""
        return self.wanted.people[1] if isinstance(self.wanted, Swap) else LEADS

    @property
    def sentence(self) -> str:
        """Say what is asked for."""
        wanted = self.wanted
        if isinstance(wanted, Access):
            where = " and ".join(wanted.accounts)
            return f"{self.person} asks for {wanted.permission_set} in {where} for {said_length(wanted.length)}"
        return f"{self.person} asks {wanted.people[1]} to swap their watches of {wanted.rota}"

    @property
    def lines(self) -> tuple[str, ...]:
        """Say all of it."""
        wanted = self.wanted
        span = () if isinstance(wanted, Access) else (f"From {iso(wanted.start)} to {iso(wanted.end)}, {wanted.kind}.",)
        return (f"{self.sentence}.", *span, f"Why: {wanted.reason}")


def asked_notice(asking: Asking) -> Notice:
    """Ask whoever decides."""
    by = f" `watchbill requests approve {asking.id}` does it as well."
    return Notice(
        asked_key(asking),
        NoticeKind.REQUEST,
        asking.decider,
        asking.id,
        _SEVERITY,
        _cut(asking.sentence),
        asking.lines,
        (f"{asking.id} waits until {iso(asking.expires_at)}.{by}",),
        (Button(APPROVE, "Approve", "primary", asking.lines), Button(REFUSE, "Refuse", "danger")),
    )


def asked_key(asking: Asking) -> str:
    """Name the notice that asks whoever decides."""
    return f"{asking.id}:{NoticeKind.REQUEST}:{asking.decider}"


def decided_notice(asking: Asking, words: str) -> Notice:
    """Tell those who were asked what became of it, instead of the buttons."""
    key = f"{asking.id}:{NoticeKind.UPDATE}:{asking.decider}"
    lines = (words, *asking.lines)
    title = _cut(asking.sentence)
    return Notice(
        key, NoticeKind.UPDATE, asking.decider, asking.id, _SEVERITY, title, lines, replaces=asked_key(asking)
    )


def told_notice(asking: Asking, to: str, stage: str, words: str) -> Notice:
    """Tell somebody where a request stands; once for each stage. To leads it is news, which calls no pager."""
    kind = NoticeKind.NEWS if to == LEADS else NoticeKind.UPDATE
    key = f"{asking.id}:{kind}:{to}:{stage}"
    title = _cut(f"Request {asking.id}: {words}")
    return Notice(key, kind, to, asking.id, _SEVERITY, title, (words, *asking.lines))


def _cut(text: str) -> str:
    return text if len(text) <= TITLE_MOST else f"{text[: TITLE_MOST - 3]}..."
