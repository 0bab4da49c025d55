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
    Column("settled", Integer, nullable=False, server_default="1"),
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
    Column("stand", String(16), nullable=False, server_default="asked"),
    Column("peer", Text, nullable=True),
    Column("confirmed_at", String(32), nullable=True),
    Column("confirmed_by", Text, nullable=True),
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
    Column("applied_at", String(32), nullable=True),
    Column("rechecks", Integer, nullable=False, server_default="0"),
    Column("mended", Integer, nullable=False, server_default="0"),
)

containments = Table(
    "containments",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("person", Text, nullable=False),
    Column("case_id", String(32), nullable=True),
    Column("at", String(32), nullable=False),
    Column("by", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("confirmed_at", String(32), nullable=True),
    Column("confirmed_by", Text, nullable=True),
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

outbox = Table(
    "outbox",
    METADATA,
    Column("key", String(255), primary_key=True),
    Column("channel", String(64), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("to", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", String(32), nullable=False),
    Column("made_at", String(32), nullable=False),
    Column("sent_at", String(32), nullable=True),
    Column("reference", Text, nullable=True),
    Column("error", Text, nullable=True),
    Column("case_id", String(32), nullable=True),
    Index("outbox_by_state", "state", "number"),
    Index("outbox_by_case", "case_id"),
    Index("outbox_by_number", "number"),
)

clicks = Table(
    "clicks",
    METADATA,
    Column("id", String(255), primary_key=True),
    Column("source", String(16), nullable=False),
    Column("actor", Text, nullable=False),
    Column("standing", String(16), nullable=False),
    Column("action", Text, nullable=False),
    Column("case_id", String(32), nullable=True),
    Column("at", String(32), nullable=False),
    Column("reference", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reply", Text, nullable=True),
    Column("worked_at", String(32), nullable=True),
    Index("clicks_by_state", "state", "at"),
)

identities = Table(
    "identities",
    METADATA,
    Column("person", String(255), primary_key=True),
    Column("team", String(32), nullable=False),
    Column("user", String(32), nullable=False),
    Column("pinned_at", String(32), nullable=False),
    Index("identities_by_user", "team", "user", unique=True),
)

center_users = Table(
    "center_users",
    METADATA,
    Column("store", String(64), primary_key=True),
    Column("person", String(255), primary_key=True),
    Column("user", String(64), nullable=False),
    Column("seen_at", String(32), nullable=False),
)

answer_links = Table(
    "answer_links",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("case_id", String(32), nullable=False),
    Column("person", Text, nullable=False),
    Column("expires_at", String(32), nullable=False),
    Column("used_at", String(32), nullable=True),
)

sign_in_pins = Table(
    "sign_in_pins",
    METADATA,
    Column("person", String(255), primary_key=True),
    Column("issuer", String(255), primary_key=True),
    Column("subject", String(255), nullable=False),
    Column("pinned_at", String(32), nullable=False),
    Index("sign_in_pins_by_subject", "issuer", "subject", unique=True),
)

sign_in_tries = Table(
    "sign_in_tries",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("browser", String(64), nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("verifier", String(128), nullable=False),
    Column("goes_to", Text, nullable=False),
    Column("fresh", Integer, nullable=False),
    Column("begun_at", String(32), nullable=False),
    Column("expires_at", String(32), nullable=False),
)

sign_in_links = Table(
    "sign_in_links",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("person", Text, nullable=False),
    Column("expires_at", String(32), nullable=False),
)

web_sessions = Table(
    "web_sessions",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("person", String(255), nullable=False),
    Column("issuer", Text, nullable=True),
    Column("groups", Text, nullable=False),
    Column("begun_at", String(32), nullable=False),
    Column("seen_at", String(32), nullable=False),
    Column("ends_at", String(32), nullable=False),
    Column("proof", Text, nullable=True),
    Index("web_sessions_by_end", "ends_at"),
)

mutes = Table(
    "mutes",
    METADATA,
    Column("case_id", String(32), primary_key=True),
    Column("rule", String(255), primary_key=True),
    Column("access_key", String(128), primary_key=True),
    Column("person", Text, nullable=False),
    Column("start", String(32), nullable=False),
    Column("end", String(32), nullable=False),
)

requests = Table(
    "requests",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("person", Text, nullable=False),
    Column("at", String(32), nullable=False),
    Column("expires_at", String(32), nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("decided_at", String(32), nullable=True),
    Column("decided_by", Text, nullable=True),
    Column("effective_at", String(32), nullable=True),
    Column("late_at", String(32), nullable=True),
    Column("ended_at", String(32), nullable=True),
    Column("ended_by", Text, nullable=True),
    Index("requests_by_state", "state", "at"),
)

proposals = Table(
    "proposals",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("at", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("revision", String(64), nullable=False),
    Column("people", Integer, nullable=False),
    Column("turned_at", String(32), nullable=True),
    Column("turned_by", Text, nullable=True),
    Column("why", Text, nullable=False),
    Column("review", String(32), nullable=True),
    Column("shown", Text, nullable=True),
    Index("proposals_by_state", "state"),
)

proposal_plans = Table(
    "proposal_plans",
    METADATA,
    Column("proposal", String(32), primary_key=True),
    Column("payload", Text, nullable=False),
)

proposal_approvals = Table(
    "proposal_approvals",
    METADATA,
    Column("proposal", String(32), primary_key=True),
    Column("by", String(255), primary_key=True),
    Column("at", String(32), nullable=False),
)

reviews = Table(
    "reviews",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("at", String(32), nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("due_at", String(32), nullable=False),
    Column("payload", Text, nullable=False),
)

review_decisions = Table(
    "review_decisions",
    METADATA,
    Column("review_id", String(32), primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("keeps", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", String(32), nullable=False),
)

review_signatures = Table(
    "review_signatures",
    METADATA,
    Column("review_id", String(32), primary_key=True),
    Column("entry", Integer, primary_key=True),
    Column("reviewer", Text, nullable=False),
    Column("at", String(32), nullable=False),
    Column("rows", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)

readings = Table(
    "readings",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("about", String(255), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("since", String(32), nullable=False),
    Column("seen_at", String(32), nullable=False),
    Column("by", Text, nullable=False),
    Column("content", Text, nullable=False),
    Index("readings_by_about", "about", "number"),
)
