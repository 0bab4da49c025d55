"""Carry a plan out: exactly its changes, in order, each with an outcome."""

from collections.abc import Callable, Iterator, Sequence

from watchbill.access.interfaces import Cloud
from watchbill.access.model import Change, Outcome, Phase, State
from watchbill.errors import ProviderError
from watchbill.team.model import Team


def apply(
    changes: Sequence[Change],
    team: Team,
    cloud: Cloud,
    journal: Callable[[Outcome], None] = lambda outcome: None,
) -> Iterator[Outcome]:
    """Make each change of a plan and yield what became of it, having told the journal first.

    After a failure nothing more is granted in that account, while what takes access away goes on: a change that
    revokes must not wait for one that could not be made. A plan that was cut short is finished by planning again.
    """
    failed: set[str] = set()
    for number, change in enumerate(changes):
        if change.account in failed and change.phase not in (Phase.FENCE, Phase.REVOKE):
            outcome = Outcome(number, change, State.SKIPPED, "a change before it in this account failed")
        else:
            try:
                cloud.perform(team.accounts[change.account], change.call)
            except ProviderError as error:
                failed.add(change.account)
                outcome = Outcome(number, change, State.FAILED, str(error))
            else:
                outcome = Outcome(number, change, State.DONE)
        journal(outcome)
        yield outcome
