"""Take what people press, and do it from the database, once.

The rules, in order:

1. A press is written down before it is acknowledged, by an id that the same press again has too. Only one that was
   refused may be pressed again.
2. Who pressed is told by their pin (`identities`); guests, bots, strangers and those who are gone are nobody.
3. Only a lead does what leads do, never the subject, never about another lead in Slack, and no more than the team file
   lets them do there. Answers are the person's who was asked, and the named peer's.
4. What is done and that it was done are written in one transaction. What speaks to AWS takes long (`SLOW`): it is taken
   on, which is said, and done beside the presses behind it; cut off, it is carried on with where it was.
5. While that is under way nobody decides about its case.
6. Nothing is ignored in silence: every press has a reply and an entry of the ledger, a refusal too.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec

from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.intervals import iso
from watchbill.ledger.model import Kind
from watchbill.respond.ask import Status
from watchbill.respond.interfaces import SlackId
from watchbill.respond.model import Verdict
from watchbill.service import asking
from watchbill.service.asking import Answered
from watchbill.service.briefing import CALLS, OURS, Preview, show_calls
from watchbill.service.casework import Casework
from watchbill.service.identities import LookUp, person_of
from watchbill.service.outbox import SLACK
from watchbill.store.database import Store
from watchbill.store.rows import ClickRow, Worked


MEMBER = "member"
_SNOOZE_MOST = 24 * 60
"""Minutes."""
_LEADS_DO = ("freeze", "restore", "evict", "verdict", "snooze")

SLOW: Mapping[str, str] = {
    "freeze": "{} is being frozen: you will see here what came of it.",
    "restore": "{} is being restored: you will see here what came of it.",
    "evict": "AWS is looked at for the eviction of {}: you will see here what came of it.",
    "request:approve": "AWS is looked at for {}: you will see here what came of it.",
    CALLS: "",
}
"""What speaks to AWS, the most urgent first, and what is said when it is taken on."""
LEAVE_A_CASE_OPEN = ("freeze", "restore", "evict")
"""Of that, what must have come to its end before somebody decides about the case."""


@dataclass(frozen=True, slots=True)
class Click:
    """A button that somebody pressed."""

    id: str
    """`case|actor|action`: the same press again has the same."""
    source: str
    """`slack`, or `web`."""
    actor: SlackId | str
    """A user of Slack; else the person, whom the source has made sure of."""
    action: str
    case: str | None
    at: datetime
    reference: Mapping[str, str]
    """The message it was on, in the words of its channel."""
    text: str = ""
    """What they wrote: more about a question, or the reason of a verdict."""
    standing: str = MEMBER
    """What Slack says they are: `member`, or `guest`, `bot`, `deleted`, `stranger`, `unknown`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said to whoever pressed."""

    text: str
    ephemeral: bool = True
    """Whether they alone see it."""


Handler = Callable[[Casework, ClickRow], str]
"""Does what a press of another kind is for, as the person who pressed; gives what is said to them."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What presses may set in motion."""

    freeze: Callable[[Casework, str], str]
    """Plans, carries out and verifies the freeze of a case, or goes on with it; says what came of it."""
    restore: Callable[[Casework, str], str]
    """Gives back what the freeze of a case took, or goes on with that; says what came of it."""
    preview: Preview
    look_up: LookUp | None = None
    say: Callable[[Click, Reply], None] = lambda click, reply: None
    """Says a reply where it was pressed; it is kept all the same."""
    others: Mapping[str, Handler] = field(default_factory=dict)
    """By the first word of the action, such as `request`; each makes sure itself who may."""


def take(store: Store, click: Click) -> bool:
    """Write a press down to be worked on; False: it is known, and `told` says what became of it."""
    actor = f"{click.actor.team}:{click.actor.user}" if isinstance(click.actor, SlackId) else click.actor
    row = ClickRow(
        _id(click),
        click.source,
        actor,
        click.standing,
        click.action,
        click.case,
        click.at,
        msgspec.json.encode(dict(click.reference)).decode(),
        click.text,
    )
    return store.clicks.take(row)


def _id(click: Click) -> str:
    """Give the id of a press: whoever writes something else in a dialogue presses anew."""
    if not click.text:
        return click.id
    return f"{click.id}|{hashlib.sha256(click.text.encode()).hexdigest()[:16]}"


def told(store: Store, click: Click) -> Reply:
    """Say what became of a press that is known."""
    known = store.clicks.get(_id(click))
    if known is None or known.reply is None:
        return Reply("You pressed that already; it is being worked on.")
    before = msgspec.json.decode(known.reply, type=Reply)
    return Reply(f"You pressed that already, at {iso(known.at)}. {before.text}")


def work_clicks(work: Casework, desk: Desk, goes_on: Callable[[], bool] = lambda: True) -> int:
    """Work on every press that waits, in their order, or take it on; give how many there were."""
    done = 0
    for row in work.store.clicks.waiting():
        if not goes_on():
            break
        reply = _work(work, desk, row)
        desk.say(_click(row), reply)
        done += 1
    return done


def work_slow(work: Casework, desk: Desk) -> bool:
    """Do the most urgent of what was taken on; tell whether there was anything."""
    urgency = list(SLOW)
    row = min(
        work.store.clicks.waiting(Worked.TAKEN_ON), key=lambda row: (urgency.index(row.action), row.at), default=None
    )
    if row is None:
        return False
    reply = _work(work, desk, row)
    if row.source != OURS:
        desk.say(_click(row), reply)
    return True


def _work(work: Casework, desk: Desk, row: ClickRow) -> Reply:
    try:
        person = _who(work, desk, row)
        return _Press(replace(work, actor=person), desk, row).do()
    except (RefusedError, NotFoundError) as error:
        reply = Reply(f"{error}" + (f". Try: {error.hint}" if error.hint else ""))
    except ProviderError as error:
        reply = Reply(f"That could not be done now, so press again later: {error}")
    with work.store.transaction():
        work.store.clicks.worked(row, Worked.REFUSED, _kept(reply), work.at)
        facts = {"action": row.action, "by": row.actor, "source": row.source, "why": reply.text}
        work.record(Kind.CLICK_REFUSED, row.case_id or row.id, facts)
    return reply


def _who(work: Casework, desk: Desk, row: ClickRow) -> str:
    if row.source != SLACK:
        return row.actor
    if row.standing != MEMBER:
        said = "Slack cannot tell now who you are" if row.standing == "unknown" else f"you are a {row.standing} there"
        raise RefusedError(f"only members of the workspace may press this: {said}")
    team, _, user = row.actor.partition(":")
    return person_of(work, SlackId(team, user), _concerned(work, row), desk.look_up)


def _concerned(work: Casework, row: ClickRow) -> Iterator[str]:
    """Give whoever may have something to press: who was asked, their peer, and the leads."""
    asked = None if row.case_id is None else work.store.questions.of(row.case_id)
    if asked is not None:
        yield asked.person
        yield from () if asked.peer is None else (asked.peer,)
    yield from work.team.leads


@dataclass(frozen=True, slots=True)
class _Press:
    """One press of somebody who is known."""

    work: Casework
    """As the person who pressed."""
    desk: Desk
    row: ClickRow

    def do(self) -> Reply:
        """Do it, or refuse to."""
        kind, _, what = self.row.action.partition(":")
        if (self.row.source, self.row.action) == (OURS, CALLS):
            return self._show_calls(self.row.case_id or "")
        if self.row.state is Worked.WAITING and self.row.action in SLOW:
            return self._take_on(kind)
        if kind in self.desk.others:
            if kind in _LEADS_DO:
                self._must_be_let(self.row.case_id or "", kind)
            text = self.desk.others[kind](self.work, self.row)
            return self._done(Reply(text))
        if self.row.case_id is None:
            raise RefusedError("this button does nothing any more")
        if kind == "answer":
            return self._answer(self.row.case_id, what)
        if kind in _LEADS_DO:
            self._must_be_let(self.row.case_id, kind)
            return self._lead(self.row.case_id, kind, what)
        raise RefusedError("this button does nothing any more")

    def _answer(self, case_id: str, what: str) -> Reply:
        if what in ("yes", "no"):
            answered = asking.answer(self.work, case_id, what, self._answered)
            return Reply(answered.words)
        if what in ("peer-yes", "peer-no"):
            them = what == "peer-yes"
            vouched = asking.vouch(self.work, case_id, them=them, within=self._answered)
            return Reply(vouched.words)
        if what != "more" or not self.row.text.strip():
            raise RefusedError("this button does nothing any more" if what != "more" else "you wrote nothing")
        with self.work.store.transaction():
            asking.tell_more(self.work, case_id, self.row.text)
            return self._done(Reply("Thank you, it is kept. Please answer yes or no as well, if you have not."))

    def _lead(self, case_id: str, kind: str, what: str) -> Reply:
        if kind in ("freeze", "restore"):
            do = self.desk.freeze if kind == "freeze" else self.desk.restore
            return self._done(Reply(do(self.work, case_id), ephemeral=False))
        with self.work.store.transaction():
            if kind == "snooze":
                minutes = int(what) if what.isdigit() else 0
                if not 0 < minutes <= _SNOOZE_MOST:
                    raise RefusedError("this button does nothing any more")
                asking.snooze(self.work, case_id, timedelta(minutes=minutes))
                return self._done(Reply(f"You are reminded in {minutes} min.", ephemeral=False))
            if what not in tuple(Verdict):
                raise RefusedError("this button does nothing any more")
            if not self.row.text.strip():
                raise RefusedError(
                    "a verdict needs a reason, for whoever reads the ledger",
                    f"press again and write one, or `watchbill verdict {case_id} {what} --reason ...`",
                )
            self._must_be_settled(case_id)
            asking.decide(self.work, case_id, Verdict(what), self.row.text.strip())
            return self._done(Reply(f"{case_id} is {self.work.case(case_id)[0].status}.", ephemeral=False))

    def _must_be_settled(self, case_id: str) -> None:
        """Refuse to decide while somebody is being frozen or restored, of which one cannot know yet what comes."""
        for each in self.work.store.clicks.waiting(Worked.TAKEN_ON):
            if each.case_id == case_id and each.action in LEAVE_A_CASE_OPEN:
                raise RefusedError(
                    f"a {each.action} is under way in {case_id}", "press again when it has come to its end"
                )

    def _must_be_let(self, case_id: str, kind: str) -> None:
        """Refuse what the team file does not let leads do where it was pressed."""
        row, view = self.work.case(case_id)
        self.work.must_lead(view.person)
        if row.status == Status.CLOSED:
            raise RefusedError(f"{case_id} is closed already", f"`watchbill case {case_id}` shows by whom")
        if self.row.source != SLACK:
            return
        slack = self.work.team.slack
        respond = "off" if slack is None else slack.respond
        if respond == "off" or (kind in LEAVE_A_CASE_OPEN and respond != "freeze"):
            raise RefusedError(f"the team file does not let leads do this in Slack (`respond: {respond}`)")
        if view.person in self.work.team.leads:
            raise RefusedError(f"{view.person} is a lead: what is about a lead is not done in Slack")

    def _take_on(self, kind: str) -> Reply:
        """Write down that it is done beside others; whoever may not is refused at once as far as that can be told."""
        about = self.row.case_id
        if about is None:
            raise RefusedError("this button does nothing any more")
        if kind in _LEADS_DO:
            self._must_be_let(about, kind)
            about = self.work.case(about)[1].person or about
        reply = Reply(SLOW[self.row.action].format(about))
        self.work.store.clicks.worked(self.row, Worked.TAKEN_ON, _kept(reply), self.work.at)
        return reply

    def _show_calls(self, case_id: str) -> Reply:
        show_calls(self.work, case_id, self.desk.preview)
        self.work.store.clicks.worked(self.row, Worked.DONE, _kept(Reply("")), self.work.at)
        return Reply("")

    def _answered(self, answered: Answered) -> None:
        self._done(Reply(answered.words))

    def _done(self, reply: Reply) -> Reply:
        with self.work.store.transaction():
            self.work.store.clicks.worked(self.row, Worked.DONE, _kept(reply), self.work.at)
            reference = msgspec.json.decode(self.row.reference, type=dict[str, str])
            by = {"by": self.work.actor, "as": self.row.actor, "source": self.row.source}
            facts = {"action": self.row.action, **by, "message": reference}
            self.work.record(Kind.CLICK_WORKED, self.row.case_id or self.row.id, facts)
        return reply


def _click(row: ClickRow) -> Click:
    team, _, user = row.actor.partition(":")
    actor = SlackId(team, user) if row.source == SLACK else row.actor
    reference = msgspec.json.decode(row.reference, type=dict[str, str])
    return Click(row.id, row.source, actor, row.action, row.case_id, row.at, reference, row.text, row.standing)


def _kept(reply: Reply) -> str:
    return msgspec.json.encode(reply).decode()
