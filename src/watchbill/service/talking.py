"""Hear what people press and type in Slack, and tell them what came of it: what `slack.connect` is connected to.

1. Any instance takes presses and answers commands; the one that leads works on presses (`jobs`). So a press that an
   instance took is worked on though that one is gone.
2. What is typed shows who is on watch to every member of the workspace, and a case to leads and to whoever was asked
   about it, as each may see it; whether there is another case is told to nobody.
3. A reply that cannot be said is kept all the same, and the same press again says it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from watchbill.alerts.export.model import Kept
from watchbill.alerts.export.reader import kept_for
from watchbill.errors import ProviderError, RefusedError
from watchbill.intervals import iso, parse_instant
from watchbill.respond.interfaces import Recipient, Reference, SlackId
from watchbill.schedule.oncall import Schedule
from watchbill.service import clicks, identities
from watchbill.service.casework import Casework, find_case
from watchbill.service.clicks import Click, Reply
from watchbill.slack.model import AskSwap, Command, Press, RequestAccess, ShowCase, Standing, Who, Wish
from watchbill.store.database import Store
from watchbill.team.model import Team


class Chat(Protocol):
    """What `slack.connect` connects."""

    def look_up(self, email: str) -> SlackId:
        """Find a member by their address."""
        ...

    def tell(self, who: SlackId, where: Reference, text: str) -> None:
        """Say something to one person alone."""
        ...

    def say(self, channel: str, text: str) -> None:
        """Say something to everybody in a conversation."""
        ...


class Working(Protocol):
    """Gives what works on cases as somebody at an instant, by the team file as it is then."""

    def __call__(self, store: Store, at: datetime, actor: str) -> Casework:
        """Give it."""
        ...


@dataclass(slots=True)
class Talk:
    """What an instance hears, and says of it."""

    store: Store
    """For presses and commands, which any instance takes."""
    working: Working
    now: Callable[[], datetime]
    wake: Callable[[], object] = lambda: None
    """Lets presses be worked on at once."""
    wishes: Mapping[type[Wish], Callable[[Casework, Command, str], str]] = field(default_factory=dict)
    """What does the other commands, given the person who typed."""
    chat: Chat | None = None
    """None until it is connected, and where the team does not use it."""

    def take(self, press: Press) -> Reply | None:
        """Write a press down, and have it worked on; what is known already is said."""
        click = Click(
            press.id,
            press.source,
            press.actor,
            press.action,
            press.case,
            press.at,
            press.reference,
            press.text,
            str(press.standing),
        )
        if not clicks.take(self.store, click):
            return clicks.told(self.store, click)
        self.wake()
        return None

    def handle(self, command: Command) -> Reply:
        """Answer what was typed."""
        if command.standing is not Standing.MEMBER:
            raise RefusedError(f"this is for members of the workspace: you are {command.standing} there")
        work = self.working(self.store, command.at, "watchbill")
        match command.wish:
            case Who(at):
                return Reply("\n".join(_on_watch(work.laid_over(), _instant(at, command.at))))
            case ShowCase(case_id):
                return Reply(self._shown(work, command, case_id))
            case RequestAccess() | AskSwap() as wish if type(wish) in self.wishes:
                person = self._person(work, command, work.team.people)
                return Reply(self.wishes[type(wish)](work, command, person))
            case _:
                raise RefusedError("nothing does that here yet")

    def pin(self, person: Recipient, found: SlackId) -> None:
        """Pin whom an address was found to be."""
        identities.pin(self.working(self.store, self.now(), "watchbill"), person.name, found)

    def leads(self) -> list[Recipient]:
        """Give the leads of the team, with the ids that they are pinned to."""
        team = self.working(self.store, self.now(), "watchbill").team
        return [_recipient(self.store, team, name) for name in team.leads]

    def _shown(self, work: Casework, command: Command, case_id: str) -> str:
        asked = self.store.questions.of(case_id)
        about = () if asked is None else (asked.person,)
        person = self._person(work, command, (*about, *work.team.leads))
        if asked is not None and person == asked.person:
            said = f"you answered {asked.answer}" if asked.answer else f"please answer by {iso(asked.deadline_at)}"
            return f"Security question {case_id}, asked at {iso(asked.asked_at)}: {said}.\n{asked.text}"
        if person not in work.team.leads:
            raise RefusedError("that is for leads, and for whoever was asked")
        row, view = find_case(self.store, case_id)
        if person == view.person:
            raise RefusedError("that is for leads, and for whoever was asked")
        kept = kept_for(Kept(view, row.status, row.note, row.opened_at, row.updated_at))
        return f"{case_id}, {kept.case.severity}, {kept.status}: {kept.case.sentence}\n{kept.note}".strip()

    def _person(self, work: Casework, command: Command, among: Sequence[str] | Mapping[str, object]) -> str:
        look_up = None if self.chat is None else self.chat.look_up
        return identities.person_of(work, command.actor, among, look_up)

    def say(self, click: Click, reply: Reply) -> None:
        """Say what came of a press, where it was pressed; that it could not be said is for the same press again."""
        if self.chat is None or not isinstance(click.actor, SlackId) or "channel" not in click.reference:
            return
        with suppress(ProviderError):
            if reply.ephemeral:
                self.chat.tell(click.actor, click.reference, reply.text)
            else:
                self.chat.say(click.reference["channel"], reply.text)


def _recipient(store: Store, team: Team, name: str) -> Recipient:
    pinned = store.identities.of(name)
    return Recipient(name, team.people[name].email, None if pinned is None else SlackId(pinned.team, pinned.user))


def _instant(words: str | None, now: datetime) -> datetime:
    if words is None:
        return now
    try:
        return parse_instant(words)
    except ValueError as error:
        raise RefusedError(f"{error}", "write an instant with its zone: 2026-01-14T03:00:00Z") from None


def _on_watch(team: Team, at: datetime) -> Iterator[str]:
    """Say who is on watch for each rota at an instant."""
    yield f"At {iso(at)}:"
    for rota in team.rotas.values():
        held = [f"{team.people[duty.person].full_name} ({duty.kind})" for duty in Schedule(rota).on_call(at)]
        yield f"{rota.name}: {', '.join(held) or 'nobody'}"
