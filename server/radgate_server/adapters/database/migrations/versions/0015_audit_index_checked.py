"""How many entries the audit trail's index has, so that searches notice missing ones; a way to them by block."""

import sqlalchemy as sa
from alembic import op

from radgate_server.adapters.database.large_tables import add_index

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_index("ix_audit_index_block_tenant_id", "audit_index", ["block", "tenant_id"])
    comment = "rows of audit_index, for searches to compare"
    op.add_column(
        "audit_indexed", sa.Column("entries", sa.BigInteger(), nullable=False, server_default="0", comment=comment)
    )
    # What is there is believed; `radgate audit verify` compares it with the records.
    op.execute(
        "UPDATE audit_indexed SET entries ="
        " (SELECT COUNT(*) FROM audit_index WHERE audit_index.tenant_id = audit_indexed.tenant_id)"
    )
