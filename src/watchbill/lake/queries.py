"""The questions to the lake, each as one query in the portable subset (`portable`).

A query is constant SQL with `:name` where a value belongs, read into a tree; values enter the tree as literals, so that
no value is ever part of a text that is parsed. Every query has an order in which no two different rows are equal, so
that all engines give one table, row by row. Times are milliseconds since 1970 in UTC; a span holds its start and not
its end, None is all of time.

A span is asked for twice, by `time_ms` and by `day`: the second is what an Iceberg table is partitioned by.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import sqlglot
from sqlglot import exp

from watchbill.errors import RefusedError
from watchbill.intervals import Interval
from watchbill.trail.model import HIDDEN


LAST = 500
"""How many events a timeline gives where nobody says."""

SIGN_INS = ("ConsoleLogin", "LoginFailed", "SignInFailed", "MfaDenied")
"""Names of events that are a failed log-in where their outcome is not `allowed`: of the console, of hosts, and of
identity providers. sshd logs an attempt for a user who is not there twice, as `InvalidUser` too: it counts once."""

WITHIN = timedelta(minutes=10)
"""How far a sliding window of failed log-ins reaches back."""

THRESHOLD = 5
"""How many failed log-ins within the window are told of."""

GAP = timedelta(minutes=30)
"""What pause ends a session."""

PAIRS = frozenset(
    {"person", "ip", "region", "account", "host", "user_agent", "source", "name", "principal", "access_key"}
)
"""Columns of which a first time may be asked, by two."""

WINDOW_SCHEMA = pa.schema(
    [
        pa.field("person", pa.string(), nullable=False),
        pa.field("start_ms", pa.int64(), nullable=False),
        pa.field("end_ms", pa.int64(), nullable=False),
    ]
)
"""The table `windows`: when it was whose turn."""

_Value = str | int | Sequence[str] | exp.Expr

_TIMELINE = """
    SELECT time_ms, account, region, host, source, name, outcome, error_code, ip, person, method, confidence, principal,
           access_key, id, object, record
    FROM events
    ORDER BY time_ms DESC NULLS LAST, account NULLS LAST, id NULLS LAST, object NULLS LAST, record NULLS LAST
    LIMIT :last
"""


def timeline_of_person(person: str, span: Interval | None = None, last: int = LAST) -> exp.Select:
    """Ask for the last events of a person, latest first."""
    return _timeline(last, _is("person", person), span)


def timeline_of_principal(arn: str, span: Interval | None = None, last: int = LAST) -> exp.Select:
    """Ask for the last events of a principal of AWS, latest first, whoever is behind it."""
    return _timeline(last, _is("principal", arn), span)


def strangers(user: str, span: Interval | None = None) -> exp.Select:
    """Ask which principals with an ARN in a span are of a user of this name, and of nobody of the team file."""
    query = _query(
        "SELECT DISTINCT principal FROM events WHERE person IS NULL AND principal = arn ORDER BY principal NULLS LAST"
    )
    return _within(query.where(_is("user_name", user)), span)


def events_of_person(person: str, span: Interval, last: int, columns: Iterable[str]) -> exp.Select:
    """Ask for some columns of the last events of a person in a span, latest first: each takes its time to read."""
    return timeline_of_person(person, span, last).select(*columns, append=False)


def timeline_of_address(ip: str, span: Interval | None = None, last: int = LAST) -> exp.Select:
    """Ask for the last events from an address, latest first; the address is compared as it is written."""
    return _timeline(last, _is("ip", ip), span)


def timeline_of_key(access_key: str, span: Interval | None = None, last: int = LAST) -> exp.Select:
    """Ask for the last events made with an access key, latest first."""
    return _timeline(last, _is("access_key", access_key), span)


def timeline_of_host_user(
    user: str, host: str | None = None, span: Interval | None = None, last: int = LAST
) -> exp.Select:
    """Ask for the last events of a user of a host, or of every host, latest first."""
    on = _is("host", host) if host is not None else exp.column("host").is_(exp.null()).not_()
    return _timeline(last, exp.and_(_is("user_name", user), on), span)


def named(names: Sequence[str], span: Interval | None = None, last: int = LAST) -> exp.Select:
    """Ask for the last events of some names, such as `CreateAccessKey`, latest first. No names, no events."""
    return _timeline(last, _any_of("name", names), span)


def counts_per_day(span: Interval | None = None, person: str | None = None) -> exp.Select:
    """Ask how many events, and how many denied and failed ones, each source had each day."""
    query = _query("""
        SELECT day, source, COUNT(*) AS events,
               CAST(SUM(CASE WHEN outcome = 'denied' THEN 1 ELSE 0 END) AS BIGINT) AS denied,
               CAST(SUM(CASE WHEN outcome = 'failed' THEN 1 ELSE 0 END) AS BIGINT) AS failed
        FROM events GROUP BY day, source ORDER BY day NULLS LAST, source NULLS LAST
    """)
    return _within(query if person is None else query.where(_is("person", person)), span)


def first_seen(one: str, other: str, since: datetime | None = None) -> exp.Select:
    """Ask when each pair of two columns was first seen, over the whole table, such as person and ip; earliest first.

    `since` keeps pairs that were first seen then or later. Where either is unknown there is no pair. Raises
    RefusedError for a column that is not in `PAIRS`.
    """
    if unknown := sorted({one, other} - PAIRS):
        raise RefusedError(f"no first time is kept of `{unknown[0]}`", f"choose two of {', '.join(sorted(PAIRS))}")
    if one == other:
        raise RefusedError(f"a pair is of two columns, not of `{one}` twice")
    query = _query(
        """
        SELECT :one, :other, MIN(time_ms) AS first_ms, MAX(time_ms) AS last_ms, COUNT(*) AS events
        FROM events WHERE NOT :one IS NULL AND NOT :other IS NULL
        GROUP BY :one, :other ORDER BY first_ms NULLS LAST, :one NULLS LAST, :other NULLS LAST
        """,
        one=exp.column(one),
        other=exp.column(other),
    )
    return query if since is None else query.having(_sql("MIN(time_ms) >= :since", since=bound(since)))


def outside_windows(span: Interval | None = None, last: int = LAST) -> exp.Select:
    """Ask for the last events of people in none of their windows of the table `windows`, latest first.

    A person who has no window is outside all the time. Events of nobody we know are not asked for.
    """
    query = _query(
        """
        SELECT e.time_ms, e.account, e.region, e.source, e.name, e.outcome, e.person, e.ip, e.id, e.object, e.record
        FROM events AS e
        LEFT JOIN windows AS w ON e.person = w.person AND e.time_ms >= w.start_ms AND e.time_ms < w.end_ms
        WHERE w.person IS NULL AND NOT e.person IS NULL
        ORDER BY e.time_ms DESC NULLS LAST, e.account NULLS LAST, e.id NULLS LAST, e.object NULLS LAST,
                 e.record NULLS LAST
        LIMIT :last
        """,
        last=_limit(last),
    )
    return _within(query, span, "e")


def counts_outside_windows(span: Interval | None = None) -> exp.Select:
    """Ask how many events each person had in none of their windows, by source and outcome."""
    query = _query("""
        SELECT e.person, e.source, e.outcome, COUNT(*) AS events, MIN(e.time_ms) AS first_ms, MAX(e.time_ms) AS last_ms
        FROM events AS e
        LEFT JOIN windows AS w ON e.person = w.person AND e.time_ms >= w.start_ms AND e.time_ms < w.end_ms
        WHERE w.person IS NULL AND NOT e.person IS NULL
        GROUP BY e.person, e.source, e.outcome
        ORDER BY e.person NULLS LAST, e.source NULLS LAST, e.outcome NULLS LAST
    """)
    return _within(query, span, "e")


def failed_sign_ins_per_user(
    span: Interval | None = None,
    within: timedelta = WITHIN,
    threshold: int = THRESHOLD,
    names: Sequence[str] = SIGN_INS,
) -> exp.Select:
    """Ask at which failed log-ins of a user there were `threshold` or more within the time up to it, earliest first.

    The user is the person, else the name that was tried. Names that AWS hides are left out: they are not one user.
    The window's far end counts, and so does every failure of the same millisecond.
    """
    query = _bursts(exp.func("COALESCE", exp.column("person"), exp.column("user_name")), within, threshold, names, span)
    hidden = _sql("(NOT person IS NULL OR user_name <> :hidden)", hidden=HIDDEN)
    return _in_first(query, hidden)


def failed_sign_ins_per_address(
    span: Interval | None = None,
    within: timedelta = WITHIN,
    threshold: int = THRESHOLD,
    names: Sequence[str] = SIGN_INS,
) -> exp.Select:
    """Ask at which failed log-ins from an address there were `threshold` or more within the time up to it."""
    return _bursts(exp.column("ip"), within, threshold, names, span)


def sessions(person: str | None = None, span: Interval | None = None, gap: timedelta = GAP) -> exp.Select:
    """Ask for the sittings of people: runs of events in which no pause is longer than `gap`; from 1 for each person."""
    # The first event of a person has 1970 before it, which is a pause.
    # RANGE, so that events of one millisecond lie in one session whichever of them an engine takes first.
    query = _query(
        """
        WITH marked AS (
            SELECT person, time_ms, ip, outcome,
                   CASE WHEN time_ms - LAG(time_ms, 1, 0) OVER (
                       PARTITION BY person ORDER BY time_ms NULLS LAST) > :gap THEN 1 ELSE 0 END AS begins
            FROM events WHERE NOT person IS NULL
        ), numbered AS (
            SELECT person, time_ms, ip, outcome,
                   CAST(SUM(begins) OVER (PARTITION BY person ORDER BY time_ms NULLS LAST
                       RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) AS number
            FROM marked
        )
        SELECT person, number, MIN(time_ms) AS start_ms, MAX(time_ms) AS end_ms, COUNT(*) AS events,
               COUNT(DISTINCT ip) AS addresses,
               CAST(SUM(CASE WHEN outcome = 'denied' THEN 1 ELSE 0 END) AS BIGINT) AS denied
        FROM numbered GROUP BY person, number ORDER BY person NULLS LAST, number NULLS LAST
        """,
        gap=gap // timedelta(milliseconds=1),
    )
    return _in_first(query, *([] if person is None else [_is("person", person)]), *_bounds(span))


def users_of_key(access_key: str) -> exp.Select:
    """Ask who used an access key, from where, when first and last."""
    return _query(
        """
        SELECT person, principal, method, confidence, ip, MIN(time_ms) AS first_ms, MAX(time_ms) AS last_ms,
               COUNT(*) AS events
        FROM events WHERE access_key = :key GROUP BY person, principal, method, confidence, ip
        ORDER BY first_ms NULLS LAST, person NULLS LAST, principal NULLS LAST, method NULLS LAST, confidence NULLS LAST,
                 ip NULLS LAST
        """,
        key=access_key,
    )


def denied_per_person(span: Interval | None = None) -> exp.Select:
    """Ask which calls each person was denied, most often first."""
    query = _query("""
        SELECT person, source, name, error_code, COUNT(*) AS events, MIN(time_ms) AS first_ms, MAX(time_ms) AS last_ms
        FROM events WHERE outcome = 'denied' AND NOT person IS NULL GROUP BY person, source, name, error_code
        ORDER BY events DESC NULLS LAST, person NULLS LAST, source NULLS LAST, name NULLS LAST, error_code NULLS LAST
    """)
    return _within(query, span)


def attribution(span: Interval | None = None) -> exp.Select:
    """Ask how many events are whose, how we know, and how surely. Events of nobody we know come last."""
    query = _query("""
        SELECT person, method, confidence, COUNT(*) AS events, MIN(time_ms) AS first_ms, MAX(time_ms) AS last_ms
        FROM events GROUP BY person, method, confidence
        ORDER BY person NULLS LAST, method NULLS LAST, confidence NULLS LAST
    """)
    return _within(query, span)


def unattributed(span: Interval | None = None) -> exp.Select:
    """Ask for the principals that are nobody we know, and why, most events first. Machines are named as such by AWS."""
    query = _query("""
        SELECT principal, method, why, COUNT(*) AS events, MIN(time_ms) AS first_ms, MAX(time_ms) AS last_ms
        FROM events WHERE person IS NULL GROUP BY principal, method, why
        ORDER BY events DESC NULLS LAST, principal NULLS LAST, method NULLS LAST, why NULLS LAST
    """)
    return _within(query, span)


def coverage(span: Interval | None = None) -> exp.Select:
    """Ask how many events each account and region has for each hour; hours that have none are not there."""
    query = _query("""
        SELECT account, region, time_ms - time_ms % 3600000 AS hour_ms, COUNT(*) AS events
        FROM events WHERE NOT account IS NULL GROUP BY account, region, time_ms - time_ms % 3600000
        ORDER BY account NULLS LAST, region NULLS LAST, hour_ms NULLS LAST
    """)
    return _within(query, span)


def hosts_heard(span: Interval | None = None) -> exp.Select:
    """Ask when each host was heard of first and last, the one that is silent longest first."""
    query = _query("""
        SELECT host, MIN(time_ms) AS first_ms, MAX(time_ms) AS last_ms, COUNT(*) AS events
        FROM events WHERE NOT host IS NULL GROUP BY host ORDER BY last_ms NULLS LAST, host NULLS LAST
    """)
    return _within(query, span)


def host_hours(span: Interval | None = None) -> exp.Select:
    """Ask in which hours each host logged anything."""
    query = _query("""
        SELECT host, time_ms - time_ms % 3600000 AS hour_ms, COUNT(*) AS events
        FROM events WHERE NOT host IS NULL GROUP BY host, time_ms - time_ms % 3600000
        ORDER BY host NULLS LAST, hour_ms NULLS LAST
    """)
    return _within(query, span)


def shared_addresses(span: Interval | None = None, people: int = 2) -> exp.Select:
    """Ask which addresses are used by `people` or more people, most people first."""
    query = _query(
        """
        SELECT ip, COUNT(DISTINCT person) AS people, COUNT(*) AS events, MIN(time_ms) AS first_ms,
               MAX(time_ms) AS last_ms
        FROM events WHERE NOT ip IS NULL AND NOT person IS NULL GROUP BY ip HAVING COUNT(DISTINCT person) >= :people
        ORDER BY people DESC NULLS LAST, ip NULLS LAST
        """,
        people=people,
    )
    return _within(query, span)


def places(ids: Sequence[str]) -> exp.Select:
    """Ask where events were read, by their ids: the object, the SHA-256 of its bytes, and which record of it."""
    query = _query("""
        SELECT account, id, time_ms, object, object_digest, record
        FROM events ORDER BY account NULLS LAST, id NULLS LAST, object NULLS LAST, record NULLS LAST
    """)
    return query.where(_any_of("id", ids))


def totals(span: Interval | None = None) -> exp.Select:
    """Ask what there is at all: one row, with nulls for first and last where there is nothing."""
    query = _query("""
        SELECT COUNT(*) AS events, COUNT(person) AS attributed, COUNT(DISTINCT person) AS people,
               COUNT(DISTINCT account) AS accounts, COUNT(DISTINCT host) AS hosts, COUNT(DISTINCT object) AS objects,
               MIN(time_ms) AS first_ms, MAX(time_ms) AS last_ms
        FROM events ORDER BY events NULLS LAST
    """)
    return _within(query, span)


def bound(at: datetime) -> int:
    """Give the first whole millisecond since 1970 that is not before an instant."""
    return -((_EPOCH - at) // timedelta(milliseconds=1))


def windows_table(windows: Mapping[str, Sequence[Interval]]) -> pa.Table:
    """Make the table `windows` from the windows of each person."""
    rows = [(person, each) for person, held in windows.items() for each in held]
    columns = {
        "person": [person for person, _ in rows],
        "start_ms": [bound(each.start) for _, each in rows],
        "end_ms": [bound(each.end) for _, each in rows],
    }
    return pa.table(columns, schema=WINDOW_SCHEMA)


_MANY = 2**31
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _timeline(last: int, condition: exp.Expr, span: Interval | None) -> exp.Select:
    return _within(_query(_TIMELINE, last=_limit(last)).where(condition), span)


def _limit(last: int) -> int:
    if not 0 <= last < _MANY:
        raise RefusedError(f"`{last}` is no number of events to give")
    return last


def _bursts(
    key: exp.Expr, within: timedelta, threshold: int, names: Sequence[str], span: Interval | None
) -> exp.Select:
    query = _query(
        """
        WITH failed AS (
            SELECT time_ms, :key AS tried, account, id FROM events
            WHERE outcome <> 'allowed' AND NOT :key IS NULL
        ), counted AS (
            SELECT time_ms, tried, account, id, COUNT(*) OVER (PARTITION BY tried ORDER BY time_ms NULLS LAST
                   RANGE BETWEEN :within PRECEDING AND CURRENT ROW) AS failures
            FROM failed
        )
        SELECT tried, time_ms, failures, account, id FROM counted WHERE failures >= :threshold
        ORDER BY time_ms NULLS LAST, tried NULLS LAST, account NULLS LAST, id NULLS LAST
        """,
        key=key,
        within=within // timedelta(milliseconds=1),
        threshold=threshold,
    )
    return _in_first(query, _any_of("name", names), *_bounds(span))


def _query(text: str, **values: _Value) -> exp.Select:
    """Read constant SQL into a tree, with values as literals in it."""
    tree = _sql(text, **values)
    assert isinstance(tree, exp.Select), "a query is a SELECT"
    return tree


def _sql(text: str, **values: _Value) -> exp.Expr:
    def fill(node: exp.Expr) -> exp.Expr:
        return _literal(values[node.name]) if isinstance(node, exp.Placeholder) else node

    return sqlglot.parse_one(text).transform(fill)


def _literal(value: _Value) -> exp.Expr:
    match value:
        case exp.Expr():
            return value.copy()
        case int():
            return exp.Literal.number(value)
        case str():
            return exp.Literal.string(value)
    raise AssertionError(f"no literal is made of {value!r}")


def _is(column: str, value: str) -> exp.Expr:
    return exp.column(column).eq(exp.Literal.string(value))


def _any_of(column: str, values: Sequence[str]) -> exp.Expr:
    if not values:
        return exp.false()
    return exp.In(this=exp.column(column), expressions=[exp.Literal.string(each) for each in values])


def _bounds(span: Interval | None, table: str | None = None) -> list[exp.Expr]:
    if span is None:
        return []
    first, after = bound(span.start), bound(span.end)
    time, day = exp.column("time_ms", table=table), exp.column("day", table=table)
    return [
        exp.GTE(this=time.copy(), expression=exp.Literal.number(first)),
        exp.LT(this=time.copy(), expression=exp.Literal.number(after)),
        exp.GTE(this=day.copy(), expression=_date(first)),
        exp.LTE(this=day.copy(), expression=_date(after - 1)),
    ]


def _date(at_ms: int) -> exp.Expr:
    return exp.cast(exp.Literal.string((_EPOCH + timedelta(milliseconds=at_ms)).date().isoformat()), "date")


def _within(query: exp.Select, span: Interval | None, table: str | None = None) -> exp.Select:
    return query.where(*_bounds(span, table))


def _in_first(query: exp.Select, *conditions: exp.Expr) -> exp.Select:
    """Add conditions to the first of the queries that a query is made of, before anything is counted."""
    inner = query.args["with_"].expressions[0].this if "with_" in query.args else query.args["with"].expressions[0].this
    inner.where(*conditions, copy=False)
    return query
