"""Whether all of a revision is done, and who people are in Identity Center.

Locks: `revisions`, for as long as it takes to add a column with a default, which writes no row.
"""

import sqlalchemy as sa
from alembic import op


revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and make the table."""
    op.add_column("revisions", sa.Column("settled", sa.Integer, nullable=False, server_default="1"))
    op.create_table(
        "center_users",
        sa.Column("store", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(255), primary_key=True),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("seen_at", sa.String(32), nullable=False),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("center_users")
    op.drop_column("revisions", "settled")
