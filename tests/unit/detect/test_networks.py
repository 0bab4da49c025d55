"""What place an address stands for, with and without databases, whatever these say."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.detect.networks import Networks, Origin, network_of


class Book:
    """A database in memory."""

    def __init__(self, **records):
        self.records = {name.replace("_", "."): record for name, record in records.items()}

    def get(self, ip):
        """Give the record of an address."""
        return self.records.get(ip)


MAXMIND = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Telecom"}
IPINFO = {"asn": "AS64501", "as_name": "Example Cable", "country": "United Kingdom", "country_code": "GB"}
EC2 = {"autonomous_system_number": 16509, "autonomous_system_organization": "AMAZON-02"}


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("AWS Internal", None),
        ("ec2.amazonaws.com", None),
        ("203.0.113", None),
        ("203.0.113.9/24", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_stands_for_its_block(ip, network):
    """Neighbours count as one place, and what is no address, such as a service, as none."""
    assert network_of(ip) == network
    assert Networks().network(ip) == network


def test_with_a_database_it_stands_for_its_operator():
    """Somebody's line at home has another address tomorrow, and the same operator."""
    found = Networks(Book(**{"192_0_2_1": MAXMIND, "198_51_100_7": IPINFO}))
    assert found.network("192.0.2.1") == "AS64500"
    assert found.network("198.51.100.7") == "AS64501"
    assert found.network("::ffff:192.0.2.1") == "AS64500"
    assert found.network("203.0.113.9") == "203.0.113.0/24"
    assert found.network("ec2.amazonaws.com") is None


def test_all_of_amazon_is_not_one_place():
    """A thief's machine in EC2 is no colleague's CloudShell: to know of the operator must not make it usual."""
    named = {"autonomous_system_number": 64510, "autonomous_system_organization": "Amazon Technologies Inc."}
    found = Networks(Book(**{"192_0_2_1": EC2, "198_51_100_7": named}))
    assert found.network("192.0.2.1") == "192.0.2.0/24"
    assert found.network("198.51.100.7") == "198.51.100.0/24"
    assert found.origin("192.0.2.1") == Origin("192.0.2.0/24", "AMAZON-02", None)


@pytest.mark.parametrize(
    ("record", "country"),
    [
        ({"country": {"iso_code": "GB", "names": {"en": "United Kingdom"}}}, "GB"),
        (IPINFO, "GB"),
        ({"country": "gb"}, "GB"),
        ({"country": "United Kingdom"}, None),
        ({"registered_country": {"iso_code": "GB"}}, None),
        ({"country": {"iso_code": "\x1b["}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_country_is_two_letters(record, country):
    """By the fields of either vendor; where a network is registered is not where it is."""
    assert Networks(None, Book(**{"192_0_2_1": record})).origin("192.0.2.1").country == country


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("AS\u0661\u0662"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
FIELDS = ["autonomous_system_number", "autonomous_system_organization", "asn", "as_name", "country", "country_code"]


@given(ANYTHING | st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, ANYTHING)))
def test_no_record_raises(record):
    """A database is a file of anybody's."""
    origin = Networks(*[Book(**{"192_0_2_1": record})] * 2).origin("192.0.2.1")
    assert origin.network is not None
    assert len(origin.network) < 30


@given(st.text(max_size=30) | st.from_regex(r"[0-9a-f:.%/]{0,40}"))
def test_no_address_raises(ip):
    """What stands for an address in a record may be anything."""
    assert (Networks().network(ip) is None) == (Networks().origin(ip).network is None)


def test_networks_can_be_sent_elsewhere():
    """They are part of a baseline, which is kept."""
    assert pickle.loads(pickle.dumps(Networks())) == Networks()
