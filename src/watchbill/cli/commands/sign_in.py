"""`sign-in`: a link to the pages that is good once, where there is no identity provider."""

from dataclasses import dataclass

from watchbill.cli.pages import secret
from watchbill.cli.session import Session, command
from watchbill.intervals import iso
from watchbill.service.sessions import add_link


@dataclass(frozen=True, slots=True)
class SignInView:
    """A link that signs somebody in once."""

    person: str
    url: str
    good_until: str


@command("sign-in", team=True, state=True)
def sign_in(session: Session) -> int:
    """Print a link that signs you in to the pages of this machine once, within a quarter of an hour.

    You are WATCHBILL_ACTOR, else the login name, and a person of the team file; whoever can read the state may do all
    that the pages offer. Where the team file names an identity provider, people sign in there and this is refused.
    """
    made = secret()
    with session.casework() as work:
        until = add_link(work, made)
        base = work.team.web.base if work.team.web is not None else ""
    url = f"{base}/sign-in/once/{made}"
    session.out.line(f"open {url}")
    session.out.line(f"it signs {session.settings.actor} in once, until {iso(until)}")
    session.out.answer(SignInView(session.settings.actor, url, iso(until)))
    return 0


COMMANDS = (sign_in,)
