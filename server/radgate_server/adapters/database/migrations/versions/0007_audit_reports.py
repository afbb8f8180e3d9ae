"""An index of the audit trail beside it, and schedules of reports on it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "audit_index",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("term", sa.String(), nullable=False),
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "term", "block", name="pk_audit_index"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_indexed",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="of the last record that is indexed"),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="its place in the chain"),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_audit_indexed"),
    )
    create_report_schedules()


def create_report_schedules() -> None:
    op.create_table(
        "report_schedules",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False, comment="what is told, when, and to whom"),
        sa.Column(
            "due_time", moment, nullable=False, comment="the moment that it is planned for; the period ends there"
        ),
        sa.Column("try_time", moment, nullable=False, comment="when it is tried: due_time, or later when it failed"),
        sa.Column("held_until", moment, comment="a server works on it until then"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("pending", sa.JSON(none_as_null=True), comment="receivers that do not have this run yet; null: all"),
        sa.Column("last_run_time", moment),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], ondelete="CASCADE", name="fk_report_schedules_tenant_id"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "name", name="pk_report_schedules"),
    )
