"""The questions to the lake with what a plain program answers, and rows to ask them of.

Rows are drawn from few values that lie close together, with nulls wherever a column may have them.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp
from tests.teams import MONDAY

from watchbill.intervals import Interval
from watchbill.lake import queries
from watchbill.trail.model import HIDDEN
from watchbill.trail.table import SCHEMA, milliseconds, table_of


Row = dict[str, Any]
Rows = Sequence[Row]

BASE = milliseconds(MONDAY)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SPAN = Interval(MONDAY + timedelta(minutes=10), MONDAY + timedelta(days=1))
ARN = "arn:aws:iam::111111111111:user/ada"
ODD = 'o\'brien\\ "x" `y` ${z} %_ \n ü 😀 -- ; /*'
"""A name that would break out of a text that is pasted."""

PEOPLE = [None, "ada", "james", ODD]
OFFSETS = [0, 1, 9 * MINUTE, 10 * MINUTE - 1, 10 * MINUTE, 10 * MINUTE + 1, 20 * MINUTE, 40 * MINUTE, 40 * MINUTE + 1]
OFFSETS += [HOUR - 1, HOUR, DAY - 1, DAY, DAY + 1, DAY + 31 * MINUTE, 30 * DAY]
VALUES: dict[str, list[Any]] = {
    "time_ms": [BASE + offset for offset in OFFSETS],
    "category": [None, "Management", "Host"],
    "account": [None, "111111111111", "222222222222"],
    "region": [None, "eu-west-1", "us-east-1"],
    "host": [None, None, "web-1", "web-2"],
    "source": [None, "ec2.amazonaws.com", "signin.amazonaws.com", "s3.amazonaws.com", "sshd"],
    "name": [None, "RunInstances", "ConsoleLogin", "LoginFailed", "ConsoleLogin"],
    "outcome": ["allowed", "denied", "failed", "failed"],
    "error_code": [None, "AccessDenied"],
    "ip": [None, "192.0.2.1", "192.0.2.2", "2001:db8::1"],
    "user_agent": [None, "aws-cli", ""],
    "person": PEOPLE,
    "method": ["iam-user", "none"],
    "confidence": ["certain", "none"],
    "traced": [True, False],
    "principal": ["unknown", ARN],
    "why": ["it says so", "nobody knows"],
    "arn": [None, ARN],
    "user_name": [None, "root", HIDDEN, ODD],
    "access_key": [None, "AKIA1", "ASIA2"],
    "mfa": [None, True, False],
    "read_only": [None, True, False],
    "object": ["a.json.gz", "b.json.gz"],
    "object_digest": ["00", "11"],
    "record": [0, 1, 2],
    "request_parameters": [None, '{"bucketName":"logs"}', '{"bucketName":"\\u00fc","key":"\'"}'],
}
"""What is drawn for each column; all others are null."""


def complete(drawn: Rows) -> list[Row]:
    """Give rows their day, and an id each."""
    return [
        {**row, "day": datetime.fromtimestamp(row["time_ms"] // 1000, UTC).date(), "id": f"event-{number:06}"}
        for number, row in enumerate(drawn)
    ]


def sample(seed: int, count: int) -> list[Row]:
    """Make rows of a seed."""
    rng = random.Random(seed)
    return complete([{column: rng.choice(values) for column, values in VALUES.items()} for _ in range(count)])


def written(rows: Rows, folder: Path, parts: int = 3, schema: pa.Schema = SCHEMA) -> list[str]:
    """Write rows as some Parquet files, as the lake's are: without Arrow's own schema, which Sail cannot read."""
    files = []
    for number in range(parts):
        file = folder / f"part-{number}.parquet"
        pq.write_table(table_of(rows[number::parts], schema), file, compression="zstd", store_schema=False)
        files.append(str(file))
    return files


WINDOWS = {
    "ada": [
        Interval(MONDAY, MONDAY + timedelta(minutes=10)),
        # Two that overlap, and a point of time where one ends and another begins.
        Interval(MONDAY + timedelta(minutes=5), MONDAY + timedelta(minutes=20)),
        Interval(MONDAY + timedelta(minutes=20), MONDAY + timedelta(minutes=40)),
    ],
    ODD: [Interval(MONDAY + timedelta(hours=1), MONDAY + timedelta(days=1))],
}
"""James has none."""


@dataclass(frozen=True)
class Asked:
    """A question with what a plain program answers."""

    name: str
    tree: exp.Expr
    expected: Callable[[Rows], list[Row]]


def last_first(value: Any) -> tuple[bool, Any]:
    """Sort nulls last."""
    return (value is None, "" if value is None else value)


def ordered(rows: Iterable[Row], *keys: str) -> list[Row]:
    """Sort rows by columns, `-` before a number's name turning it around."""

    def key(row: Row) -> list[Any]:
        return [-row[each[1:]] if each.startswith("-") else last_first(row[each]) for each in keys]

    return sorted(rows, key=key)


def inside(rows: Rows, span: Interval | None) -> list[Row]:
    """Give the rows of a span."""
    if span is None:
        return list(rows)
    return [row for row in rows if milliseconds(span.start) <= row["time_ms"] < milliseconds(span.end)]


def grouped(rows: Iterable[Row], *keys: str) -> list[tuple[Row, list[Row]]]:
    """Group rows by columns; nulls are one group."""
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[key] for key in keys)].append(row)
    return [(dict(zip(keys, values, strict=True)), held) for values, held in found.items()]


def counted(held: Rows) -> Row:
    """Count rows, with when the first and the last was."""
    times = [row["time_ms"] for row in held]
    return {"events": len(held), "first_ms": min(times, default=None), "last_ms": max(times, default=None)}


def distinct(held: Rows, column: str) -> int:
    """Count the values of a column."""
    return len({row[column] for row in held} - {None})


LISTED = ["time_ms", "account", "region", "host", "source", "name", "outcome", "error_code", "ip", "person", "method"]
LISTED += ["confidence", "principal", "access_key", "id", "object", "record"]
OUTSIDE = ["time_ms", "account", "region", "source", "name", "outcome", "person", "ip", "id", "object", "record"]


def timeline(wanted: Callable[[Row], bool], span: Interval | None, last: int, columns: Sequence[str] = LISTED) -> Any:
    """Answer with the last events that are wanted."""

    def answer(rows: Rows) -> list[Row]:
        found = ordered((row for row in inside(rows, span) if wanted(row)), "-time_ms", "account", "id")[:last]
        return [{column: row.get(column) for column in columns} for row in found]

    return answer


def strangers(rows: Rows) -> list[Row]:
    """Answer with the principals of a user of a name who is nobody of the team."""
    mine = [row for row in rows if row["user_name"] == "root" and row["person"] is None]
    return [
        {"principal": each} for each in sorted({row["principal"] for row in mine if row["principal"] == row["arn"]})
    ]


def per_day(span: Interval | None, person: str | None) -> Any:
    """Answer how many events a day and a source have."""

    def answer(rows: Rows) -> list[Row]:
        mine = [row for row in inside(rows, span) if person is None or row["person"] == person]
        found = [
            {
                **keys,
                "events": len(held),
                "denied": sum(row["outcome"] == "denied" for row in held),
                "failed": sum(row["outcome"] == "failed" for row in held),
            }
            for keys, held in grouped(mine, "day", "source")
        ]
        return ordered(found, "day", "source")

    return answer


def first_times(one: str, other: str, since: datetime | None) -> Any:
    """Answer when pairs were first seen."""

    def answer(rows: Rows) -> list[Row]:
        known = [row for row in rows if row[one] is not None and row[other] is not None]
        found = [{**keys, **counted(held)} for keys, held in grouped(known, one, other)]
        kept = [row for row in found if since is None or row["first_ms"] >= milliseconds(since)]
        columns = [one, other, "first_ms", "last_ms", "events"]
        return [{column: row[column] for column in columns} for row in ordered(kept, "first_ms", one, other)]

    return answer


def is_outside(row: Row) -> bool:
    """Tell whether an event of a person lies in none of their windows."""
    held = WINDOWS.get(row["person"], [])
    return row["person"] is not None and not any(
        milliseconds(each.start) <= row["time_ms"] < milliseconds(each.end) for each in held
    )


def tallied(span: Interval | None, wanted: Callable[[Row], bool], keys: Sequence[str], order: Sequence[str]) -> Any:
    """Answer how many events groups have, and when."""

    def answer(rows: Rows) -> list[Row]:
        found = grouped([row for row in inside(rows, span) if wanted(row)], *keys)
        return ordered(({**key, **counted(held)} for key, held in found), *order)

    return answer


def burst(key: Callable[[Row], str | None], span: Interval | None, within: int, threshold: int) -> Any:
    """Answer at which failures there were so many within the time up to them."""

    def answer(rows: Rows) -> list[Row]:
        failed = [
            (key(row), row)
            for row in inside(rows, span)
            if row["outcome"] != "allowed" and row["name"] in queries.SIGN_INS and key(row) is not None
        ]
        found = []
        for tried, row in failed:
            near = [1 for each, other in failed if each == tried and 0 <= row["time_ms"] - other["time_ms"] <= within]
            if len(near) >= threshold:
                kept = {"account": row["account"], "id": row["id"]}
                found.append({"tried": tried, "time_ms": row["time_ms"], "failures": len(near), **kept})
        return ordered(found, "time_ms", "tried", "account", "id")

    return answer


def tried_user(row: Row) -> str | None:
    """Give whose log-in failed."""
    if row["person"] is not None:
        return str(row["person"])
    return None if row["user_name"] == HIDDEN else row["user_name"]


def sat(person: str | None, span: Interval | None, gap: int) -> Any:
    """Answer with the sessions of people."""

    def answer(rows: Rows) -> list[Row]:
        found = []
        mine = [row for row in inside(rows, span) if row["person"] is not None and person in (None, row["person"])]
        for keys, held in grouped(mine, "person"):
            sessions: list[list[Row]] = []
            for row in sorted(held, key=lambda row: row["time_ms"]):
                if not sessions or row["time_ms"] - sessions[-1][-1]["time_ms"] > gap:
                    sessions.append([])
                sessions[-1].append(row)
            found += [
                {
                    **keys,
                    "number": number,
                    "start_ms": each[0]["time_ms"],
                    "end_ms": each[-1]["time_ms"],
                    "events": len(each),
                    "addresses": distinct(each, "ip"),
                    "denied": sum(row["outcome"] == "denied" for row in each),
                }
                for number, each in enumerate(sessions, start=1)
            ]
        return ordered(found, "person", "number")

    return answer


def covered(span: Interval | None) -> Any:
    """Answer how many events an hour has."""

    def answer(rows: Rows) -> list[Row]:
        mine = [
            {**row, "hour_ms": row["time_ms"] // HOUR * HOUR}
            for row in inside(rows, span)
            if row["account"] is not None
        ]
        found = [{**keys, "events": len(held)} for keys, held in grouped(mine, "account", "region", "hour_ms")]
        return ordered(found, "account", "region", "hour_ms")

    return answer


def shared(span: Interval | None, people: int) -> Any:
    """Answer which addresses several people use."""

    def answer(rows: Rows) -> list[Row]:
        mine = [row for row in inside(rows, span) if row["ip"] is not None and row["person"] is not None]
        found = [{**keys, "people": distinct(held, "person"), **counted(held)} for keys, held in grouped(mine, "ip")]
        return ordered((row for row in found if row["people"] >= people), "-people", "ip")

    return answer


def heard(span: Interval | None) -> Any:
    """Answer when hosts were heard of."""

    def answer(rows: Rows) -> list[Row]:
        mine = [row for row in inside(rows, span) if row["host"] is not None]
        found = [{**keys, **counted(held)} for keys, held in grouped(mine, "host")]
        columns = ["host", "first_ms", "last_ms", "events"]
        return [{column: row[column] for column in columns} for row in ordered(found, "last_ms", "host")]

    return answer


def logged(span: Interval | None) -> Any:
    """Answer in which hours hosts logged anything."""

    def answer(rows: Rows) -> list[Row]:
        mine = [
            {**row, "hour_ms": row["time_ms"] // HOUR * HOUR} for row in inside(rows, span) if row["host"] is not None
        ]
        found = [{**keys, "events": len(held)} for keys, held in grouped(mine, "host", "hour_ms")]
        return ordered(found, "host", "hour_ms")

    return answer


def lies(ids: Sequence[str]) -> Any:
    """Answer where events were read."""
    columns = ["account", "id", "time_ms", "object", "object_digest", "record"]

    def answer(rows: Rows) -> list[Row]:
        found = ordered((row for row in rows if row["id"] in ids), "account", "id")
        return [{column: row[column] for column in columns} for row in found]

    return answer


def total(span: Interval | None) -> Any:
    """Answer what there is at all."""

    def answer(rows: Rows) -> list[Row]:
        mine = inside(rows, span)
        kinds = {"people": "person", "accounts": "account", "hosts": "host", "objects": "object"}
        known = {name: distinct(mine, column) for name, column in kinds.items()}
        return [{**counted(mine), "attributed": sum(row["person"] is not None for row in mine), **known}]

    return answer


def of(column: str, *values: Any) -> Callable[[Row], bool]:
    """Want rows by a column."""
    return lambda row: row[column] in values


TEN = timedelta(minutes=10)
_KEYED = ["person", "principal", "method", "confidence", "ip"]
_NOBODY = ["principal", "method", "why"]
_DENIED = ["person", "source", "name", "error_code"]
_COUNTED_OUTSIDE = ["person", "source", "outcome"]
_OWNED = ["person", "method", "confidence"]

SUITE = (
    Asked("timeline-person", queries.timeline_of_person("ada"), timeline(of("person", "ada"), None, 500)),
    Asked("timeline-odd", queries.timeline_of_person(ODD, SPAN, 3), timeline(of("person", ODD), SPAN, 3)),
    Asked(
        "events-of-person",
        queries.events_of_person("ada", SPAN, 4, SCHEMA.names),
        timeline(of("person", "ada"), SPAN, 4, SCHEMA.names),
    ),
    Asked(
        "timeline-address",
        queries.timeline_of_address("2001:db8::1", SPAN),
        timeline(of("ip", "2001:db8::1"), SPAN, 500),
    ),
    Asked("timeline-key", queries.timeline_of_key("AKIA1", last=5), timeline(of("access_key", "AKIA1"), None, 5)),
    Asked("timeline-principal", queries.timeline_of_principal(ARN, SPAN, 6), timeline(of("principal", ARN), SPAN, 6)),
    Asked("strangers", queries.strangers("root"), strangers),
    Asked(
        "timeline-host-user",
        queries.timeline_of_host_user("root"),
        timeline(lambda row: row["user_name"] == "root" and row["host"] is not None, None, 500),
    ),
    Asked(
        "timeline-one-host-user",
        queries.timeline_of_host_user(ODD, "web-1", SPAN),
        timeline(lambda row: row["user_name"] == ODD and row["host"] == "web-1", SPAN, 500),
    ),
    Asked(
        "named",
        queries.named(["RunInstances", "LoginFailed"], SPAN, 7),
        timeline(of("name", "RunInstances", "LoginFailed"), SPAN, 7),
    ),
    Asked("named-nothing", queries.named([]), lambda rows: []),
    Asked("counts-per-day", queries.counts_per_day(), per_day(None, None)),
    Asked("counts-per-day-of-one", queries.counts_per_day(SPAN, "james"), per_day(SPAN, "james")),
    Asked("first-seen-address", queries.first_seen("person", "ip"), first_times("person", "ip", None)),
    Asked(
        "first-seen-region",
        queries.first_seen("person", "region", SPAN.start),
        first_times("person", "region", SPAN.start),
    ),
    Asked("first-seen-agent", queries.first_seen("ip", "user_agent"), first_times("ip", "user_agent", None)),
    Asked("outside-windows", queries.outside_windows(), timeline(is_outside, None, 500, OUTSIDE)),
    Asked("outside-windows-in-span", queries.outside_windows(SPAN, 4), timeline(is_outside, SPAN, 4, OUTSIDE)),
    Asked(
        "counts-outside-windows",
        queries.counts_outside_windows(SPAN),
        tallied(SPAN, is_outside, _COUNTED_OUTSIDE, _COUNTED_OUTSIDE),
    ),
    Asked("failed-per-user", queries.failed_sign_ins_per_user(threshold=2), burst(tried_user, None, 10 * MINUTE, 2)),
    Asked(
        "failed-per-user-in-span",
        queries.failed_sign_ins_per_user(SPAN, TEN, 1),
        burst(tried_user, SPAN, 10 * MINUTE, 1),
    ),
    Asked(
        "failed-per-address",
        queries.failed_sign_ins_per_address(threshold=3),
        burst(lambda row: row["ip"], None, 10 * MINUTE, 3),
    ),
    Asked("sessions", queries.sessions(), sat(None, None, 30 * MINUTE)),
    Asked("sessions-of-one", queries.sessions(ODD, SPAN, TEN), sat(ODD, SPAN, 10 * MINUTE)),
    Asked(
        "users-of-key",
        queries.users_of_key("AKIA1"),
        tallied(None, of("access_key", "AKIA1"), _KEYED, ["first_ms", *_KEYED]),
    ),
    Asked(
        "denied",
        queries.denied_per_person(SPAN),
        tallied(
            SPAN, lambda row: row["outcome"] == "denied" and row["person"] is not None, _DENIED, ["-events", *_DENIED]
        ),
    ),
    Asked("attribution", queries.attribution(), tallied(None, lambda row: True, _OWNED, _OWNED)),
    Asked(
        "unattributed", queries.unattributed(SPAN), tallied(SPAN, of("person", None), _NOBODY, ["-events", *_NOBODY])
    ),
    Asked("coverage", queries.coverage(), covered(None)),
    Asked("coverage-of-span", queries.coverage(SPAN), covered(SPAN)),
    Asked("hosts", queries.hosts_heard(), heard(None)),
    Asked("host-hours", queries.host_hours(SPAN), logged(SPAN)),
    Asked("shared-addresses", queries.shared_addresses(), shared(None, 2)),
    Asked("shared-by-three", queries.shared_addresses(SPAN, 3), shared(SPAN, 3)),
    Asked("places", queries.places(["event-000001", "event-000003", "none"]), lies(["event-000001", "event-000003"])),
    Asked("totals", queries.totals(), total(None)),
    Asked("totals-of-span", queries.totals(SPAN), total(SPAN)),
)
"""Every question of `lake.queries`, most with and without a span."""
