"""The tables. Instants are ISO-8601 text with `Z`; payloads are JSON text; key columns are typed."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text


METADATA = MetaData()

ledger = Table(
    "ledger",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("actor", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
)

revisions = Table(
    "revisions",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("at", String(32), nullable=False),
    Column("by", Text, nullable=False),
    Column("text", Text, nullable=False),
)

cases = Table(
    "cases",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("opened_at", String(32), nullable=False),
    Column("updated_at", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("person", Text, nullable=True),
    Column("note", Text, nullable=False),
    Column("payload", Text, nullable=False),
)

questions = Table(
    "questions",
    METADATA,
    Column("case_id", String(32), primary_key=True),
    Column("person", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("asked_at", String(32), nullable=False),
    Column("deadline_at", String(32), nullable=False),
    Column("answer", String(8), nullable=True),
    Column("answered_at", String(32), nullable=True),
    Column("answered_by", Text, nullable=True),
    Index("questions_by_deadline", "deadline_at"),
)

freezes = Table(
    "freezes",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("person", Text, nullable=False),
    Column("start", String(32), nullable=False),
    Column("end", String(32), nullable=True),
    Column("case_id", String(32), nullable=True),
    Column("payload", Text, nullable=False),
)

findings = Table(
    "findings",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("updated_at", String(32), nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("says_who", Integer, nullable=False),
    Column("person", Text, nullable=True),
    Column("case_id", String(32), nullable=True),
    Column("audited", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Index("findings_by_audited", "audited"),
    Index("findings_by_last", "last_ms"),
)

steps = Table(
    "steps",
    METADATA,
    Column("plan", String(32), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("call", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("error", Text, nullable=True),
)

feed_copies = Table(
    "feed_copies",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("feed", Text, nullable=False),
    Column("fetched_at", String(32), nullable=False),
    Column("source", String(16), nullable=False),
    Column("form", String(16), nullable=False),
    Column("etag", Text, nullable=True),
    Column("modified", Text, nullable=True),
    Column("digest", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    Column("since", String(32), nullable=True),
    Index("feed_copies_by_feed", "feed", "state"),
)

feed_tries = Table(
    "feed_tries",
    METADATA,
    Column("feed", Text, primary_key=True),
    Column("at", String(32), nullable=False),
    Column("error", Text, nullable=True),
    Column("failing_since", String(32), nullable=True),
)

leases = Table(
    "leases",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("holder", Text, nullable=False),
    Column("token", Integer, nullable=False),
    Column("until", String(32), nullable=False),
)
