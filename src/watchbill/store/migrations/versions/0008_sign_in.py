"""Who people are at the identity provider, sign-ins under way, one-time links, and who is signed in.

Locks: none; the tables are new.
"""

import sqlalchemy as sa
from alembic import op


revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sign_in_pins",
        sa.Column("person", sa.String(255), primary_key=True),
        sa.Column("issuer", sa.String(255), primary_key=True),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("pinned_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "sign_in_tries",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("browser", sa.String(64), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("verifier", sa.String(128), nullable=False),
        sa.Column("goes_to", sa.Text, nullable=False),
        sa.Column("fresh", sa.Integer, nullable=False),
        sa.Column("begun_at", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "sign_in_links",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "web_sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(255), nullable=False),
        sa.Column("issuer", sa.Text, nullable=True),
        sa.Column("groups", sa.Text, nullable=False),
        sa.Column("begun_at", sa.String(32), nullable=False),
        sa.Column("seen_at", sa.String(32), nullable=False),
        sa.Column("ends_at", sa.String(32), nullable=False),
        sa.Column("proof", sa.Text, nullable=True),
    )
    op.create_index("sign_in_pins_by_subject", "sign_in_pins", ["issuer", "subject"], unique=True)
    op.create_index("web_sessions_by_end", "web_sessions", ["ends_at"])


def downgrade() -> None:
    """Take them away."""
    for table in ("web_sessions", "sign_in_links", "sign_in_tries", "sign_in_pins"):
        op.drop_table(table)
