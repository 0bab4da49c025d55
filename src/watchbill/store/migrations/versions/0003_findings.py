"""What AWS's own detectors found.

Locks: none of note, the table is new.
"""

import sqlalchemy as sa
from alembic import op


revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "findings",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("first_ms", sa.BigInteger, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
        sa.Column("says_who", sa.Integer, nullable=False),
        sa.Column("person", sa.Text, nullable=True),
        sa.Column("case_id", sa.String(32), nullable=True),
        sa.Column("audited", sa.Integer, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_index("findings_by_audited", "findings", ["audited"])
    op.create_index("findings_by_last", "findings", ["last_ms"])


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("findings")
