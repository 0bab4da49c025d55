"""Carry a plan out: exactly its changes, in order, each with an outcome."""

from collections.abc import Callable, Collection, Iterator, Sequence

from watchbill.access.model import Change, Outcome, Phase, State
from watchbill.errors import ProviderError


BY_HAND = "console"
"""The service of what watchbill cannot do: it waits until a person has done it and says so."""


def apply(
    changes: Sequence[Change],
    perform: Callable[[Change], None],
    journal: Callable[[Outcome], None] = lambda outcome: None,
    done: Collection[int] = (),
    place: str | None = None,
    *,
    together: bool = False,
) -> Iterator[Outcome]:
    """Make each change of a plan and yield what became of it.

    The journal is told before each call that it is begun, and after it what became of it. So a plan that was cut short
    is carried on with the numbers that are `done`: those are not made again, and one that was begun is. That is safe,
    since each call that is already so changes nothing. With a `place`, only the changes there are made.

    After a failure nothing more is granted in that place, while what takes access away goes on: a change that revokes
    must not wait for one that could not be made. With `together` that place is everywhere: a permission set is of
    all its accounts, and must not be given while the fence of one of them could not be written.
    """
    failed: set[str] = set()
    for number, change in enumerate(changes):
        if place is not None and change.account != place:
            continue
        if number in done:
            yield Outcome(number, change, State.DONE)
            continue
        if change.call.service == BY_HAND:
            outcome = Outcome(number, change, State.WAITING, change.why)
        elif (failed if together else change.account in failed) and change.phase not in (Phase.FENCE, Phase.REVOKE):
            outcome = Outcome(number, change, State.SKIPPED, "a change before it that it rests on failed")
        else:
            journal(Outcome(number, change, State.BEGUN))
            outcome = _made(number, change, perform)
        if outcome.state is State.FAILED:
            failed.add(change.account)
        journal(outcome)
        yield outcome


def _made(number: int, change: Change, perform: Callable[[Change], None]) -> Outcome:
    try:
        perform(change)
    except ProviderError as error:
        return Outcome(number, change, State.FAILED, str(error))
    return Outcome(number, change, State.DONE)
