"""What place an address stands for: its network, who runs it, and in which country.

1. Where a database of autonomous systems is given, an address stands for its system, such as `AS64500`: somebody's line
   at home gets another address every night, and stays with its operator.
2. Without one, and where the database has nothing on an address, it stands for its /24, or its /48 with IPv6.
3. An address of Amazon's own systems stands for its /24 or /48 in any case. All that anybody runs in AWS comes from
   there, a thief's machine and a colleague's CloudShell alike: as one place it would be usual for everyone.
4. What is no address is no place: a service calls by its name (`ec2.amazonaws.com`), AWS itself as `AWS Internal`.

Databases are in the MMDB format; the fields of MaxMind's (GeoLite2 ASN, City, Country), of those with the same fields,
and of IPinfo's are understood. Nothing here opens a file (`files.geo` does).
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol


Block = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

AMAZON = frozenset({7224, 8987, 14618, 16509})
"""Autonomous systems that AWS announces its ranges from; more are told by the name of their operator."""

_V4, _V6 = 24, 48
_MOST = 128
"""Characters of an operator's name; a database is a file like any other."""


class Reader(Protocol):
    """Something that knows an address, such as a database."""

    def get(self, ip: str) -> object:
        """Give the record of an address; None where there is none."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an address is."""

    network: str | None
    """What it stands for: `AS64500`, `203.0.113.0/24`; None for what is no address."""
    operator: str | None
    """The name of its autonomous system; None where nothing is known."""
    country: str | None
    """Two letters of ISO 3166; None where nothing is known."""


@dataclass(frozen=True, slots=True)
class Networks:
    """What is known of addresses. Both readers may be the same one; without any, an address is just its block."""

    asn: Reader | None = None
    geo: Reader | None = None

    def network(self, ip: str | None) -> str | None:
        """Give the network an address stands for; None for what is no address, such as a service."""
        address = address_of(ip)
        if address is None:
            return None
        number, operator = _system(self.asn, address)
        return f"AS{number}" if number and not _is_amazon(number, operator) else _block(address)

    def origin(self, ip: str | None) -> Origin:
        """Give all that is known of an address."""
        address = address_of(ip)
        if address is None:
            return Origin(None, None, None)
        return Origin(self.network(ip), _system(self.asn, address)[1], _country(self.geo, address))


@lru_cache(maxsize=4096)
def address_of(ip: str | None) -> Address | None:
    """Read an address, an IPv4 one that is written as IPv6 as what it is; None for what is none."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def network_of(ip: str | None) -> str | None:
    """Give the block an address lies in, /24 or /48; None for what is no address, such as a service."""
    address = address_of(ip)
    return None if address is None else _block(address)


@lru_cache(maxsize=4096)
def _block(address: Address) -> str:
    return str(
        ipaddress.ip_network((address, _V4 if isinstance(address, ipaddress.IPv4Address) else _V6), strict=False)
    )


def _record(reader: Reader | None, address: Address) -> Mapping[str, object]:
    # Without the scope of a link-local address, which no database knows.
    found = None if reader is None else reader.get(str(address).partition("%")[0])
    return found if isinstance(found, Mapping) else {}


def _system(reader: Reader | None, address: Address) -> tuple[int | None, str | None]:
    """Give the number and the name of an address's system, by MaxMind's fields or by IPinfo's."""
    record = _record(reader, address)
    number = record.get("autonomous_system_number")
    if not isinstance(number, int):
        said = record.get("asn")
        digits = said.upper().removeprefix("AS") if isinstance(said, str) else ""
        number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= len(str(2**32)) else None
    names = (record.get(field) for field in ("autonomous_system_organization", "as_name", "name"))
    operator = next((name[:_MOST] for name in names if isinstance(name, str) and name), None)
    return number, operator


def _is_amazon(number: int, operator: str | None) -> bool:
    return number in AMAZON or (operator or "").lower().startswith("amazon")


def _country(reader: Reader | None, address: Address) -> str | None:
    record = _record(reader, address)
    country = record.get("country")
    inner = country.get("iso_code") if isinstance(country, Mapping) else country
    found = (code for code in (record.get("country_code"), inner) if isinstance(code, str))
    return next((code.upper() for code in found if len(code) == len("GB") and code.isascii() and code.isalpha()), None)
