"""Addresses in notices: where to answer without Slack, to sign in afresh, and to see a case.

The secret of a link to answer is made when it is sent and kept nowhere, only its digest is; it is good for one answer,
until the question's time is over.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from watchbill.errors import RefusedError
from watchbill.respond.notices import Button, Notice
from watchbill.service.casework import Casework
from watchbill.store.rows import LinkRow
from watchbill.team.model import Team


@dataclass(frozen=True, slots=True)
class Links:
    """Makes addresses below one of the web pages."""

    base: str
    """Where the pages are, without a slash at the end: `https://watchbill.example.com`."""
    secret: Callable[[], str]
    """Gives something that nobody can guess, fit for an address: 128 bits at least."""

    def filled(self, work: Casework, notice: Notice, channel: str) -> Notice:
        """Give a notice whose buttons lead somewhere. In Slack answers are pressed; elsewhere they are links."""
        secret = None
        question = None if notice.case is None else work.store.questions.of(notice.case)
        answers = any(button.action.startswith("answer:") for button in notice.buttons)
        if channel != "slack" and answers and question is not None:
            secret = self.secret()
            made = LinkRow(digest_of(secret), question.case_id, notice.to, question.deadline_at)
            work.store.links.add(made)
        return replace(notice, buttons=tuple(self._leading(notice, secret)))

    def _leading(self, notice: Notice, secret: str | None) -> Iterator[Button]:
        for button in notice.buttons:
            kind, _, what = button.action.partition(":")
            if button.action in ("confirm", "open"):
                yield replace(button, url=f"{self.base}/{button.action}/{notice.case}")
            elif kind == "answer" and secret is not None and what != "more":
                yield replace(button, url=f"{self.base}/answer/{secret}?say={what}")
            else:
                yield button


LinksOf = Callable[[Team], Links | None]
"""Gives what makes addresses by a team file; None where it names no pages."""


def nowhere(team: Team) -> Links | None:
    """Make no addresses: where no pages are served."""
    return None


def digest_of(secret: str) -> str:
    """Give what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def link_of(work: Casework, secret: str) -> LinkRow:
    """Find what a link is for; one that is used up, too old or made up is refused in the same words."""
    found = work.store.links.get(digest_of(secret))
    if found is None or found.used_at is not None or found.expires_at <= work.at:
        raise RefusedError("this link is good no more", "answer in the place where you were asked, or tell a lead")
    return found


def use(work: Casework, secret: str, at: datetime) -> None:
    """Use a link up: in the transaction of what it does."""
    if not work.store.links.use(digest_of(secret), at):
        raise RefusedError("this link is good no more")
