"""A page as data: where it is, who may see it, and what makes it. Whatever is in no table is not there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from starlette.responses import Response
from starlette.routing import compile_path

from watchbill.respond.outcomes import Proof
from watchbill.service.sign_in import Role


HOME: Final = "/"
_PRINTABLE = range(0x21, 0x7F)


class Need(StrEnum):
    """What somebody must be to see a page or to press what is on it."""

    ANYBODY = "anybody"
    """Nobody need sign in: the page tells of nothing but what whoever opens it holds the secret of."""
    SUBJECT = "subject"
    """The person who was asked about the case that the path names."""
    SELF = "self"
    """The person whom the path names, of whatever role; of others it is for auditors and above."""
    VIEWER = "viewer"
    AUDITOR = "auditor"
    LEAD = "lead"
    ADMIN = "admin"


LEAST: Final = {
    Need.VIEWER: Role.VIEWER,
    Need.AUDITOR: Role.AUDITOR,
    Need.LEAD: Role.LEAD,
    Need.ADMIN: Role.ADMIN,
}
"""The lowest role that will do."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page, or one thing that is pressed."""

    method: Literal["GET", "POST"]
    """A GET does nothing but show: mail scanners and browsers open addresses unasked."""
    path: str
    """`{case}` in it is the id of a case."""
    need: Need
    answer: Callable[..., Response]
    """Its first parameter is `visit: Visiting` (`guard`)."""
    fresh: Proof | None = None
    """What a sign-in made for this path must prove, at least; None where none is needed. A POST uses it up; a GET of
    the same path says what is about to be done."""
    paced: bool = False
    """Whether one address may ask only so often: for what somebody could guess at."""
    menu: str | None = None
    """What it is called in the menu; None where it is not in it."""
    live: bool = False
    """Whether it is kept up to date while it is open, by a script that asks for its address again."""


def target_of(pages: Sequence[Page], address: str) -> tuple[str, Page]:
    """Give a page that somebody wants to be led to, and its row; whatever is no page of ours is the first one instead.

    Browsers take a backslash for a slash, and pass over tabs and line breaks (WHATWG URL, 4.4): neither is let by.
    """
    plain = address.partition("?")[0]
    if all(ord(each) in _PRINTABLE and each != "\\" for each in address):
        for page in pages:
            if page.method == "GET" and compile_path(page.path)[0].fullmatch(plain):
                return address, page
    return HOME, next(page for page in pages if page.path == HOME)
