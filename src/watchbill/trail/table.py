"""Events as a table: the columns that the lake keeps, and how rows become events again.

A column is typed and has one meaning; what a record lacks is null. Whatever a record says beyond the columns stands in
`rest`, so that `record` gives back every field of it. Texts of JSON are the bytes of the record, or say the same.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from watchbill.trail.model import Actor, Attributed, Confidence, Event, Identity, Method, Outcome, Place


WORDS = pa.dictionary(pa.int32(), pa.string())
"""A text that many rows share."""

WHAT = (
    pa.field("day", pa.date32(), nullable=False),
    pa.field("time_ms", pa.int64(), nullable=False),
    pa.field("id", pa.string(), nullable=False),
    pa.field("category", WORDS),
    pa.field("account", WORDS),
    pa.field("region", WORDS),
    pa.field("host", WORDS),
    pa.field("source", WORDS),
    pa.field("name", WORDS),
    pa.field("type", WORDS),
    pa.field("outcome", WORDS),
    pa.field("error_code", WORDS),
    pa.field("error_message", pa.string()),
    pa.field("read_only", pa.bool_()),
    pa.field("ip", WORDS),
    pa.field("user_agent", WORDS),
)
"""When it was, and what. `day` is the UTC day of `time_ms`, which is milliseconds since 1970 in UTC. `category` is
CloudTrail's `eventCategory`, else `Host` or `IdentityProvider`; `outcome` is a `trail.model.Outcome`."""

WHO = (
    pa.field("person", WORDS),
    pa.field("method", WORDS),
    pa.field("confidence", WORDS),
    pa.field("traced", pa.bool_()),
    pa.field("principal", WORDS),
    pa.field("why", WORDS),
)
"""Who it was: the fields of a `trail.model.Actor`."""

IDENTITY = (
    pa.field("identity_type", WORDS),
    pa.field("arn", WORDS),
    pa.field("principal_id", WORDS),
    pa.field("identity_account", WORDS),
    pa.field("user_name", WORDS),
    pa.field("access_key", WORDS),
    pa.field("session_name", WORDS),
    pa.field("issuer_arn", WORDS),
    pa.field("source_identity", WORDS),
    pa.field("mfa", pa.bool_()),
    pa.field("session_began_ms", pa.int64()),
    pa.field("invoked_by", WORDS),
    pa.field("identity_center_user", WORDS),
)
"""Who it was by the record: the fields of a `trail.model.Identity`, in their order."""

REST = (
    pa.field("version", WORDS),
    pa.field("request_id", pa.string()),
    pa.field("shared_event_id", pa.string()),
    pa.field("vpc_endpoint_id", WORDS),
    pa.field("api_version", WORDS),
    pa.field("management", pa.bool_()),
    pa.field("user_identity", WORDS),
    pa.field("request_parameters", pa.string()),
    pa.field("response_elements", pa.string()),
    pa.field("additional_event_data", pa.string()),
    pa.field("service_event_details", pa.string()),
    pa.field("resources", pa.string()),
    pa.field("tls_details", WORDS),
    pa.field("rest", pa.string()),
)
"""The rest of the record. From `user_identity` on they are texts of JSON."""

PLACE = (
    pa.field("object", WORDS),
    pa.field("object_digest", WORDS),
    pa.field("record", pa.int32()),
)
"""Where it was read: the key of the object or the path of the file, the SHA-256 of its bytes as they lie there, and
the position of the record in it, from 0."""

SCHEMA = pa.schema([*WHAT, *WHO, *IDENTITY, *REST, *PLACE])

PLAIN = {
    "eventVersion": "version",
    "eventSource": "source",
    "eventName": "name",
    "awsRegion": "region",
    "sourceIPAddress": "ip",
    "userAgent": "user_agent",
    "errorCode": "error_code",
    "errorMessage": "error_message",
    "requestID": "request_id",
    "eventID": "id",
    "readOnly": "read_only",
    "eventType": "type",
    "apiVersion": "api_version",
    "managementEvent": "management",
    "recipientAccountId": "account",
    "sharedEventID": "shared_event_id",
    "vpcEndpointId": "vpc_endpoint_id",
    "eventCategory": "category",
}
"""Fields of a record that are a column as they stand."""

TEXTS = {
    "userIdentity": "user_identity",
    "requestParameters": "request_parameters",
    "responseElements": "response_elements",
    "additionalEventData": "additional_event_data",
    "serviceEventDetails": "service_event_details",
    "resources": "resources",
    "tlsDetails": "tls_details",
}
"""Fields of a record that are a column as text of JSON."""

_UNWORDED = re.compile(r'"(?:[^"\\]|\\.)*"|(-?Infinity|NaN)')
"""A text of JSON, or a number that JSON has no word for."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def milliseconds(at: datetime) -> int:
    """Give an instant in milliseconds since 1970, rounded down."""
    return (at - _EPOCH) // _MILLISECOND


def instant(time_ms: int) -> datetime:
    """Give the instant of milliseconds since 1970, in UTC."""
    return _EPOCH + time_ms * _MILLISECOND


def row_of(event: Event, digest: str) -> dict[str, Any]:
    """Make the row of an event, without who it was; `digest` is that of the object it was read from."""
    record, time_ms = event.record, milliseconds(event.at)
    row: dict[str, Any] = {
        "day": date(event.at.year, event.at.month, event.at.day),
        "time_ms": time_ms,
        **{column: _typed(record.get(field), column) for field, column in PLAIN.items()},
        **{column: _json(record.get(field)) for field, column in TEXTS.items()},
        "id": event.id,
        "account": event.account or None,
        "region": event.region or None,
        "host": event.host,
        "source": event.source or None,
        "name": event.name or None,
        "type": event.type,
        "outcome": str(event.outcome),
        "error_code": event.error_code,
        "error_message": event.error_message,
        "read_only": event.read_only,
        "ip": event.ip,
        "user_agent": event.user_agent,
        **identity_row(event.identity),
        "object": event.place.file,
        "object_digest": digest,
        "record": event.place.index,
    }
    row["rest"] = _json(_beyond(record, record_of({**row, "rest": None})))
    return row


def _beyond(record: Mapping[str, Any], rebuilt: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give what the columns do not say of a record; None stands for a field that only they have."""
    said = {field: value for field, value in record.items() if value is not None}
    more = {field: value for field, value in said.items() if field not in rebuilt or not _same(rebuilt[field], value)}
    return {**more, **{field: None for field in rebuilt if field not in said}} or None


def _same(one: object, other: object) -> bool:
    """Tell whether two values are the same JSON: true is not 1."""
    return one == other and _json(one) == _json(other)


def identity_row(identity: Identity) -> dict[str, Any]:
    """Give the columns of an identity."""
    began = identity.session_began
    return {
        "identity_type": identity.type,
        "arn": identity.arn,
        "principal_id": identity.principal_id,
        "identity_account": identity.account,
        "user_name": identity.user_name,
        "access_key": identity.access_key,
        "session_name": identity.session_name,
        "issuer_arn": identity.issuer_arn,
        "source_identity": identity.source_identity,
        "mfa": identity.mfa,
        "session_began_ms": None if began is None else milliseconds(began),
        "invoked_by": identity.invoked_by,
        "identity_center_user": identity.identity_center_user,
    }


def actor_row(actor: Actor) -> dict[str, Any]:
    """Give the columns of an actor."""
    return {
        "person": actor.person,
        "method": str(actor.method),
        "confidence": str(actor.confidence),
        "traced": actor.traced,
        "principal": actor.principal,
        "why": actor.why,
    }


def record_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the record of a row, every field of it that is not null; numbers and escapes may be written otherwise."""
    record: dict[str, Any] = {"eventTime": _stamp(row["time_ms"])}
    for field, column in PLAIN.items():
        if row[column] is not None:
            record[field] = row[column]
    for field, column in TEXTS.items():
        if row[column] is not None:
            record[field] = _value(row[column])
    if row["rest"] is not None:
        record.update(_value(row["rest"]))
    return {field: value for field, value in record.items() if value is not None}


def identity_of(row: Mapping[str, Any]) -> Identity:
    """Give the identity of a row."""
    began = row["session_began_ms"]
    values = [row[field.name] for field in IDENTITY]
    values[10] = None if began is None else instant(began)
    return Identity(*values)


def event_of(row: Mapping[str, Any]) -> Event:
    """Give the event of a row."""
    return Event(
        row["id"],
        instant(row["time_ms"]),
        row["source"] or "",
        row["name"] or "",
        row["region"] or "",
        row["account"] or "",
        identity_of(row),
        row["ip"],
        row["user_agent"],
        Outcome(row["outcome"]),
        row["error_code"],
        row["error_message"],
        row["read_only"],
        row["type"],
        record_of(row),
        Place(row["object"], row["record"], row["object_digest"] or ""),
        row["host"],
    )


def actor_of(row: Mapping[str, Any]) -> Actor:
    """Give the actor of a row."""
    method, confidence = Method(row["method"]), Confidence(row["confidence"])
    return Actor(row["person"], row["principal"], method, confidence, row["why"], traced=row["traced"])


def rows_of(table: pa.Table | pa.RecordBatch) -> list[dict[str, Any]]:
    """Give the rows of a table. Shared texts are written out first, which is several times as fast."""
    names = table.schema.names
    plain = [column.cast(pa.string()) if column.type == WORDS else column for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*(column.to_pylist() for column in plain), strict=True)]


def attributed_of(batch: pa.RecordBatch) -> Iterator[Attributed]:
    """Give the events of a batch of `SCHEMA` with who it was, in its order."""
    for row in rows_of(batch):
        yield Attributed(event_of(row), actor_of(row))


def table_of(rows: Sequence[Mapping[str, Any]], schema: pa.Schema = SCHEMA) -> pa.Table:
    """Make a table of rows; columns that they lack are null."""
    columns = []
    for field in schema:
        plain = pa.string() if field.type == WORDS else field.type
        column = pa.array([row.get(field.name) for row in rows], plain)
        columns.append(column.dictionary_encode() if field.type == WORDS else column)
    return pa.table(columns, schema=schema)


def _typed(value: object, column: str) -> object:
    """Give a value if its column can hold it, else None: then `rest` holds it."""
    wanted = bool if column in ("read_only", "management") else str
    return value if isinstance(value, wanted) and value != "" else None


def _stamp(time_ms: int) -> str:
    seconds, rest = divmod(time_ms, 1000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:03}Z" if rest else f"{text}Z"


def _json(value: object) -> str | None:
    return None if value is None else json_text(value)


def json_text(value: object) -> str:
    """Write a value as JSON. Numbers that JSON has no word for become texts; what is no Unicode is escaped."""
    try:
        text = msgspec.json.encode(value)
    except (OverflowError, UnicodeEncodeError):
        # An integer of more than 64 bits, or text that is no Unicode: neither is wrong in JSON.
        return _quoted(json.dumps(value))
    # The encoder writes null for them; look again only where it did.
    return _quoted(json.dumps(value)) if b"null" in text else text.decode()


def _quoted(text: str) -> str:
    return _UNWORDED.sub(lambda found: f'"{found[1]}"' if found[1] else found[0], text)


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        # A number too large for a double: infinite, as other readers have it.
        return json.loads(text)
