"""What the trail says of a person after they were frozen, beyond IAM: in Identity Center, on hosts, at their provider."""

import json
from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from tests.lakes import AT, delivery, log, taken_in
from tests.teams import PRODUCTION, team
from tests.trails import after, record, session
from tests.unit.alerts.records import pack

from watchbill.access.history import declared
from watchbill.access.model import Freeze
from watchbill.alerts.audit import Asked
from watchbill.detect.model import Severity
from watchbill.lake.place import Lake
from watchbill.service.audit import audit_lake
from watchbill.service.lake import Library
from watchbill.trail.forms import Hosts


FROZEN, LATER = after(26), after(27)
TEAM = replace(
    team(),
    hosts={"web-1": "i-0123456789abcdef0"},
    people={
        name: replace(each, host_users=(f"{name}-unix",), identity_center_user=f"id-{name}")
        for name, each in team().people.items()
    },
)
HOSTS = Hosts(AT, None, UTC)
SESSION = session(
    "AWSReservedSSO_Admin_0123456789abcdef", "james@example.com", "ASIA1", path="/aws-reserved/sso.amazonaws.com/"
)
PORTAL = {"type": "IdentityCenterUser", "accountId": PRODUCTION, "onBehalfOf": {"userId": "id-james"}}


def syslog(at, *texts):
    """Write lines of a host, a second apart."""
    stamps = (at + timedelta(seconds=number) for number in range(len(texts)))
    return "".join(f"{when:%b %d %H:%M:%S} web-1 {text}\n" for when, text in zip(stamps, texts, strict=True))


LOGGED_IN = syslog(
    FROZEN - timedelta(minutes=50),
    "sshd[100]: Accepted publickey for james-unix from 198.51.100.7 port 22 ssh2: ED25519 SHA256:nobody",
    "sshd[100]: pam_unix(sshd:session): session opened for user james-unix(uid=1001) by (uid=0)",
)
SHUT = syslog(
    FROZEN + timedelta(seconds=2),
    "sudo: watchbill : PWD=/ ; USER=root ; COMMAND=/bin/sh -s -- expire james-unix",
    "usermod[210]: change user 'james-unix' expiration from 'never' to '1970-01-02'",
    "usermod[211]: lock user 'james-unix' password",
    "sshd[100]: pam_unix(sshd:session): session closed for user james-unix",
    "sshd[100]: Disconnected from user james-unix 198.51.100.7 port 22",
    "systemd-logind[1]: Removed session 3.",
    "sshd[103]: fatal: Access denied for user james-unix by PAM account configuration [preauth]",
    "sshd[104]: Failed password for james-unix from 198.51.100.7 port 22 ssh2",
)


def audited(line, *more):
    """Give what auditd wrote of the session that James had."""
    user = 'pid=100 uid=0 auid=1001 ses=3 msg=\'op=PAM:{} acct="james-unix" exe="/usr/sbin/sshd" res=success\''
    at = int(LATER.timestamp())
    kinds = (line, *more)
    text = "".join(
        f'node=web-1 type={kind} msg=audit({at + n}.000:{n}): {user.format(kind)}\x1dUID="root" AUID="james-unix"\n'
        for n, kind in enumerate(kinds)
    )
    return text.encode()


def of_okta(kind):
    """Write an event of Okta's of James himself."""
    return {
        "uuid": f"8a1c1f6e-0000-11ee-be56-{kind.encode().hex()[:12]:0<12}",
        "published": "2026-01-13T03:00:00.000Z",
        "eventType": kind,
        "version": "0",
        "severity": "INFO",
        "displayMessage": kind,
        "actor": {"id": "00u1", "type": "User", "alternateId": "james@example.com", "displayName": "James"},
        "client": {"ipAddress": "198.51.100.7"},
        "outcome": {"result": "SUCCESS"},
    }


def cases(folder, name, data, hosts=None):
    """Take it into a lake, and give the cases of it under a freeze."""
    assert taken_in(folder, [delivery(name, data)], TEAM, hosts=hosts).events
    freeze = Freeze("F-1", "james", FROZEN, None, None)

    def history(span):
        return declared((), TEAM, span, (freeze,))

    return audit_lake(Lake(folder), Library(TEAM, None), TEAM, history, Asked(pack())).cases


def said(case):
    """Give what a case was raised for."""
    return sorted(each.what for each in case.evidence if each.note)


def test_a_session_of_identity_center_that_lives_on_is_critical(tmp_path):
    """In an account, by a permission set, and in the portal by the id; that it is left is not."""
    records = [
        record("ec2:DescribeInstances", SESSION, LATER),
        record("sso:GetRoleCredentials", PORTAL, LATER + timedelta(minutes=1)),
        record("sso:Logout", PORTAL, LATER + timedelta(minutes=2)),
        record("s3:GetObject", SESSION, LATER + timedelta(minutes=3), error="AccessDenied"),
    ]
    (case,) = cases(tmp_path, "aws", log(records))
    assert (case.severity, case.person) == (Severity.CRITICAL, "james")
    assert said(case) == ["ec2:DescribeInstances", "sso:GetRoleCredentials"]
    assert f"in account {PRODUCTION} at Tue 03:00 UTC, frozen" in case.sentence


def test_what_a_frozen_person_still_does_on_a_host_is_critical(tmp_path):
    """A log-in, and what they run as root; what was before the freeze is not."""
    still = syslog(
        LATER,
        "sshd[101]: Accepted publickey for james-unix from 198.51.100.7 port 22 ssh2: ED25519 SHA256:nobody",
        "sudo: james-unix : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
    )
    (case,) = cases(tmp_path, "auth.log", (LOGGED_IN + SHUT + still).encode(), HOSTS)
    assert (case.severity, case.person) == (Severity.CRITICAL, "james")
    assert said(case) == ["sshd:LoginAccepted", "sudo:CommandRun"]
    assert "james did LoginAccepted, CommandRun on web-1 at Tue 03:00 UTC, frozen" in case.sentence


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("auth.log", (LOGGED_IN + SHUT).encode()),
        ("audit.log", audited("USER_END", "CRED_DISP", "USER_LOGOUT")),
        ("okta.json", json.dumps([of_okta("user.session.end")]).encode()),
        ("aws", log([record("sso:Logout", PORTAL, LATER)])),
    ],
)
def test_that_sessions_end_says_that_a_freeze_holds(tmp_path, name, data):
    """What the freeze itself makes hosts and providers write of the person raises nothing; nor does what they were refused."""
    assert cases(tmp_path, name, data, HOSTS if name.endswith(".log") else None) == ()


def test_the_key_of_a_log_in_from_elsewhere_is_marked_stolen(tmp_path):
    """By its fingerprint; the one that was used at home is not, nor one that got nobody in."""
    home, away, tried = (f"SHA256:{letter * 43}" for letter in "abc")
    still = syslog(
        LATER,
        f"sshd[101]: Accepted publickey for james-unix from 198.51.100.7 port 22 ssh2: ED25519 {home}",
        f"sshd[102]: Accepted publickey for james-unix from 203.0.113.9 port 22 ssh2: ED25519 {away}",
        f"sshd[103]: Failed publickey for james-unix from 203.0.113.9 port 22 ssh2: ED25519 {tried}",
    )
    (case,) = cases(tmp_path, "auth.log", still.encode(), HOSTS)
    assert case.stolen_keys == (away,)


def test_whoever_still_signs_in_at_the_provider_is_critical(tmp_path):
    """And so is what they open there."""
    still = [of_okta(kind) for kind in ("user.session.start", "user.authentication.sso", "user.session.end")]
    (case,) = cases(tmp_path, "okta.json", json.dumps(still).encode())
    assert (case.severity, said(case)) == (Severity.CRITICAL, ["okta:ApplicationOpened", "okta:SignedIn"])
    assert "with okta at Tue 03:00 UTC, frozen" in case.sentence
