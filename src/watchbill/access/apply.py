"""Carry a plan out: exactly its changes, in order, each with an outcome.

Changes of assignments take AWS some seconds each, and say nothing of each other: those that follow one another in a
plan are made side by side, as many as AWS lets go on at once, and what comes after them waits until all are done.
"""

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import groupby

from watchbill.access.model import Change, Outcome, Phase, State
from watchbill.errors import ProviderError


BY_HAND = "console"
"""The service of what watchbill cannot do: it waits until a person has done it and says so."""

OUTSTANDING = 8
"""How many changes that take time go on at once. AWS lets ten of an instance go on, of everybody's together (User
Guide, "Quotas and limits in IAM Identity Center"), and two are left to others."""

_SIDE_BY_SIDE = ("CreateAccountAssignment", "DeleteAccountAssignment", "ProvisionPermissionSet")

Perform = Callable[[Change], None]
Journal = Callable[[Outcome], None]
_Numbered = tuple[int, Change]


def apply(
    changes: Sequence[Change],
    perform: Perform,
    journal: Journal = lambda outcome: None,
    done: Collection[int] = (),
    place: str | None = None,
    *,
    together: bool = False,
    outstanding: int = 1,
) -> Iterator[Outcome]:
    """Make each change of a plan and yield what became of it.

    The journal is told before each call that it is begun, and after it what became of it. So a plan that was cut short
    is carried on with the numbers that are `done`: those are not made again, and one that was begun is. That is safe,
    since each call that is already so changes nothing. With a `place`, only the changes there are made.

    After a failure nothing more is granted in that place, while what takes access away goes on: a change that revokes
    must not wait for one that could not be made. With `together` that place is everywhere: a permission set is of
    all its accounts, and must not be given while the fence of one of them could not be written.

    As many as `outstanding` changes that take time go on at once, of different accounts or sets; the journal is told of
    them in this thread, and `perform` is called in others.
    """
    run = _Run(perform, journal, together=together)
    mine = [(n, change) for n, change in enumerate(changes) if place is None or change.account == place]
    for apart, each in groupby(mine, key=lambda numbered: _apart(numbered[1])):
        several = list(each)
        if apart is None or outstanding == 1 or len(several) == 1:
            for number, change in several:
                yield run.done(number, change) if number in done else run.one(number, change)
        else:
            made = run.side_by_side([each for each in several if each[0] not in done], outstanding)
            known = (run.done(*each) for each in several if each[0] in done)
            yield from sorted((*made, *known), key=lambda outcome: outcome.number)


def _apart(change: Change) -> tuple[Phase, str, str] | None:
    """Give what changes have in common that may be made side by side; None where a change is made by itself."""
    return (change.phase, change.account, change.call.operation) if change.call.operation in _SIDE_BY_SIDE else None


class _Run:
    """Makes the changes of a plan, and knows where one failed."""

    def __init__(self, perform: Perform, journal: Journal, *, together: bool) -> None:
        self._perform, self._journal, self._together = perform, journal, together
        self._failed: set[str] = set()

    @staticmethod
    def done(number: int, change: Change) -> Outcome:
        """Give the outcome of what was made before."""
        return Outcome(number, change, State.DONE)

    def one(self, number: int, change: Change) -> Outcome:
        """Make one change."""
        if (left := self._left(number, change)) is not None:
            return left
        self._journal(Outcome(number, change, State.BEGUN))
        return self._ended(self._made(number, change))

    def side_by_side(self, several: Sequence[_Numbered], most: int) -> list[Outcome]:
        """Make changes side by side, those of one permission set in one account one after the other."""
        left, found = list(several), list[Outcome]()
        going: dict[Future[Outcome], Hashable] = {}
        with ThreadPoolExecutor(max_workers=most) as pool:
            while left or going:
                while len(going) < most and (free := self._next(left, going.values())) is not None:
                    number, change = free
                    if (outcome := self._left(number, change)) is not None:
                        found.append(outcome)
                    else:
                        self._journal(Outcome(number, change, State.BEGUN))
                        going[pool.submit(self._made, number, change)] = _of(change)
                ended = wait(going, return_when=FIRST_COMPLETED).done
                for each in ended:
                    del going[each]
                    found.append(self._ended(each.result()))
        return found

    @staticmethod
    def _next(left: list[_Numbered], busy: Collection[Hashable]) -> _Numbered | None:
        found = next((each for each in left if _of(each[1]) not in busy), None)
        if found is not None:
            left.remove(found)
        return found

    def _left(self, number: int, change: Change) -> Outcome | None:
        """Give what becomes of a change that is not made; None where it is."""
        stopped = bool(self._failed) if self._together else change.account in self._failed
        if change.call.service == BY_HAND:
            return self._ended(Outcome(number, change, State.WAITING, change.why))
        if stopped and change.phase not in (Phase.FENCE, Phase.REVOKE):
            return self._ended(Outcome(number, change, State.SKIPPED, "a change before it that it rests on failed"))
        return None

    def _made(self, number: int, change: Change) -> Outcome:
        try:
            self._perform(change)
        except ProviderError as error:
            return Outcome(number, change, State.FAILED, str(error))
        return Outcome(number, change, State.DONE)

    def _ended(self, outcome: Outcome) -> Outcome:
        if outcome.state is State.FAILED:
            self._failed.add(outcome.change.account)
        self._journal(outcome)
        return outcome


def _of(change: Change) -> Hashable:
    given = change.call.parameters
    return given.get("TargetId"), given.get("PermissionSetArn")
