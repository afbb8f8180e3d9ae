"""What was prefetched, and how many bytes a job has fetched."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prefetched_studies",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("batch_id", sa.String(16), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "source", sa.String(63), nullable=False, comment="the rule that chose it; api: somebody asked for it"
        ),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("instances", sa.Integer(), nullable=False),
        sa.Column("fetched_instances", sa.Integer(), nullable=False),
        sa.Column("failed_instances", sa.Integer(), nullable=False),
        sa.Column("fetched_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "batch_id", "study_instance_uid", name="pk_prefetched_studies"),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tenants.tenant_id"],
            name="fk_prefetched_studies_tenant_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_prefetched_studies_tenant_id_time", "prefetched_studies", ["tenant_id", "time"])
    op.create_index("ix_prefetched_studies_time", "prefetched_studies", ["time"])
    op.add_column(
        "jobs",
        sa.Column(
            "fetched_bytes", sa.BigInteger(), nullable=False, server_default="0", comment="of jobs that prefetch"
        ),
    )
