"""What is looked at again after a freeze, and what takes two people.

Locks: `freezes` for as long as its few rows take; the other table is new.
"""

import sqlalchemy as sa
from alembic import op


revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and let freezes tell when they were carried out."""
    op.add_column("freezes", sa.Column("applied_at", sa.String(32), nullable=True))
    for name in ("rechecks", "mended"):
        op.add_column("freezes", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    # Those that were there were carried out long ago, and looked at.
    op.execute("UPDATE freezes SET applied_at = start, rechecks = 3")
    op.create_table(
        "containments",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("case_id", sa.String(32), nullable=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("confirmed_at", sa.String(32), nullable=True),
        sa.Column("confirmed_by", sa.Text, nullable=True),
        sa.Column("payload", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Take the table away, and what freezes tell."""
    op.drop_table("containments")
    for name in ("mended", "rechecks", "applied_at"):
        op.drop_column("freezes", name)
