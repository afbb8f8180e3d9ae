"""How far those have got who keep the audit trail too, and which server sends to them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

receiver = sa.String(64)


def upgrade() -> None:
    op.create_table(
        "audit_exports",
        sa.Column("receiver", receiver, nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="of the last record that it has"),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="that record's"),
        sa.PrimaryKeyConstraint("receiver", "tenant_id", name="pk_audit_exports"),
    )
    op.create_table(
        "audit_export_holders",
        sa.Column("receiver", receiver, nullable=False),
        sa.Column("holder", sa.String(16), nullable=False, comment="the process that sends"),
        sa.Column("until_s", sa.Float(), nullable=False, comment="Unix time at which another one may"),
        sa.PrimaryKeyConstraint("receiver", name="pk_audit_export_holders"),
    )
