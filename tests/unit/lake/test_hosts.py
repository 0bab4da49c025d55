"""Hosts and identity providers in the lake: beside AWS, and who it was told by all that was recorded."""

import base64
import json
from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from tests.lakes import AT, delivery, log, rows, taken_in
from tests.teams import MONDAY, team
from tests.trails import record, user

from watchbill.trail.forms import Hosts
from watchbill.trail.hosts.logins import fingerprint
from watchbill.trail.table import event_of


KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))).decode()
"""A public key that nobody has the other half of."""

TEAM = replace(
    team(),
    hosts={"web-1": "i-0123456789abcdef0"},
    people={name: replace(each, host_users=(f"{name}-unix",)) for name, each in team().people.items()},
)
HOSTS = Hosts(AT, None, UTC)


def lines(*texts):
    """Write lines of sshd on Monday morning, a minute apart."""
    stamps = (MONDAY + timedelta(hours=9, minutes=number) for number in range(len(texts)))
    return "".join(f"{at:%b %d %H:%M:%S} web-1 {text}\n" for at, text in zip(stamps, texts, strict=True)).encode()


OWN = lines(
    "sshd[100]: Accepted publickey for james-unix from 198.51.100.7 port 22 ssh2: ED25519 SHA256:nobody",
    "sudo: james-unix : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
)


def people(folder):
    """Give the person and method of the rows of hosts, in order of time."""
    return [(row["person"], row["method"]) for row in rows(folder) if row["category"] == "Host"]


def test_a_host_is_beside_aws(tmp_path):
    """Lines of a host become rows like any other, and come back as the events they were."""
    found = taken_in(tmp_path, [delivery("auth.log", OWN)], TEAM, hosts=HOSTS)
    assert found.events == 2
    login, command = [event_of(row) for row in rows(tmp_path)]
    assert (login.source, login.name, login.host, login.ip) == ("sshd", "LoginAccepted", "web-1", "198.51.100.7")
    assert command.record["raw"].endswith("COMMAND=/bin/ls")
    assert people(tmp_path) == [("james", "host-user"), ("james", "host-user")]
    assert taken_in(tmp_path, [delivery("auth.log.1", OWN)], TEAM, hosts=HOSTS).events == 0


@pytest.mark.parametrize("aws_first", [True, False])
def test_a_pushed_key_ties_a_login_to_a_person(tmp_path, aws_first):
    """Whichever is delivered first: who pushed the key to the instance is who logged in with it, and ran the command."""
    auth = lines(
        f"sshd[100]: Accepted publickey for ec2-user from 198.51.100.7 port 22 ssh2: ED25519 {fingerprint(KEY)}",
        "sudo: ec2-user : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
    )
    pushed = record(
        "ec2-instance-connect:SendSSHPublicKey",
        user("james"),
        MONDAY + timedelta(hours=8, minutes=59, seconds=40),
        requestParameters={"instanceId": "i-0123456789abcdef0", "instanceOSUser": "ec2-user", "sSHPublicKey": KEY},
        responseElements={"success": True},
    )
    runs = [([delivery("aws", log([pushed]))], None), ([delivery("auth.log", auth)], HOSTS)]
    for deliveries, hosts in runs if aws_first else runs[::-1]:
        taken_in(tmp_path, deliveries, TEAM, hosts=hosts)
    assert people(tmp_path) == [("james", "host-login"), ("james", "host-login")]


def test_an_identity_provider_is_beside_aws(tmp_path):
    """A password that failed at the provider is in the same table, by the same person, and not surely theirs."""
    address = TEAM.people["rick"].email
    okta = {
        "uuid": "8a1c1f6e-0000-11ee-be56-0242ac120002",
        "published": "2026-01-12T11:00:00.000Z",
        "eventType": "user.session.start",
        "version": "0",
        "severity": "INFO",
        "displayMessage": "User login to Okta",
        "actor": {"id": "00u1", "type": "User", "alternateId": address, "displayName": "Rick"},
        "client": {"ipAddress": "198.51.100.7", "userAgent": {"rawUserAgent": "Mozilla/5.0"}},
        "outcome": {"result": "FAILURE", "reason": "INVALID_CREDENTIALS"},
    }
    found = taken_in(
        tmp_path, [delivery("okta.json", json.dumps([okta]).encode()), delivery("aws", log([record()]))], TEAM
    )
    assert found.events == 2
    (row,) = [row for row in rows(tmp_path) if row["category"] == "IdentityProvider"]
    assert (row["source"], row["name"], row["outcome"]) == ("okta", "SignInFailed", "failed")
    assert (row["person"], row["method"], row["confidence"]) == ("rick", "identity-provider", "weak")
