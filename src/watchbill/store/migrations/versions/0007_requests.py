"""What people ask for, for a while, and what became of it.

Locks: none; the table is new.
"""

import sqlalchemy as sa
from alembic import op


revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "requests",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("decided_at", sa.String(32), nullable=True),
        sa.Column("decided_by", sa.Text, nullable=True),
        sa.Column("effective_at", sa.String(32), nullable=True),
        sa.Column("late_at", sa.String(32), nullable=True),
        sa.Column("ended_at", sa.String(32), nullable=True),
        sa.Column("ended_by", sa.Text, nullable=True),
    )
    op.create_index("requests_by_state", "requests", ["state", "at"])


def downgrade() -> None:
    """Take it away."""
    op.drop_table("requests")
