"""Tell people, each thing once, however often the process dies.

The rules, in order:

1. A notice is written in the transaction of what it tells of, by each channel that it goes by. Nothing is sent there.
2. Of one recipient and channel notices are sent in the order in which they were written; one that failed holds up those
   behind it, one that is put off until later does not.
3. Before it is sent it is claimed. Whoever finds a claim that is older than `LEASE` takes its process for dead and asks
   the channel whether it was sent (`Sender.find`); so it is after every try that failed.
4. A channel that asks to wait is let alone as long as it says. One that fails is tried again, after ten seconds and
   twice as long each time, up to ten minutes; after `TRIES` failures, or at once where it will never work, the next
   channel has it and says so. Where there is none, it is tried on for ever, and the leads are told.
5. What takes the place of a notice that was never tried is sent instead of it.
6. A lead is told nothing of their own case: what leads are told of it goes to the others by Slack and mail, past every
   channel of which nobody knows who reads it. Where that leaves nobody, the ledger says so.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from watchbill.errors import NotFoundError, Problem, ProviderError, RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.interfaces import LaterError, Recipient, Reference, Sender, SlackId
from watchbill.respond.notices import LEADS, Notice
from watchbill.respond.telling import news
from watchbill.service.casework import Casework
from watchbill.service.links import Links
from watchbill.store.rows import OutboxRow, Sending
from watchbill.team.model import Team


SLACK: Final = "slack"

LEASE: Final = timedelta(minutes=2)
"""How long a claim holds: no channel may take longer to say whether it sent something."""
TRIES: Final = 4
"""Failures after which the next channel has it: a minute or so."""
MOST: Final = 200
"""Notices in one call, so that a claim is always younger than it says."""

_LONGEST = timedelta(minutes=10)
_PAGE = 500
"""Notices that are read at once."""


@dataclass(slots=True)
class Delivered:
    """What one call did."""

    sent: int = 0
    problems: list[Problem] = field(default_factory=list)
    more: bool = False
    """Whether there was more than one call sends."""


def put(work: Casework, notice: Notice, due: datetime | None = None, by: Collection[str] | None = None) -> None:
    """Write a notice for whoever it is to, to be sent at once or when it is due; one that is there stays as it is.

    Of the channels by which they are told it goes by all, or those of `by`.
    """
    notice = replace(notice, about=_subject(work, notice))
    payload = msgspec.json.encode(notice).decode()
    if notice.replaces is not None:
        work.store.outbox.replace(notice.replaces, by)
    channels = channels_of(work, notice)
    if not channels and notice.about in work.team.leads:
        why = f"no channel reaches leads without {notice.about}, whose case it is"
        work.record(Kind.NOTICE_FAILED, notice.key, {"to": notice.to, "channel": None, "why": why, "then": None})
    for channel in (channel for channel in channels if by is None or channel in by):
        row = OutboxRow(notice.key, channel, 0, notice.to, payload, Sending.WAITING, 0, due or work.at, work.at)
        work.store.outbox.put(replace(row, case_id=notice.case))


def _subject(work: Casework, notice: Notice) -> str | None:
    """Tell whose case leads are told of."""
    row = None if notice.case is None or notice.to != LEADS else work.store.cases.get(notice.case)
    return notice.about if row is None else row.person


def channels_of(work: Casework, notice: Notice) -> list[str]:
    """Give the channels that a notice goes by at first, by the team file; none where the team has set up none."""
    team = work.team
    if notice.to == LEADS and notice.about in team.leads:
        return _past(team, notice)
    if notice.to == LEADS:
        more = [_named(each.name) for each in team.notify if str(notice.kind) in each.on]
        return [SLACK, *more] if team.slack is not None else more
    mail = mail_of(team)
    if team.slack is None or (notice.replaces is not None and _is_given_up(work, notice.replaces)):
        return [mail] if mail is not None else [SLACK] if team.slack is not None else []
    return [SLACK]


def _past(team: Team, notice: Notice) -> list[str]:
    """Give the channels by which the other leads are told of a lead: those that can leave one out."""
    if len(team.leads) == 1:
        return []
    by_mail = [_named(each.name) for each in team.notify if each.kind == "mail" and str(notice.kind) in each.on]
    if team.slack is not None:
        return [SLACK, *by_mail]
    mail = mail_of(team)
    return by_mail or ([] if mail is None else [mail])


def mail_of(team: Team) -> str | None:
    """Give the channel by which people get mail; None where the team has set up none."""
    return next((_named(each.name) for each in team.notify if each.kind == "mail"), None)


def _named(name: str) -> str:
    return f"notify:{name}"


def _is_given_up(work: Casework, key: str) -> bool:
    row = work.store.outbox.get(key, SLACK)
    return row is not None and row.state is Sending.FAILED


def is_delivered(work: Casework, key: str) -> bool | None:
    """Tell whether somebody was told; None where the team has set up no channel."""
    rows = work.store.outbox.of(key)
    return any(row.state is Sending.SENT for row in rows) if rows else None


def deliver(
    work: Casework,
    senders: Mapping[str, Sender],
    links: Links | None = None,
    goes_on: Callable[[], bool] = lambda: True,
) -> Delivered:
    """Send what is due, the oldest first. `senders` are by channel: `slack`, or `notify:` and the name in the file."""
    done = Delivered()
    held: set[tuple[str, str]] = set()
    resting: set[str] = set()
    post = _Post(work, senders, links)
    for row in _in_turn(work):
        line = (row.channel, row.to)
        if resting >= set(senders):
            break
        if line in held or row.channel in resting or row.channel not in senders:
            continue
        if row.next_at > work.at:
            if row.state is Sending.SENDING or row.error is not None:
                held.add(line)
            continue
        if done.sent >= MOST or not goes_on():
            done.more = True
            break
        try:
            done.sent += post.send(row)
        except LaterError as error:
            resting.add(row.channel)
            done.problems.append(Problem("channel-busy", f"{row.channel}: {error}"))
        except (ProviderError, RefusedError, NotFoundError) as error:
            held.add(line)
            done.problems.append(Problem("not-told", f"{row.to} could not be told by {row.channel}: {error}"))
    return done


def _in_turn(work: Casework) -> Iterator[OutboxRow]:
    """Give what is to be sent in its order, and read no more of it than is asked for: there may be very many."""
    page = work.store.outbox.unsent(_PAGE)
    while page:
        yield from page
        page = work.store.outbox.unsent(_PAGE, page[-1]) if len(page) == _PAGE else []


class _Post:
    """Sends one notice at a time."""

    def __init__(self, work: Casework, senders: Mapping[str, Sender], links: Links | None) -> None:
        self._work, self._senders, self._links = work, senders, links

    def send(self, row: OutboxRow) -> bool:
        """Send one; tells whether it was. What kept it from being sent is raised once it is written down."""
        claimed = replace(row, state=Sending.SENDING, next_at=self._work.at + LEASE)
        if not self._work.store.outbox.turn(row, claimed):
            return False
        notice = msgspec.json.decode(row.payload, type=Notice)
        may_be_sent = row.state is Sending.SENDING or row.tries > 0
        try:
            reference = self._speak(row.channel, notice, may_be_sent=may_be_sent)
        except LaterError as error:
            later = replace(row, state=Sending.WAITING, next_at=self._work.at + error.after, error=str(error))
            self._work.store.outbox.turn(claimed, later)
            raise
        except (ProviderError, RefusedError, NotFoundError) as error:
            self._fail(claimed, notice, error)
            raise
        kept = msgspec.json.encode(dict(reference)).decode()
        sent = replace(claimed, state=Sending.SENT, sent_at=self._work.at, reference=kept, error=None)
        with self._work.store.transaction():
            if self._work.store.outbox.turn(claimed, sent):
                facts = {"kind": str(notice.kind), "to": row.to, "channel": row.channel}
                self._work.record(Kind.NOTICE_SENT, row.key, facts)
        return True

    def _speak(self, channel: str, notice: Notice, *, may_be_sent: bool) -> Reference:
        sender, to = self._senders[channel], self._recipient(notice.to)
        if may_be_sent and (found := sender.find(notice, to)) is not None:
            return found
        filled = _by_hand(notice, channel) if self._links is None else self._links.filled(self._work, notice, channel)
        return sender.send(filled, to, self._before(channel, notice))

    def _recipient(self, name: str) -> Recipient:
        if name == LEADS:
            return Recipient(LEADS, "", None)
        person = self._work.team.people.get(name)
        if person is None:
            raise NotFoundError(f"`{name}` is in the team file no more")
        pinned = self._work.store.identities.of(name)
        return Recipient(name, person.email, None if pinned is None else SlackId(pinned.team, pinned.user))

    def _before(self, channel: str, notice: Notice) -> Reference | None:
        """Tell where the message lies that a notice takes the place of; not all that it said need have gone by here."""
        key = notice.replaces
        while key is not None:
            rows = self._work.store.outbox.of(key)
            lies = next((row.reference for row in rows if row.channel == channel and row.reference is not None), None)
            if lies is not None:
                return msgspec.json.decode(lies, type=dict[str, str])
            key = msgspec.json.decode(rows[0].payload, type=Notice).replaces if rows else None
        return None

    def _fail(self, claimed: OutboxRow, notice: Notice, error: ProviderError | RefusedError | NotFoundError) -> None:
        never = not isinstance(error, ProviderError)
        tried = replace(claimed, tries=claimed.tries + 1, error=str(error))
        other = self._other(claimed)
        with self._work.store.transaction():
            if other is not None and (never or tried.tries >= TRIES):
                self._hand_over(claimed, tried, notice, other)
                return
            at = self._work.at + min(timedelta(seconds=10 * 2 ** min(claimed.tries, 10)), _LONGEST)
            lost = never and (claimed.to != LEADS or notice.about in self._work.team.leads)
            state = Sending.FAILED if lost else Sending.WAITING
            written = self._work.store.outbox.turn(claimed, replace(tried, state=state, next_at=at))
            if written and (lost or (claimed.to != LEADS and tried.tries == TRIES)):
                self._tell_leads(tried, notice)

    def _other(self, row: OutboxRow) -> str | None:
        mail = mail_of(self._work.team)
        taken = row.channel != SLACK or mail is None or mail not in self._senders
        return None if taken or self._work.store.outbox.get(row.key, mail or "") is not None else mail

    def _hand_over(self, claimed: OutboxRow, tried: OutboxRow, notice: Notice, other: str) -> None:
        said = replace(notice, context=(*notice.context, f"This could not be said by {claimed.channel}."))
        payload = msgspec.json.encode(said).decode()
        if self._work.store.outbox.turn(claimed, replace(tried, state=Sending.FAILED)):
            place, at = claimed.number, self._work.at
            row = OutboxRow(claimed.key, other, place, claimed.to, payload, Sending.WAITING, 0, at, at)
            self._work.store.outbox.put(replace(row, case_id=claimed.case_id))
            facts = {"to": claimed.to, "channel": claimed.channel, "why": tried.error, "then": other}
            self._work.record(Kind.NOTICE_FAILED, claimed.key, facts)

    def _tell_leads(self, row: OutboxRow, notice: Notice) -> None:
        facts = {"to": row.to, "channel": row.channel, "why": row.error, "then": None}
        self._work.record(Kind.NOTICE_FAILED, row.key, facts)
        title = f"{row.to} could not be told: {notice.title}"
        lines = (f"{row.channel} failed {row.tries} times: {row.error}", "They do not know. Reach them another way.")
        put(self._work, news(f"{row.key}:unreached", title, lines, notice.case))


def _by_hand(notice: Notice, channel: str) -> Notice:
    """Give a notice that says how to answer where nothing can be pressed, and no page is there to be led to."""
    commands = {"answer:yes": "answer {} yes", "answer:no": "answer {} no", "answer:peer-yes": "confirm {} yes"}
    said = [commands[button.action].format(notice.case) for button in notice.buttons if button.action in commands]
    if channel == SLACK or not said:
        return notice
    return replace(notice, context=(*notice.context, *(f"By command: watchbill {each}" for each in said)))
