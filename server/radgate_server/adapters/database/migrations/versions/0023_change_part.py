"""Which part of a study or tenant an invalidation concerns. The version before ignores it, and drops all of either."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "changes",
        sa.Column(
            "part",
            sa.String(),
            nullable=False,
            server_default="",
            comment="of the study or tenant that is invalidated",
        ),
    )
