"""Databases of addresses: files of the user's own, which may be anything."""

import ipaddress
import pickle
import struct
from typing import Any

import pytest

from watchbill.detect.networks import Networks, Origin
from watchbill.errors import NotFoundError, RefusedError, WatchbillError
from watchbill.files.geo import Database, read_networks


TELECOM = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Telecom"}
CABLE = {"asn": "AS64501", "as_name": "Example Cable", "country": "United Kingdom", "country_code": "GB"}
CITY = {"country": {"iso_code": "GB"}}
MARKER = b"\xab\xcd\xefMaxMind.com"


TEXT, SHORT, NUMBER, MAP, LONG, LIST = 2, 5, 6, 7, 9, 11
"""Types of the format; all numbers are unsigned, of 16, 32 and 64 bits."""


def encoded(value, kind=None):
    """Write a value in the format of MMDB files (MaxMind DB File Format Specification 2.0)."""
    match value:
        case str():
            kind, body = TEXT, value.encode()
        case int():
            kind, body = kind or NUMBER, value.to_bytes((value.bit_length() + 7) // 8, "big")
        case dict():
            said = ((encoded(name), encoded(each, KINDS.get(name))) for name, each in value.items())
            kind, body = MAP, b"".join(name + each for name, each in said)
        case list():
            kind, body = LIST, b"".join(map(encoded, value))
    size = len(value) if isinstance(value, dict | list) else len(body)
    # Types from 8 on stand in a byte of their own.
    first, more = (kind << 5, b"") if kind <= MAP else (0, bytes([kind - MAP]))
    return (bytes([first | size]) + more if size < 29 else bytes([first | 29]) + more + bytes([size - 29])) + body


KINDS = {
    "binary_format_major_version": SHORT,
    "binary_format_minor_version": SHORT,
    "ip_version": SHORT,
    "record_size": SHORT,
    "build_epoch": LONG,
}


def database(version, **records):
    """Make a file that knows some networks, and nothing else; each network in words: `n192_0_2_0__24`."""
    nodes: list[list[Any]] = [[None, None]]
    data, starts = b"", {}
    for name, record in records.items():
        block = ipaddress.ip_network(name.removeprefix("n").replace("__", "/").replace("_", "."))
        starts[name] = len(data)
        data += encoded(record)
        bits = f"{int(block.network_address):032b}"[: block.prefixlen]
        at = 0
        for bit in map(int, bits[:-1]):
            if nodes[at][bit] is None:
                nodes.append([None, None])
                nodes[at][bit] = len(nodes) - 1
            at = nodes[at][bit]
        nodes[at][int(bits[-1])] = name
    tree = b""
    for node in nodes:
        for each in node:
            number = len(nodes) if each is None else each
            number = number if isinstance(number, int) else len(nodes) + 16 + starts[number]
            tree += struct.pack(">I", number)
    about = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1_768_000_000,
        "database_type": "Example-ASN",
        "description": {"en": "made for tests"},
        "languages": ["en"],
        "ip_version": version,
        "node_count": len(nodes),
        "record_size": 32,
    }
    return tree + bytes(16) + data + MARKER + encoded(about)


@pytest.fixture
def systems(tmp_path):
    """Write a database of systems."""
    path = tmp_path / "systems.mmdb"
    path.write_bytes(database(4, n192_0_2_0__24=TELECOM, n198_51_100_0__24=CABLE))
    return path


def test_a_database_is_read_where_it_lies(systems):
    """Vendors name their fields otherwise; what the file does not know is still a network."""
    found = read_networks(systems)
    assert found.origin("192.0.2.9") == Origin("AS64500", "Example Telecom", None)
    assert found.origin("198.51.100.7") == Origin("AS64501", "Example Cable", "GB")
    assert found.origin("203.0.113.9") == Origin("203.0.113.0/24", None, None)
    assert found.network("2001:db8::1") == "2001:db8::/48"
    assert found.network("fe80::1%eth0") == "fe80::/48"
    assert Database(systems).kind == "Example-ASN"


def test_countries_may_come_from_a_second_file(systems, tmp_path):
    """The one that knows operators need not know countries."""
    (tmp_path / "city.mmdb").write_bytes(database(4, n192_0_2_0__24=CITY))
    found = read_networks(systems, tmp_path / "city.mmdb")
    assert found.origin("192.0.2.9") == Origin("AS64500", "Example Telecom", "GB")
    assert read_networks(None) == Networks()


def test_it_can_be_sent_elsewhere(systems):
    """A baseline is kept with it; whoever gets it opens the same file."""
    found = pickle.loads(pickle.dumps(read_networks(systems)))
    assert found.network("192.0.2.9") == "AS64500"


@pytest.mark.parametrize("data", [b"", b"MaxMind", MARKER, b"\x00" * 100, database(4, n192_0_2_0__24=TELECOM)[:-40]])
def test_what_is_no_database_is_said(data, tmp_path):
    """A download that was cut, or a page that says one must log in."""
    path = tmp_path / "broken.mmdb"
    path.write_bytes(data)
    with pytest.raises(WatchbillError, match=r"broken\.mmdb"):
        Database(path)


def test_damage_inside_is_said(tmp_path):
    """The head may be whole where the rest is not."""
    whole = database(4, n192_0_2_0__24={"country": "x" * 20})
    path = tmp_path / "damaged.mmdb"
    path.write_bytes(whole.replace(encoded("x" * 20), b"\x20\xff" + b"\xff" * 19))
    with pytest.raises(WatchbillError, match=r"damaged\.mmdb is damaged"):
        Database(path).get("192.0.2.9")


def test_a_file_that_is_not_there_is_said(tmp_path):
    """A folder is none either."""
    for path in (tmp_path / "none.mmdb", tmp_path):
        with pytest.raises(NotFoundError, match=path.name):
            Database(path)


def test_without_the_package_it_is_said_how_to_get_it(systems, monkeypatch):
    """It is an extra: most teams have no database."""
    monkeypatch.setitem(__import__("sys").modules, "maxminddb", None)
    with pytest.raises(RefusedError, match="not installed") as caught:
        read_networks(systems)
    assert caught.value.hint == "install it with `pip install watchbill[geo]`"
