"""Plans that wait for a person, and who approved them.

Locks: none; the tables are new.
"""

import sqlalchemy as sa
from alembic import op


revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "proposals",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("revision", sa.String(64), nullable=False),
        sa.Column("people", sa.Integer, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("turned_at", sa.String(32), nullable=True),
        sa.Column("turned_by", sa.Text, nullable=True),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_table(
        "proposal_approvals",
        sa.Column("proposal", sa.String(32), primary_key=True),
        sa.Column("by", sa.String(255), primary_key=True),
        sa.Column("at", sa.String(32), nullable=False),
    )
    op.create_index("proposals_by_state", "proposals", ["state"])


def downgrade() -> None:
    """Take them away."""
    for table in ("proposal_approvals", "proposals"):
        op.drop_table(table)
