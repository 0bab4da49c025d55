"""Rules for Linux on what hosts recorded, with numbers that were counted by hand in the logs."""

from collections import Counter

import pytest

from watchbill.detect.sigma import Correlator, Matcher, load, run_rules
from watchbill.detect.sigma.hosts import audit_records
from watchbill.files.rules_folder import read_rules
from watchbill.intervals import parse_instant as instant
from watchbill.trail.columns import FIELDS
from watchbill.trail.forms import Hosts, read_any
from watchbill.trail.model import Actor, Attributed, Confidence, Method
from watchbill.trail.table import row_of, table_of


AT = Hosts(instant("2026-01-20T00:00:00Z"), "web-1")
AUDIT = (
    "type=SYSCALL msg=audit(1481077231.371:479): arch=c000003e syscall=59 success=yes exit=0 a0=9c40 a1=4 ppid=1 pid=2 "
    'auid=4294967295 uid=0 euid=33 tty=pts0 ses=1 comm="sh" exe="/tmp/.x/sh" key=6E65740170776E\n'
    'type=EXECVE msg=audit(1481077231.371:479): argc=3 a0="truncate" a1="-s" a2=2F746D702F6120622E747874\n'
    'type=PATH msg=audit(1481077231.371:479): item=0 name="/etc/ld.so.preload" nametype=CREATE\n'
)
AUTH = (
    "2026-01-12T10:00:00Z web-1 sshd[1]: Failed password for root from 192.0.2.1 port 22 ssh2\n"
    "2026-01-12T10:00:01Z web-1 sudo:  james : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/rm /var/log/syslog\n"
    "2026-01-12T10:00:02Z web-1 useradd[7]: new user: name=john, UID=0, GID=0, home=/home/john, shell=/bin/bash\n"
)


def events_of(text):
    """Read a log of a host."""
    return read_any("log", text.encode(), hosts=AT).events


def hits(source, detection, text, condition="s"):
    """Count the events of a log that a rule matches."""
    loaded = load(f"title: T\nlogsource: {source}\ndetection:\n  {detection}\n  condition: {condition}\n", "r.yml")
    assert not loaded.failed, loaded.failed
    actor = Actor(None, "root", Method.NONE, Confidence.NONE, "")
    return len(run_rules(loaded.rules, [Attributed(event, actor) for event in events_of(text)]))


AUDITD = "{product: linux, service: auditd}"


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        ("s: {type: EXECVE, a0: truncate, a1: '-s'}", 1),
        ("s: {type: EXECVE, a2: /tmp/a b.txt}", 1),
        ("s: {type: SYSCALL, SYSCALL: execve, euid: 33}", 1),
        ("s: {type: SYSCALL, syscall: execve, success: 'yes'}", 1),
        ("s: {type: SYSCALL, exe|startswith: /tmp/}", 1),
        ("s: {key: pwn}", 1),
        ("s: {key: net, auid: 4294967295}", 1),
        ("s: {auid: unset}", 1),
        ("s: {type: PATH, name: /etc/ld.so.preload, nametype: CREATE}", 1),
        ("s: {type: PATH, a0: truncate}", 0),
        ("s: {type: SYSCALL, a0: 9c40, a1: 4}", 1),
        ("s: {type: EXECVE, exe|contains: sh}", 0),
        ("s: {'|all': [truncate, '-s']}", 1),
        ("s: {'|all': [truncate, preload]}", 0),
    ],
)
def test_a_rule_for_auditd_is_asked_of_each_record(detection, expected):
    """As of a line of `audit.log`: what stands in two records does not meet."""
    assert hits(AUDITD, detection, AUDIT) == expected


def test_records_of_auditd_are_no_lines_of_syslog():
    """A keyword for the files of syslog is not looked for in them."""
    assert hits("{product: linux, service: syslog}", "s: [truncate]", AUDIT) == 0
    assert hits("{product: linux}", "s: [truncate]", AUDIT) == 1


@pytest.mark.parametrize(
    ("source", "detection", "expected"),
    [
        ("{product: linux, service: sshd}", "s: ['failed password for root']", 1),
        ("{product: linux, service: sudo}", "s: ['COMMAND=']", 1),
        ("{product: linux, service: auth}", "s: [web-1]", 3),
        ("{product: linux, service: syslog}", "s: [web-1]", 3),
        ("{product: linux, service: cron}", "s: [web-1]", 0),
        ("{product: linux, service: auditd}", "s: [web-1]", 0),
        ("{product: linux}", "s: ['rm /var/log/syslog']", 1),
        ("{product: linux}", "s: {eventName: LoginFailed, user: root, sourceIPAddress: 192.0.2.1, host: web-1}", 1),
        ("{product: linux, service: sudo}", "s: {eventSource: sudo, eventTime|startswith: '2026-01-12T10:00:01'}", 1),
        ("{product: linux}", "s: [LoginFailed]", 0),
        ("{product: linux}", "s: {'|all': ['new user', 'GID=0,']}", 1),
        ("{product: windows}", "s: [web-1]", 0),
        ("{product: aws, service: cloudtrail}", "s: [web-1]", 0),
    ],
)
def test_a_log_source_says_which_programs(source, detection, expected):
    """Lines of a program, of all programs that write to a file, or of the whole host."""
    assert hits(source, detection, AUTH) == expected


def test_hits_on_hosts_are_grouped_by_what_their_records_say():
    """By the address that a column has, and by a field that only the record has."""
    text = """
title: Failed
name: failed
logsource: {product: linux, service: sshd}
detection: {s: {eventName: LoginFailed}, condition: s}
---
title: Many
correlation: {type: event_count, rules: [failed], timespan: 5m, group-by: [sourceIPAddress, user], condition: {gte: 2}}
"""
    lines = "".join(
        f"2026-01-12T10:00:0{n}Z web-1 sshd[1]: Failed password for {user} from 192.0.2.1 port 22 ssh2\n"
        for n, user in enumerate(["root", "ann", "root"])
    )
    loaded = load(text, "r.yml")
    (batch,) = table_of([row_of(event, "") for event in events_of(lines)], FIELDS).combine_chunks().to_batches()
    counter = Correlator(loaded.rules, loaded.correlations)
    counter.add(Matcher(loaded.rules).match(batch))
    (alert,) = counter.alerts()
    assert alert.key == {"sourceIPAddress": ("192.0.2.1",), "user": ("root",)}
    assert len(alert.event_ids) == 2


def test_what_was_executed_has_the_names_of_a_process():
    """`process_creation` is for auditd's executions."""
    source = "{product: linux, category: process_creation}"
    assert hits(source, "s: {Image|endswith: /sh, CommandLine: 'truncate -s /tmp/a b.txt'}", AUDIT) == 1
    assert hits(source, "s: {Image|endswith: '*'}", AUTH) == 0


def test_odd_records_of_auditd_do_no_harm():
    """Whatever stands where the records should."""
    assert audit_records({"records": [1, None, {"type": "X", "key": 5}]}) == [{"type": "X", "key": 5}]
    assert audit_records({"records": "x"}) == audit_records({}) == []


def test_published_rules_on_real_logs(data_dir):
    """Counted with grep: three records of TTY and USER_TTY, one of ADD_USER; nothing else that they look for."""
    rules = read_rules(data_dir / "sigma/sigmahq_linux").rules
    files = [*sorted((data_dir / "linux/audit").rglob("*.log")), data_dir / "linux/auth/auth.log"]
    events = [event for file in files for event in read_any(file.name, file.read_bytes(), hosts=AT).events]
    actor = Actor(None, "root", Method.NONE, Confidence.NONE, "")
    found = Counter(finding.title for finding in run_rules(rules, [Attributed(event, actor) for event in events]))
    assert found == {"Linux Keylogging with Pam.d": 3, "Creation Of An User Account": 1}
    assert len(rules) == 75
    assert len(events) > 7000
