"""Which requests of an edge's log are in the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_imports",
        sa.Column("request_id", sa.String(100), nullable=False, comment="of the edge; its record is in the trail"),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_audit_imports"),
    )
    op.create_index("ix_audit_imports_time", "audit_imports", ["time"])
