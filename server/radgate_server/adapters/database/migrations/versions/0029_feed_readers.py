"""Those who read the feed of changes for the whole installation."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feed_readers",
        sa.Column("reader", sa.String(32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="of the last change that was read for it"),
        sa.Column("holder", sa.String(32), nullable=False, comment="the process that reads"),
        sa.Column("lease_end_time", sa.DateTime(timezone=True), nullable=False, comment="from when on another one may"),
        sa.PrimaryKeyConstraint("reader", name="pk_feed_readers"),
    )
