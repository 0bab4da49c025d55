"""An independent engine on real records: pySigma's own backend for SQLite, over a flat table.

The columns compare without regard to case, as Sigma does, and regular expressions are Python's. It shares pySigma's
parser with ours and nothing behind it: neither how values compare nor how a path is walked.
"""

import json
import re
import sqlite3  # noqa: TID251 - the oracle, not the product
from collections import Counter

import pytest
from sigma.backends.sqlite.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

from watchbill.detect.sigma import Correlator, load_all
from watchbill.files.rules_folder import read_rules
from watchbill.intervals import parse_instant as instant
from watchbill.trail.table import milliseconds


SETS = ["cloudtrail/invictus", "cloudtrail/stratus", "cloudtrail/traildiscover", "panther"]


def records_of(data_dir, name):
    """Give every record of a set as delivered."""
    if name == "panther":
        lines = (data_dir / "panther/cloudtrail_rule_tests.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line)["event"] for line in lines]
    found = []
    for file in sorted((data_dir / name).rglob("*")):
        if file.suffix in (".json", ".cloudtrail") and file.name != "events.json":
            document = json.loads(file.read_text("utf-8"))
            found += document.get("Records", [document]) if isinstance(document, dict) else document
    return [record for record in found if record]


def flat(value, path=()):
    """Give each value of a record with its path; an object and a list also as text of JSON, as a flat table has them."""
    if path and isinstance(value, (dict, list)):
        yield ".".join(path), json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, (*path, key))
    elif not isinstance(value, list) and value is not None:
        yield ".".join(path), str(value).lower() if isinstance(value, bool) else value


def table_of(records, fields):
    """Put records into a table in memory."""
    base = sqlite3.connect(":memory:")
    base.create_function(
        "REGEXP", 2, lambda pattern, text: text is not None and re.search(pattern, str(text)) is not None
    )
    columns = ", ".join(f'"{field}" COLLATE NOCASE' for field in fields)
    base.execute(f"CREATE TABLE logs (timestamp TEXT, {columns})")
    marks = ", ".join("?" * (len(fields) + 1))
    for record in records:
        told = dict(flat(record))
        base.execute(f"INSERT INTO logs VALUES ({marks})", [record.get("eventTime"), *map(told.get, fields)])
    return base


def fields_in(text):
    """Give every name of a query that may be a column."""
    quoted = re.findall(r"`([^`]+)`", text)
    return {*quoted, *re.findall(r"\b([a-z][A-Za-z]+)(?=\s*(?:=|LIKE|REGEXP|IS|,|\)))", text)} - {"timestamp", "rowid"}


@pytest.mark.parametrize("name", SETS)
def test_hits_are_those_of_sqlite(data_dir, name):
    """Each of the 57 rules, on each real set; those of Panther are labelled events, most of which are meant to hit."""
    records = records_of(data_dir, name)
    folder = data_dir / "sigma/sigmahq_cloudtrail"
    backend = sqliteBackend()
    queries = {file.name: backend.convert(SigmaCollection.from_yaml(file.read_text())) for file in folder.glob("*.yml")}
    fields = set().union(*(fields_in(query) for found in queries.values() for query in found))
    base = table_of(records, sorted({field.lower(): field for field in fields}.values()))
    expected: Counter[str] = Counter()
    for file, found in queries.items():
        for query in found:
            expected[file] += len(base.execute(query.replace("SELECT *", "SELECT rowid", 1)).fetchall())
    rules = read_rules(folder).rules
    ours = Counter({rule.file: sum(rule.matches(record) for record in records) for rule in rules})
    assert len(rules) == len(queries) == 57
    assert ours == expected
    assert ours.total() > 70


BASE = """
title: Refused
name: refused
logsource: {product: aws, service: cloudtrail}
detection: {s: {errorCode: '*'}, condition: s}
---
title: Listed
name: listed
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName|startswith: [List, Describe]}, condition: s}
"""
CORRELATIONS = {
    "event count": "type: event_count, rules: [refused], condition: {gte: 5}",
    "of two rules": "type: event_count, rules: [refused, listed], condition: {gt: 20}",
    "exactly": "type: event_count, rules: [refused], condition: {eq: 2}",
    "different values": "type: value_count, rules: [listed], condition: {gte: 4, field: eventName}",
    "together": "type: temporal, rules: [refused, listed]",
    "in order": "type: temporal_ordered, rules: [listed, refused]",
}


@pytest.mark.parametrize("kind", CORRELATIONS)
def test_windows_are_those_of_sqlite(data_dir, kind):
    """It gives every window that satisfies; ours are those of them that the one before did not satisfy already.

    Of an order it wants later times, where ours takes the same second too; so there each record has its own.
    """
    found = []
    for name, span in (("invictus", 120), ("stratus", 600)):
        about = f"correlation: {{{CORRELATIONS[kind]}, timespan: {span}s, group-by: [sourceIPAddress]}}"
        text = f"{BASE}---\ntitle: C\n{about}\n"
        # Its queries look at each pair of rows: more of them would take minutes.
        records = records_of(data_dir, f"cloudtrail/{name}")[-250:]
        if kind == "in order":
            records = [
                {**record, "eventTime": f"2026-01-12T10:{place // 20:02}:{place % 20 * 3:02}Z"}
                for place, record in enumerate(records)
            ]
        found += alerts_are_those_of_sqlite(text, records, span)
    assert found


def alerts_are_those_of_sqlite(text, records, span):
    """Hold the alerts of a correlation against the windows that SQLite finds, and give them."""
    base = table_of(records, ["errorCode", "eventName", "sourceIPAddress"])
    query = sqliteBackend().convert(SigmaCollection.from_yaml(text))[-1]
    ends: dict[str, set[int]] = {}
    for _, keys, end, *_ in base.execute(query).fetchall():
        ends.setdefault(json.loads(keys)["sourceIPAddress"].lower(), set()).add(round(end))
    loaded = load_all([(text, "c.yml")])
    counter = Correlator(loaded.rules, loaded.correlations)
    members = [loaded.rules.index(member) for member in loaded.correlations[0].members]
    looked_at: dict[str, set[int]] = {}
    for place, record in enumerate(records):
        at = milliseconds(instant(record["eventTime"]))
        for number in members:
            if loaded.rules[number].matches(record):
                counter.add_record(number, record, at, f"{place}")
                looked_at.setdefault(record["sourceIPAddress"].lower(), set()).add(at // 1000)
    ours = sorted((alert.key["sourceIPAddress"][0].lower(), alert.at_ms // 1000) for alert in counter.alerts())
    expected = []
    for ip, times in looked_at.items():
        before = None
        for at in sorted(times):
            holds = at in ends.get(ip, ())
            if holds and not (before is not None and before[1] and at - before[0] <= span):
                expected.append((ip, at))
            before = at, holds
    assert ours == sorted(expected)
    return ours
