"""Jobs, which outlive the process that took them, and whose turn it is."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
            comment="order of submission",
        ),
        sa.Column("job_id", sa.String(16), nullable=False),
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("request_id", sa.String(), comment="null: the client gave none"),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("series_instance_uid", sa.String(64), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("traceparent", sa.String(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("failures", sa.JSON(), nullable=False, comment="counts of instances by reason"),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True)),
        sa.Column("end_time", sa.DateTime(timezone=True)),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=False, comment="a waiting job is not begun before"),
        sa.Column("lease", sa.String(32), comment="who runs it knows this"),
        sa.Column(
            "lease_end_time", sa.DateTime(timezone=True), comment="whoever runs it has renewed by then, or is gone"
        ),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_jobs_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number", name="pk_jobs"),
        sa.UniqueConstraint("job_id", name="uq_jobs_job_id"),
        sa.UniqueConstraint("tenant_id", "request_id", name="uq_jobs_tenant_id_request_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_state_due_time", "jobs", ["state", "due_time"])
    op.create_index("ix_jobs_tenant_id_end_time", "jobs", ["tenant_id", "end_time"])
    op.create_index("ix_jobs_end_time", "jobs", ["end_time"])
    op.create_index("ix_jobs_lease", "jobs", ["lease"])
    op.create_table(
        "job_turns",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column(
            "claim_time", sa.DateTime(timezone=True), comment="when a job of the tenant was begun last; null: never"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="fk_job_turns_tenant_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_job_turns"),
    )
