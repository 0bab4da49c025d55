"""Carry a plan out: exactly its changes, each with an outcome, in an order that is kept where it matters.

A plan goes phase by phase, and within one accounts come before Identity Center or after it. What lies between two such
steps is made side by side where changes say nothing of each other: those of different accounts, and those assignments
that are not of one permission set in one account. Within an account all stay in order.
"""

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import groupby

from watchbill.access.center.state import PLACE
from watchbill.access.model import Change, Outcome, Phase, State
from watchbill.errors import ProviderError


BY_HAND = "console"
"""The service of what watchbill cannot do: it waits until a person has done it and says so."""

OUTSTANDING = 8
"""How many assignments go on at once. AWS lets ten of an instance go on, of everybody's together (User Guide, "Quotas
and limits in IAM Identity Center"), and two are left to others."""

_ASSIGNS = ("CreateAccountAssignment", "DeleteAccountAssignment", "ProvisionPermissionSet")
"""What takes AWS some seconds each."""

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
    lanes: int = 1,
) -> Iterator[Outcome]:
    """Make each change of a plan and yield what became of it, in the order of the plan.

    The journal is told before each call that it is begun, and after it what became of it. So a plan that was cut short
    is carried on with the numbers that are `done`: those are not made again, and one that was begun is. That is safe,
    since each call that is already so changes nothing. With a `place`, only the changes there are made.

    After a failure nothing more is granted in that place, while what takes access away goes on: a change that revokes
    must not wait for one that could not be made. With `together` that place is everywhere: a permission set is of
    all its accounts, and must not be given while the fence of one of them could not be written.

    As many as `lanes` changes go on at once; the journal is told of them in this thread, and `perform` is called in
    others.
    """
    run = _Run(perform, journal, together=together)
    mine = [(n, change) for n, change in enumerate(changes) if place is None or change.account == place]
    for (_, _, assigns), each in groupby(mine, key=lambda numbered: _step(numbered[1])):
        several = list(each)
        left = _in_lanes(each for each in several if each[0] not in done)
        if lanes == 1 or len(left) < 2:  # noqa: PLR2004 - one after another
            for number, change in several:
                yield run.done(number, change) if number in done else run.one(number, change)
        else:
            made = run.side_by_side(left, lanes if assigns is None else min(lanes, OUTSTANDING))
            known = (run.done(*each) for each in several if each[0] in done)
            yield from sorted((*made, *known), key=lambda outcome: outcome.number)


def _step(change: Change) -> tuple[Phase, bool, str | None]:
    """Give what changes have in common that wait for none of each other but of their own lane."""
    operation = change.call.operation
    return change.phase, change.account == PLACE, operation if operation in _ASSIGNS else None


def _in_lanes(changes: Iterable[_Numbered]) -> list[deque[_Numbered]]:
    """Give changes in lanes, in each of which one is made after another."""
    lanes: dict[Hashable, deque[_Numbered]] = {}
    for number, change in changes:
        given = change.call.parameters
        assigns = change.call.operation in _ASSIGNS
        lane = (given.get("TargetId"), given.get("PermissionSetArn")) if assigns else change.account
        lanes.setdefault(lane, deque()).append((number, change))
    return list(lanes.values())


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

    def side_by_side(self, lanes: Iterable[deque[_Numbered]], most: int) -> list[Outcome]:
        """Make changes side by side, those of a lane one after another."""
        free, found = deque(lanes), list[Outcome]()
        going: dict[Future[Outcome], deque[_Numbered]] = {}
        with ThreadPoolExecutor(max_workers=most) as pool:
            while free or going:
                while free and len(going) < most:
                    lane = free.popleft()
                    number, change = lane.popleft()
                    if (outcome := self._left(number, change)) is None:
                        self._journal(Outcome(number, change, State.BEGUN))
                        going[pool.submit(self._made, number, change)] = lane
                    else:
                        found.append(outcome)
                        free.extend([lane] if lane else [])
                for ended in wait(going, return_when=FIRST_COMPLETED).done:
                    lane = going.pop(ended)
                    found.append(self._ended(ended.result()))
                    free.extend([lane] if lane else [])
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
