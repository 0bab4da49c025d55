"""Copies of outside schedules, and the last try to fetch each.

Locks: none of note, both tables are new.
"""

import sqlalchemy as sa
from alembic import op


revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "feed_copies",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("feed", sa.Text, nullable=False),
        sa.Column("fetched_at", sa.String(32), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("form", sa.String(16), nullable=False),
        sa.Column("etag", sa.Text, nullable=True),
        sa.Column("modified", sa.Text, nullable=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("since", sa.String(32), nullable=True),
    )
    op.create_index("feed_copies_by_feed", "feed_copies", ["feed", "state"])
    op.create_table(
        "feed_tries",
        sa.Column("feed", sa.Text, primary_key=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("error", sa.Text, nullable=True),
        sa.Column("failing_since", sa.String(32), nullable=True),
    )


def downgrade() -> None:
    """Take both tables away."""
    op.drop_table("feed_tries")
    op.drop_table("feed_copies")
