"""Rules asked in bulk give exactly the hits that asking each rule of each record gives."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.detect.sigma import Matcher, load, load_all
from watchbill.detect.sigma.block import FIELDS
from watchbill.detect.sigma.hosts import event_record, is_for
from watchbill.files.rules_folder import read_rules
from watchbill.intervals import parse_instant as instant
from watchbill.trail.columns import FIELDS as COLUMNS
from watchbill.trail.columns import Source, read_columns
from watchbill.trail.forms import Hosts, read_any
from watchbill.trail.hosts.model import CATEGORY
from watchbill.trail.model import Place
from watchbill.trail.read import make_event
from watchbill.trail.table import record_of, row_of, rows_of, table_of


AT = "2026-01-12T10:00:00Z"


def batch_of(records, derived=()):
    """Make a batch of the table of records, and of what was derived of each."""
    events = [
        make_event(record, f"e{place}", instant(record.get("eventTime", AT)), Place("f", place))
        for place, record in enumerate(records)
    ]
    table = table_of([row_of(event, "") for event in events], COLUMNS)
    for name in sorted({name for each in derived for name in each}):
        table = table.append_column(name, pa.array([each.get(name) for each in derived]))
    (batch,) = table.combine_chunks().to_batches() or [None]
    return batch


def singly(rules, batch, derived=()):
    """Give the hits by asking each rule of each record of a batch."""
    found = []
    for place, row in enumerate(rows_of(batch.select([field.name for field in COLUMNS]))):
        record = record_of(row)
        record.pop("wb", None)
        for name, value in (derived[place] if derived else {}).items():
            *above, last = name.split(".")
            inner = record
            for part in above:
                inner = inner.setdefault(part, {})
            inner[last] = value
        found += [
            (place, number)
            for number, rule in enumerate(rules)
            if (row["host"] is None) == rule.for_cloudtrail and rule.matches(record)
        ]
    return found


def in_bulk(rules, batch):
    """Give the hits by asking all rules of a batch."""
    hits = Matcher(rules).match(batch)
    return list(zip(hits.rows.tolist(), hits.rules.tolist(), strict=True))


texts = st.sampled_from(["", "a", "A", "ab", "b", "B*", "1", "true", "xaby", "10.0.0.1"])
scalars = texts | st.sampled_from([1, 1.5, 0, True, False, None])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["k", "l", "k.l"]), inner, max_size=2),
    max_leaves=4,
)
TOP = ["eventName", "eventSource", "userAgent", "sourceIPAddress", "readOnly", "errorMessage", "recipientAccountId"]
DEEP = ["userIdentity", "requestParameters", "resources", "other", "requestParameters.k", "wb"]
records = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(TOP, scalars | values),
        **dict.fromkeys(DEEP, values),
        "eventTime": st.sampled_from([AT, "2026-01-12T10:00:00.250Z", "2026-01-12T11:00:00+01:00"]),
    },
)
PATHS = [*TOP, "eventTime", "userIdentity.k", "userIdentity.k.l", "requestParameters.k", "requestParameters.l.k"]
PATHS += ["requestParameters", "requestParameters.k.l", "resources.k", "other", "other.l", "wb.person", "wb.ours"]
PATHS += ["wb.shift.minutes_after_end"]
MODIFIERS = ["", "|contains", "|startswith", "|endswith", "|cased", "|re", "|exists", "|gt", "|fieldref", "|cidr"]


@st.composite
def items(draw):
    """Give one field of a detection with its value."""
    field, modifier = draw(st.sampled_from(PATHS)), draw(st.sampled_from(MODIFIERS))
    match modifier:
        case "|exists":
            return f"{field}{modifier}", draw(st.booleans())
        case "|gt":
            return f"{field}{modifier}", draw(st.sampled_from([0, 1, 5]))
        case "|cidr":
            return f"{field}{modifier}", "10.0.0.0/8"
        case "|fieldref":
            return f"{field}{modifier}", draw(st.sampled_from(PATHS))
        case "|re":
            return f"{field}{modifier}", draw(st.sampled_from(["a", "^A.?$", "[0-9]", ""]))
        case "":
            wild = texts | st.sampled_from(["a*", "*b", "?", "*", 1, 0, True, None])
            return field, draw(wild | st.lists(wild, min_size=1, max_size=3))
        case _:
            return f"{field}{modifier}", draw(texts)


CONDITIONS = [
    "s",
    "not s",
    "s and t",
    "s or t",
    "s and not t",
    "not (s or t)",
    "not s or t",
    "1 of them",
    "all of them",
]


@st.composite
def rule_texts(draw):
    """Give a rule file."""
    detections = {
        name: draw(
            st.lists(items(), min_size=1, max_size=3).map(dict) | st.lists(texts.filter(bool), min_size=1, max_size=2)
        )
        for name in ("s", "t")
    }
    return json.dumps(
        {
            "title": "T",
            "logsource": {"product": "aws", "service": "cloudtrail"},
            "detection": {**detections, "condition": draw(st.sampled_from(CONDITIONS))},
        }
    )


derived_fields = st.fixed_dictionaries(
    {},
    optional={
        "wb.person": st.sampled_from(["a", "ab", None]),
        "wb.ours": st.sampled_from([True, False, None]),
        "wb.shift.minutes_after_end": st.sampled_from([1.0, 5.5, None]),
    },
)


@given(
    st.lists(st.tuples(records, derived_fields), min_size=1, max_size=8), st.lists(rule_texts(), min_size=1, max_size=6)
)
def test_bulk_hits_are_those_of_each_record_by_itself(given_records, rules):
    """Whatever stands in records, in columns or beside them, and whatever rules ask."""
    loaded = load_all([(text, f"{place}.yml") for place, text in enumerate(rules)]).rules
    derived = [each for _, each in given_records]
    names = sorted({name for each in derived for name in each})
    derived = [{name: each[name] for name in names if each.get(name) is not None} for each in derived]
    batch = batch_of([record for record, _ in given_records], derived)
    assert in_bulk(loaded, batch) == singly(loaded, batch, derived)


def test_many_paths_of_one_column():
    """It is decoded once for all of them; a message of an error is told apart from none."""
    tests = ["userIdentity.type: Root", "userIdentity.userName: a", "userIdentity: x", "errorMessage|exists: true"]
    tests += ["errorMessage: null", "errorMessage|contains: 'no'", "other: a"]
    text = "title: T\nlogsource: {product: aws, service: cloudtrail}\ndetection: {s: {%s}, condition: s}\n"
    rules = load_all([(text % test, "r.yml") for test in tests]).rules
    batch = batch_of(
        [
            {"userIdentity": {"type": "Root", "userName": "a"}},
            {"userIdentity": {"type": "IAMUser", "userName": "a"}, "errorMessage": "no"},
            {"userIdentity": "x", "errorMessage": ""},
            {"userIdentity": {"type": "Root"}, "errorMessage": ["yes", "no"], "other": "a"},
        ]
    )
    expected = [(0, 0), (0, 1), (0, 4), (1, 1), (1, 3), (1, 5), (2, 2), (2, 3), (3, 0), (3, 3), (3, 5), (3, 6)]
    assert in_bulk(rules, batch) == singly(rules, batch) == expected


def test_every_path_of_the_property_is_asked():
    """The derived fields that it uses are ones there are."""
    assert {path for path in PATHS if path.startswith("wb.")} <= FIELDS


@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_same_rules_serve_many_batches(size):
    """What was learnt of one batch holds for the next, however rows are cut into batches."""
    rules = load_all(
        [
            (
                json.dumps(
                    {
                        "title": name,
                        "logsource": {"product": "aws", "service": "cloudtrail"},
                        "detection": {"s": {"eventName": name, "requestParameters.k": "a"}, "condition": "s"},
                    }
                ),
                "r.yml",
            )
            for name in ("A", "B", "A*")
        ]
    ).rules
    made = [{"eventName": "ab"[place % 2], "requestParameters": {"k": "abc"[place % 3]}} for place in range(12)]
    batch, matcher = batch_of(made), Matcher(rules)
    found = []
    for start in range(0, len(made), size):
        hits = matcher.match(batch.slice(start, size))
        found += [(start + row, number) for row, number in zip(hits.rows.tolist(), hits.rules.tolist(), strict=True)]
    assert found == singly(rules, batch) == [(0, 0), (0, 2), (3, 1), (6, 0), (6, 2), (9, 1)]


def trail_batch(data_dir, name):
    """Read a real set into one batch."""
    folder = data_dir / "cloudtrail" / name
    files = [file for file in sorted(folder.rglob("*")) if file.suffix in (".json", ".cloudtrail")]
    table = read_columns([Source(file.name, file.read_bytes()) for file in files]).table
    (batch,) = table.combine_chunks().to_batches()
    return batch


@pytest.mark.parametrize("name", ["invictus", "stratus", "traildiscover"])
def test_bulk_hits_on_real_trails(data_dir, name):
    """The published rules, in one batch and in many, with columns that share texts and a few rows of `rest`."""
    rules = read_rules(data_dir / "sigma/sigmahq_cloudtrail").rules
    batch = trail_batch(data_dir, name)
    expected = singly(rules, batch)
    assert in_bulk(rules, batch) == expected
    cut = [
        (start + row, number)
        for start in range(0, batch.num_rows, 97)
        for row, number in in_bulk(rules, batch.slice(start, 97))
    ]
    assert cut == expected


HOST_RULES = [
    f"title: {title}\nlogsource: {{product: linux{more}}}\ndetection: {{s: {detection}, condition: s}}\n"
    for title, more, detection in [
        ("Failed", ", service: sshd", "{eventName: LoginFailed, sourceIPAddress|contains: '.'}"),
        ("Root", "", "[root]"),
        ("Execve", ", service: auditd", "{type|contains: SYS, exe|endswith: d}"),
        ("Run", ", category: process_creation", "{CommandLine|contains: ' '}"),
        ("Lines", ", service: auth", "{eventSource: [sudo, sshd]}"),
    ]
]


def some(events):
    """Give all of a few events, else some from everywhere."""
    return events if len(events) < 300 else events[::24]


def test_rules_for_hosts_in_bulk(data_dir):
    """Events of hosts in the table give what the events themselves give."""
    rules = read_rules(data_dir / "sigma/sigmahq_linux").rules
    files = [*sorted((data_dir / "linux/audit").rglob("*.log")), data_dir / "linux/auth/auth.log"]
    events = [
        event
        for file in files
        for event in some(read_any(file.name, file.read_bytes(), hosts=Hosts(instant("2026-01-01T00:00:00Z"))).events)
    ]
    (batch,) = table_of([row_of(event, "") for event in events], COLUMNS).combine_chunks().to_batches()
    more = load_all([(text, "more.yml") for text in HOST_RULES]).rules
    found = in_bulk([*rules, *more], batch)
    assert found == [
        (place, number)
        for place, event in enumerate(events)
        for number, rule in enumerate([*rules, *more])
        if is_for(rule, event.source, event.record) and rule.matches(event_record(event))
    ]
    titles = {[*rules, *more][number].title for _, number in found}
    assert titles == {"Linux Keylogging with Pam.d", "Creation Of An User Account", *(rule.title for rule in more)}
    assert all(event.record["eventCategory"] == CATEGORY for event in events)


def asks(**detection):
    """Load a rule that asks for some fields."""
    about = {
        "title": "T",
        "logsource": {"product": "aws", "service": "cloudtrail"},
        "detection": {"s": {name.replace("__", "."): value for name, value in detection.items()}, "condition": "s"},
    }
    return load(json.dumps(about), "r.yml").rules


def test_events_of_identity_providers_are_no_events_of_cloudtrail():
    """A rule for CloudTrail is not asked of what Okta recorded."""
    batch = batch_of([{"eventCategory": "IdentityProvider", "userAgent": "x"}, {"userAgent": "x"}])
    assert in_bulk(asks(userAgent="x"), batch) == [(1, 0)]


def test_what_only_a_column_says_is_not_in_the_record():
    """The account is taken from the identity where a record names none of its own; the rule sees the record."""
    batch = batch_of([{"eventName": "A", "userIdentity": {"accountId": "111122223333"}}])
    assert batch["account"].to_pylist() == ["111122223333"]
    assert in_bulk(asks(recipientAccountId="111122223333"), batch) == []
    assert in_bulk(asks(recipientAccountId=None), batch) == [(0, 0)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("k", '{"\\u006b":"x"}'),
        ("k", '{"k":"x"}'),
        ("a/b", '{"a\\/b":"x"}'),
        ("k.l", '{"k.l":"x"}'),
        ("k.l", '{"k.\\u006c":"x"}'),
        ("k.l", '{"k":[{"\\u006c":"x"}]}'),
    ],
)
def test_names_may_be_escaped_in_the_text_of_a_record(name, text):
    """What stands in the bytes of a record may be spelled in more than one way."""
    batch = batch_of([{"eventName": "A", "requestParameters": {"any": 1}}])
    place = batch.schema.get_field_index("request_parameters")
    batch = batch.set_column(place, batch.schema.field(place), pa.array([text]))
    rules = asks(**{f"requestParameters.{name}": "x"})
    assert in_bulk(rules, batch) == singly(rules, batch) == [(0, 0)]


def test_derived_fields_of_a_record_are_not_believed():
    """Whoever writes `wb` into a record does not become entitled by it."""
    (rule,) = load(
        """
title: T
logsource: {product: aws, service: cloudtrail}
detection: {s: {wb.entitled: yes}, condition: s}
""",
        "r.yml",
    ).rules
    assert in_bulk([rule], batch_of([{"eventName": "A", "wb": {"entitled": "yes"}}])) == []
    assert in_bulk([rule], batch_of([{"eventName": "A"}], [{"wb.entitled": "yes"}])) == [(0, 0)]
    forged = batch_of([{"eventName": "A", "wb": {"entitled": "yes"}}], [{"wb.ours": None}])
    assert Matcher(()).match(forged).columns.records(np.array([0])) == [{"eventName": "A"}]
