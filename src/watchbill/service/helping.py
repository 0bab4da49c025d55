"""Help somebody back in: it is asked for, a lead approves it, and they alone take the password over, once."""

import hashlib
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from watchbill.access.model import Change, Outcome, State, spelled
from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.intervals import iso
from watchbill.ledger.model import Kind
from watchbill.respond.freeze import must_not_be_protected
from watchbill.respond.help import Help, Wanted, plan_help, with_secret
from watchbill.respond.notices import LEADS, Notice, NoticeKind
from watchbill.service.casework import Casework
from watchbill.service.containment import carry_out, see
from watchbill.service.outbox import put
from watchbill.service.two_people import find
from watchbill.store.rows import ContainmentRow


_LENGTH = 40
_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!@#$%^&*()_+-=[]{}|'")
"""A password has some of each: an account may demand all four (IAM User Guide, "Set an account password policy")."""


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody is given: shown to them once, and kept nowhere."""

    help: Help
    outcomes: tuple[Outcome, ...]
    password: str | None

    def __repr__(self) -> str:
        """Say what it is without what is secret."""
        return f"Given({self.help.person})"


def ask(work: Casework, person: str, account: str, wanted: Wanted, reason: str) -> tuple[str, Help]:
    """Ask for help for somebody; give its id, and what it would do."""
    if person not in work.team.people:
        raise NotFoundError(f"no person `{person}` in {work.team.path}")
    if account not in work.team.accounts:
        raise NotFoundError(f"no account `{account}` in {work.team.path}")
    must_not_be_protected(work.team, person)
    if any(row.person == person for row in work.store.freezes.active(work.at)):
        raise RefusedError(f"{person} is frozen: a new password would not let them in", "restore them first")
    seen = see(work, person)
    user = spelled(work.team.people[person].iam_user, seen.observed[account])
    made = plan_help(person, user, account, seen, wanted, work.at)
    name = f"H-{hashlib.sha256(f'{person}|{account}|{iso(work.at)}'.encode()).hexdigest()[:6]}"
    payload = msgspec.json.encode(made).decode()
    with work.store.transaction():
        work.store.containments.add(ContainmentRow(name, "help", person, None, work.at, work.actor, "asked", payload))
        what = [str(change.call.operation) for change in made.changes]
        work.record(Kind.HELP_ASKED, name, {"person": person, "account": account, "steps": what, "reason": reason})
        put(work, _to_leads(name, person, reason, made))
    return name, made


def approve(work: Casework, help_id: str) -> Help:
    """Let a help be given, as a lead who is not the person."""
    row = _of_help(work, help_id)
    _must_lead(work, row)
    with work.store.transaction():
        if not work.store.containments.confirm(help_id, work.at, work.actor):
            raise RefusedError(f"{help_id} is {row.state} already")
        work.record(Kind.HELP_APPROVED, help_id, {"person": row.person})
        put(work, _to_person(help_id, row.person))
    return msgspec.json.decode(row.payload, type=Help)


def refuse(work: Casework, help_id: str, reason: str) -> Help:
    """Refuse a help, as a lead who is not the person; one that was approved and not taken over, too."""
    row = _of_help(work, help_id)
    _must_lead(work, row)
    with work.store.transaction():
        if not work.store.containments.turn(help_id, ["asked", "confirmed"], "refused"):
            raise RefusedError(f"{help_id} is {row.state} already")
        work.record(Kind.HELP_REFUSED, help_id, {"person": row.person, "reason": reason})
    return msgspec.json.decode(row.payload, type=Help)


def collect(work: Casework, help_id: str) -> Given:
    """Take a help over, as the person it is for: the password is made now, given to AWS, and shown here alone.

    Where AWS did not answer, or the process died before it was shown, it is taken over again, with another password.
    """
    row = _of_help(work, help_id)
    if work.actor != row.person:
        raise RefusedError(f"{help_id} is for `{row.person}`, not `{work.actor}`: nobody else sees a password")
    if row.state != "confirmed":
        why = {"asked": "no lead has approved it yet", "done": "it was taken over already"}
        raise RefusedError(f"{help_id}: {why.get(row.state, 'it was refused')}")
    if any(each.person == row.person for each in work.store.freezes.active(work.at)):
        raise RefusedError(f"{row.person} is frozen: a new password would not let them in")
    made = msgspec.json.decode(row.payload, type=Help)
    secret = password()
    takes = any(with_secret(change, secret) != change for change in made.changes)
    outcomes = give(work, help_id, made.changes, secret)
    failed = [outcome for outcome in outcomes if outcome.state is not State.DONE]
    if failed:
        raise ProviderError(f"{len(failed)} of {len(outcomes)} steps failed: {failed[0].error}", "try again")
    with work.store.transaction():
        if not work.store.containments.turn(help_id, ["confirmed"], "done"):
            raise RefusedError(f"{help_id}: it was taken over already")
        work.record(Kind.HELP_GIVEN, help_id, {"person": row.person, "steps": len(outcomes)})
    return Given(made, outcomes, secret if takes else None)


def password() -> str:
    """Make a password that nobody guesses, with some of each kind of character."""
    first = [secrets.choice(kind) for kind in _KINDS]
    rest = [secrets.choice("".join(_KINDS)) for _ in range(_LENGTH - len(first))]
    made = first + rest
    secrets.SystemRandom().shuffle(made)
    return "".join(made)


def give(work: Casework, name: str, changes: Sequence[Change], secret: str) -> tuple[Outcome, ...]:
    """Make the steps, all of them: a password that was set before was never shown. No error tells it."""

    def perform(change: Change) -> None:
        try:
            work.perform(with_secret(change, secret))
        except ProviderError as error:
            raise ProviderError(str(error).replace(secret, "***")) from None

    return carry_out(work, name, changes, anew=perform)


def _to_leads(name: str, person: str, reason: str, made: Help) -> Notice:
    lines = (f"They say: {reason}", *(change.why for change in made.changes), f"watchbill assist approve {name}")
    title = f"{person} cannot sign in and asks for help: make sure that it is them"
    return Notice(f"{name}:{NoticeKind.HELP}:{LEADS}", NoticeKind.HELP, LEADS, None, "medium", title, lines)


def _to_person(name: str, person: str) -> Notice:
    """Say that help is there; there is no secret in it, and whoever reads it needs to be the person to take it over."""
    lines = (f"Take it over at your own keyboard: watchbill assist collect {name}",)
    title = "A lead has approved the help that you need to sign in"
    return Notice(f"{name}:{NoticeKind.HELP}:{person}", NoticeKind.HELP, person, None, "medium", title, lines)


def _of_help(work: Casework, help_id: str) -> ContainmentRow:
    row = find(work, help_id)
    if row.kind != "help":
        raise NotFoundError(f"`{help_id}` is no help")
    return row


def _must_lead(work: Casework, row: ContainmentRow) -> None:
    work.must_lead(row.person)
    if row.by == work.actor and row.by not in work.team.leads:
        raise RefusedError(f"`{work.actor}` asked for {row.id}: somebody else approves it")
