"""The pages that an instance serves, by the team file as it is when the instance starts."""

import secrets
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from watchbill.cli.people import Workers
from watchbill.errors import RefusedError, WatchbillError
from watchbill.lake.hours import Hours
from watchbill.service.health import Routes
from watchbill.service.jobs import PRESSES
from watchbill.service.links import Links
from watchbill.service.logs import Say
from watchbill.service.plans import PASSES, Plans
from watchbill.service.rules_view import Rulebook
from watchbill.service.serve import Instance
from watchbill.settings import read_variables
from watchbill.team.model import Team, Web


def secret() -> str:
    """Give something that nobody can guess, fit for an address: 256 bits."""
    return secrets.token_urlsafe(32)


def links_of(team: Team) -> Links | None:
    """Give what makes the addresses in notices; None where no pages are served."""
    return None if team.web is None else Links(team.web.base, secret)


@dataclass(frozen=True, slots=True)
class AtHand:
    """What an instance has at hand for its pages."""

    lake: Path
    hours: Hours
    """Of that lake, as far as passes have counted them."""
    rules: Rulebook
    plans: Plans


def pages_of(workers: Workers, instance: Instance, at_hand: AtHand, say: Say, place: tuple[str, int]) -> Routes:
    """Give what serves the pages of an instance at a host and port; nothing where the team file names none.

    Refuses what is set up by half, so that whoever starts it sees that at once.
    """
    web = workers.team.web
    if web is None:
        return ()
    _must_fit(web, *place)
    try:
        # Imported here, since only who serves pages needs what `watchbill[web]` installs.
        from watchbill.directories.sign_in import OpenId  # noqa: PLC0415 - see above
        from watchbill.service.seen import Trail  # noqa: PLC0415 - see above
        from watchbill.web.app import routes_of  # noqa: PLC0415 - see above
        from watchbill.web.pages.live import live_of  # noqa: PLC0415 - see above
        from watchbill.web.pages.sign_in import BACK  # noqa: PLC0415 - see above
        from watchbill.web.site import Site  # noqa: PLC0415 - see above
    except ImportError as error:
        message = f"what serves pages is not installed: {error.name or error} is missing"
        raise WatchbillError(message, "run `pip install 'watchbill[web]'`") from error
    provider = None
    if web.sign_in is not None:
        named = web.sign_in.secret
        known = read_variables([named]).get(named)
        if known is None:
            raise RefusedError(
                f"the team file has `web.sign_in`, and {named} is not set", "set it, as docs/web.md says"
            )
        provider = OpenId(web.sign_in, known, web.base + BACK)
    store, now = instance.store, instance.clock.now
    site = Site(web.base, store, partial(workers, store), now, secret, say, provider)
    wake = partial(instance.wake, PRESSES)
    site = replace(site, trail=Trail(at_hand.lake, at_hand.hours), jobs=instance.board.standings, wake=wake)
    site = replace(site, rules=at_hand.rules, plans=at_hand.plans, replan=partial(instance.wake, PASSES))
    return routes_of(replace(site, live=live_of(site, lambda: instance.stops)))


def _must_fit(web: Web, host: str, port: int) -> None:
    """Refuse to let others reach pages that nobody signs in to, and pages that nobody could open."""
    if web.sign_in is not None:
        return
    if not (host == "localhost" or ip_address(host).is_loopback):
        message = f"without `web.sign_in` the pages are for this machine alone, and not for {host}"
        raise RefusedError(message, "give --listen 127.0.0.1:8470, or say in the team file where people sign in")
    if urlsplit(web.base).port != port:
        raise RefusedError(f"the pages are to be at {web.base}, and it listens on port {port}", "let both say the same")
