"""How urgent jobs are, and which are paused."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "jobs",
        sa.Column(
            "urgency", sa.SmallInteger(), nullable=False, server_default="1", comment="its class: 0 is the most urgent"
        ),
    )
    op.add_column(
        "jobs",
        sa.Column(
            "paused",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="not to be run until it is resumed",
        ),
    )
