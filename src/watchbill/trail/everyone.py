"""Who a caller was, whatever recorded it: AWS, an identity provider, or a host, of which more is needed to tell."""

from collections.abc import Callable

from watchbill.team.model import Team
from watchbill.trail.attribute import Attributor
from watchbill.trail.hosts.model import IDENTITY as HOST_USER
from watchbill.trail.idp.model import SERVICE, USER
from watchbill.trail.idp.people import Addresses
from watchbill.trail.interfaces import Forced
from watchbill.trail.model import Actor, Confidence, Identity, Method, Opening, Outcome


class Everyone:
    """Names callers one at a time. Who did what on a host is told by `hosts.logins`, by all that was done there."""

    def __init__(self, team: Team | None, find: Callable[[str], Opening | None], forced: Forced) -> None:
        """Know a team, what handed out which key, and the trust policies of roles."""
        self._aws = Attributor(team, find, forced)
        self._addresses = Addresses(team)

    def actor(self, identity: Identity, account: str, source: str, outcome: Outcome) -> Actor:
        """Name who a caller was. `outcome` counts for identity providers: a failed attempt may be anybody's."""
        if identity.type in (USER, SERVICE):
            return self._addresses.actor(identity, source, outcome)
        if identity.type == HOST_USER:
            user = identity.user_name or "unknown"
            return Actor(None, user, Method.NONE, Confidence.NONE, "a user of a host, not told yet")
        return self._aws.actor(identity, account, source)
