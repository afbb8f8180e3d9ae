"""Whether a tenant hides what rejection notes reject; those that are there go on showing it.

The column is added in place: to copy the table, as a batch does, would delete what refers to its rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column: sa.Column[bool] = sa.Column(
        "hide_rejected", sa.Boolean(), nullable=False, server_default=sa.false(), comment="by rejection notes"
    )
    op.add_column("tenants", column)
