"""Plans that wait beside what is said of them, since they are large, and what pages show of them.

Locks: `proposals`, for as long as it takes to copy the plans and to drop their column.
"""

import sqlalchemy as sa
from alembic import op


revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the plans into a table of their own."""
    op.create_table(
        "proposal_plans",
        sa.Column("proposal", sa.String(32), primary_key=True),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.execute("INSERT INTO proposal_plans (proposal, payload) SELECT id, payload FROM proposals")
    op.drop_column("proposals", "payload")
    op.add_column("proposals", sa.Column("shown", sa.Text, nullable=True))


def downgrade() -> None:
    """Move them back."""
    op.drop_column("proposals", "shown")
    op.add_column("proposals", sa.Column("payload", sa.Text, nullable=False, server_default=""))
    op.execute("UPDATE proposals SET payload = (SELECT payload FROM proposal_plans WHERE proposal = proposals.id)")
    op.drop_table("proposal_plans")
