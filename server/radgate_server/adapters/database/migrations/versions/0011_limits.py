"""Limits of tenants and keys, and what was used of daily quotas."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "limits",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("key_id", sa.String(12), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_limits_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "key_id", name="pk_limits"),
    )
    op.create_table(
        "quota_usage",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False, comment="date of UTC, 1 for 0001-01-01"),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "tenant_id", "key_id", name="pk_quota_usage"),
    )
