"""Which priors of a patient are prefetched."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prefetch_rules",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False, comment="priors at most"),
        sa.Column("max_age_days", sa.Integer(), nullable=False, comment="0: any age"),
        sa.Column("same_modality", sa.Boolean(), nullable=False),
        sa.Column("same_body_part", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "name", name="pk_prefetch_rules"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="fk_prefetch_rules_tenant_id", ondelete="CASCADE"
        ),
    )
