"""What is told to people and what they press; who they are in Slack; where questions stand; mutes.

Locks: `questions` for as long as its few rows take; the other tables are new.
"""

import sqlalchemy as sa
from alembic import op


revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and say of each question where it stands."""
    op.add_column("questions", sa.Column("stand", sa.String(16), nullable=False, server_default="asked"))
    for name, kind in (("peer", sa.Text), ("confirmed_at", sa.String(32)), ("confirmed_by", sa.Text)):
        op.add_column("questions", sa.Column(name, kind, nullable=True))
    op.execute("UPDATE questions SET stand = 'decided' WHERE case_id IN (SELECT id FROM cases WHERE status = 'closed')")
    op.execute("UPDATE questions SET stand = 'escalated' WHERE stand = 'asked' AND answer IS NOT NULL")
    op.execute(
        "UPDATE questions SET stand = 'silent' WHERE stand = 'asked'"
        " AND case_id IN (SELECT id FROM cases WHERE status <> 'asked')"
    )
    op.create_table(
        "outbox",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("channel", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("to", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_at", sa.String(32), nullable=False),
        sa.Column("made_at", sa.String(32), nullable=False),
        sa.Column("sent_at", sa.String(32), nullable=True),
        sa.Column("reference", sa.Text, nullable=True),
        sa.Column("error", sa.Text, nullable=True),
        sa.Column("case_id", sa.String(32), nullable=True),
    )
    op.create_table(
        "clicks",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("standing", sa.String(16), nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("case_id", sa.String(32), nullable=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reply", sa.Text, nullable=True),
        sa.Column("worked_at", sa.String(32), nullable=True),
    )
    op.create_table(
        "identities",
        sa.Column("person", sa.String(255), primary_key=True),
        sa.Column("team", sa.String(32), nullable=False),
        sa.Column("user", sa.String(32), nullable=False),
        sa.Column("pinned_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "answer_links",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("case_id", sa.String(32), nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False),
        sa.Column("used_at", sa.String(32), nullable=True),
    )
    op.create_table(
        "mutes",
        sa.Column("case_id", sa.String(32), primary_key=True),
        sa.Column("rule", sa.String(255), primary_key=True),
        sa.Column("access_key", sa.String(128), primary_key=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("start", sa.String(32), nullable=False),
        sa.Column("end", sa.String(32), nullable=False),
    )
    op.create_index("outbox_by_state", "outbox", ["state", "number"])
    op.create_index("outbox_by_number", "outbox", ["number"])
    op.create_index("outbox_by_case", "outbox", ["case_id"])
    op.create_index("clicks_by_state", "clicks", ["state", "at"])
    op.create_index("identities_by_user", "identities", ["team", "user"], unique=True)


def downgrade() -> None:
    """Take them away."""
    for table in ("mutes", "answer_links", "identities", "clicks", "outbox"):
        op.drop_table(table)
    with op.batch_alter_table("questions") as questions:
        for name in ("confirmed_by", "confirmed_at", "peer", "stand"):
            questions.drop_column(name)
