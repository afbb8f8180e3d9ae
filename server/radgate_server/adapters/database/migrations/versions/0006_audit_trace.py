"""The trace that a record of the audit trail belongs to; records without one keep their canonical form 1."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "audit_entries",
        sa.Column("trace_id", sa.String(), comment="null: the record's canonical form is 1, which has no trace"),
    )
