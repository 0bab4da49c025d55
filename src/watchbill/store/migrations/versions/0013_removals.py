"""Plans that are of the removals of a review.

Locks: `proposals`, for as long as it takes to add a column that may be null, which writes no row.
"""

import sqlalchemy as sa
from alembic import op


revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("proposals", sa.Column("review", sa.String(32), nullable=True))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("proposals", "review")
