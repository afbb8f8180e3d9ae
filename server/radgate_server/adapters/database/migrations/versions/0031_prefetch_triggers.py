"""What sets a rule of prefetching off. The version before ignores it, and sets rules that calls alone set off."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "prefetch_rules",
        sa.Column(
            "triggers",
            sa.String(255),
            nullable=False,
            server_default="",
            comment="what sets it off besides calls, by commas",
        ),
    )
