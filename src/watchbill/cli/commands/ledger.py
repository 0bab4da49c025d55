"""`ledger show`, `ledger verify`: what watchbill itself did, and whether that record is whole."""

from typing import Any

import rich_click as click

from watchbill.cli.session import Session, command
from watchbill.ledger.chain import verify as verify_chain
from watchbill.ledger.model import Head, State
from watchbill.service.ledger_view import entry_view, facts_said, verify_view


class HeadType(click.ParamType[Head]):
    """A head as `NUMBER:DIGEST`."""

    name = "NUMBER:DIGEST"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        """Read it."""
        if isinstance(value, Head):
            return value
        number, colon, digest = str(value).partition(":")
        if not colon or not number.isascii() or not number.isdigit():
            self.fail(f"`{value}` is no head; `watchbill ledger verify` prints one: 12:ab34...", param, ctx)
        return Head(int(number), digest)


@click.group("ledger", cls=click.RichGroup)
def ledger() -> None:
    """Look at the hash-chained record of everything that watchbill itself did."""


@command("ledger show", state=True)
def show(session: Session) -> int:
    """Show every entry, the first one first: when, who, what, to what, and with which facts."""
    with session.store() as store:
        entries = [entry_view(entry) for entry in store.ledger.entries()]
    for entry in entries:
        said = facts_said(entry.facts)
        session.out.line(f"{entry.number:4} {entry.at} {entry.actor} {entry.kind} {entry.subject} ({said})")
    session.out.answer(entries)
    return 0


@command("ledger verify", state=True)
@click.option("--head", type=HeadType(), help="A head that was printed before; it must still be in the chain.")
def verify(session: Session, head: Head | None) -> int:
    """Verify the chain: nothing changed, dropped, swapped or put in; with --head, nothing cut off either.

    Exits with 1 when the chain is broken, and when there is nothing to verify: that is no success.
    """
    with session.store() as store:
        found = verify_chain(store.ledger.entries(), head)
    view = verify_view(found)
    if found.state is State.INTACT:
        session.out.line(f"the ledger is intact: {found.entries} entries, head {view.head}", style="green")
    else:
        session.out.line(f"the ledger is {found.state}: {found.why}", style="bold red")
    session.out.answer(view)
    return 0 if found.state is State.INTACT else 1


ledger.add_command(show)
ledger.add_command(verify)

COMMANDS = (ledger,)
