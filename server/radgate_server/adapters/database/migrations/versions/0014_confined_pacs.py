"""PACS whose hosts an administrator of one tenant chose; those that are there already stay free, as they were."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("pacs") as pacs:
        pacs.add_column(
            sa.Column(
                "confined",
                sa.Boolean(),
                nullable=False,
                server_default=sa.false(),
                comment="kept out of private networks",
            )
        )
