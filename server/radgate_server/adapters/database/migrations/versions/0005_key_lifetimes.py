"""API keys that end, that were used, and that were rotated."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None

moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    # Keys that are there have no end, as before.
    for column in (
        sa.Column("expire_time", moment),
        sa.Column("last_use_time", moment),
        sa.Column(
            "replaced_by", sa.String(12), nullable=False, server_default="", comment="the key that it was rotated to"
        ),
    ):
        op.add_column("api_keys", column)
