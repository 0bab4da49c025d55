"""What is usual for whom: networks and devices, declared or learnt.

A network is usual when the team file declares it, for everyone or for the person, or when the person was seen there on
at least two earlier days by events that did not fail. A device (the family of a user agent) is usual when it was seen
on at least one earlier day. "New" is said only of people with some history, and of a network also where the team file
declares some: without either there is nothing to be new against, and it is "unknown".
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from watchbill.team.model import Team
from watchbill.trail.model import Attributed, Outcome


NETWORK_DAYS = 2
"""Earlier days on which a network must have been seen to be usual."""

HISTORY_DAYS = 2
"""Earlier days a person must have been seen at all before anything can be called new for them."""

_V4, _V6 = 24, 48


def network_of(ip: str | None) -> str | None:
    """Give the network an address stands for, /24 or /48; None for what is no address, such as a service."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return None
    return str(ipaddress.ip_network((address, _V4 if address.version == 4 else _V6), strict=False))  # noqa: PLR2004 - IP version 4


def device_of(user_agent: str | None) -> str | None:
    """Give the family of a user agent: its product without version, and for browsers the platform with it."""
    if not user_agent:
        return None
    product = user_agent.split("/", 1)[0].strip("[]")
    platform = user_agent.partition("(")[2].partition(")")[0].split(";")[0]
    return f"{product} {platform}".strip() if product == "Mozilla" else product


@dataclass(slots=True)
class Baseline:
    """What was seen of whom by which day. Built once from the events of a trail, then only asked."""

    declared: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    personal: dict[str, tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]]
    days: dict[str, set[date]] = field(default_factory=dict)
    networks: dict[tuple[str, str], set[date]] = field(default_factory=dict)
    devices: dict[tuple[str, str], set[date]] = field(default_factory=dict)

    def place(self, person: str, ip: str | None, at: datetime) -> str:
        """Say whether an address was usual, new or unknown for a person before the day of `at`."""
        network = network_of(ip)
        if ip is None or network is None:
            return "unknown"
        if self._is_declared(ip, self.personal.get(person, ())):
            return "usual"
        if len(_before(self.networks.get((person, network), ()), at)) >= NETWORK_DAYS:
            return "usual"
        return "new" if self._has_history(person, at) or self.personal.get(person) or self.declared else "unknown"

    def place_for_anyone(self, ip: str | None) -> str:
        """Say whether an address belongs to a network the team declares or anyone of it uses."""
        network = network_of(ip)
        if ip is None or network is None:
            return "unknown"
        personal = [net for nets in self.personal.values() for net in nets]
        used = any(name == network and len(days) >= NETWORK_DAYS for (_, name), days in self.networks.items())
        if used or self._is_declared(ip, personal):
            return "usual"
        known = personal or self.declared or any(len(days) >= HISTORY_DAYS for days in self.days.values())
        return "new" if known else "unknown"

    def device(self, person: str, user_agent: str | None, at: datetime) -> str:
        """Say whether a user agent's family was usual, new or unknown for a person before the day of `at`."""
        device = device_of(user_agent)
        if device is None:
            return "unknown"
        if _before(self.devices.get((person, device), ()), at):
            return "usual"
        return "new" if self._has_history(person, at) else "unknown"

    def _has_history(self, person: str, at: datetime) -> bool:
        return len(_before(self.days.get(person, ()), at)) >= HISTORY_DAYS

    def _is_declared(self, ip: str, more: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
        address = ipaddress.ip_address(ip)
        return any(address in network for network in (*self.declared, *more))


def learn(events: Iterable[Attributed], team: Team | None) -> Baseline:
    """Build the baseline of a trail; what failed teaches nothing."""
    baseline = Baseline(
        tuple(ipaddress.ip_network(net) for net in (team.networks if team else ())),
        {p.name: tuple(ipaddress.ip_network(n) for n in p.networks) for p in (team.people.values() if team else ())},
    )
    for each in events:
        person, event = each.actor.person, each.event
        if person is None or event.outcome is not Outcome.ALLOWED:
            continue
        day = event.at.date()
        baseline.days.setdefault(person, set()).add(day)
        if (network := network_of(event.ip)) is not None:
            baseline.networks.setdefault((person, network), set()).add(day)
        if (device := device_of(event.user_agent)) is not None:
            baseline.devices.setdefault((person, device), set()).add(day)
    return baseline


def _before(days: Iterable[date], at: datetime) -> list[date]:
    return [day for day in days if day < at.date()]
