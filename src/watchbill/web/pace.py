"""How often one address may ask for what could be guessed at."""

from datetime import datetime
from ipaddress import IPv6Address, ip_address
from threading import Lock
from typing import Final


MOST: Final = 60
"""Times a minute. Whoever is behind one proxy with others shares them where it does not say whom it speaks for."""


class Pace:
    """Counts by address and minute, in this process."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._lock = most, Lock()
        self._minute, self._counts = "", dict[str, int]()

    def allows(self, address: str, at: datetime) -> bool:
        """Count one, and tell whether it is not too many."""
        minute, of = f"{at:%Y-%m-%dT%H:%M}", _network(address)
        with self._lock:
            if minute != self._minute:
                self._minute, self._counts = minute, {}
            self._counts[of] = self._counts.get(of, 0) + 1
            return self._counts[of] <= self._most


def _network(address: str) -> str:
    """Give what one of the internet's customers has: a /64 of IPv6 (RFC 6177)."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(int(found) >> 64) if isinstance(found, IPv6Address) else address
