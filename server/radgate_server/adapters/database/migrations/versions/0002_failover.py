"""Backups of PACS: policy, the active one, history, health; and the last validation of each PACS."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
moment = sa.DateTime(timezone=True)
tenant_id = sa.String(63)
pacs_name = sa.String(63)


def upgrade() -> None:
    add_to_pacs()
    create_pacs_active()
    create_pacs_transitions()
    create_pacs_statuses()


def add_to_pacs() -> None:
    # The defaults are for the PACS that are there: primaries, with the policy that new ones get too.
    for column in (
        sa.Column(
            "backup_for",
            pacs_name,
            nullable=False,
            server_default="",
            comment="the primary; empty for a primary",
        ),
        sa.Column("failover_enabled", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("failover_threshold", sa.SmallInteger(), nullable=False, server_default=sa.text("3")),
        sa.Column("failback_after_s", sa.Float(), nullable=False, server_default=sa.text("60")),
        sa.Column("validation", sa.JSON(none_as_null=True), comment="the last ValidationReport"),
    ):
        op.add_column("pacs", column)


def create_pacs_active() -> None:
    op.create_table(
        "pacs_active",
        sa.Column("tenant_id", tenant_id, nullable=False),
        sa.Column("primary_name", pacs_name, nullable=False),
        sa.Column("active", pacs_name, nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "primary_name", name="pk_pacs_active"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "primary_name"],
            ["pacs.tenant_id", "pacs.name"],
            ondelete="CASCADE",
            name="fk_pacs_active_primary_name",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "active"],
            ["pacs.tenant_id", "pacs.name"],
            ondelete="CASCADE",
            name="fk_pacs_active_active",
        ),
    )


def create_pacs_transitions() -> None:
    op.create_table(
        "pacs_transitions",
        sa.Column("number", row_number, autoincrement=True, nullable=False),
        sa.Column("tenant_id", tenant_id, nullable=False),
        sa.Column("time", moment, nullable=False),
        sa.Column("primary_name", pacs_name, nullable=False),
        sa.Column("from_pacs", pacs_name, nullable=False),
        sa.Column("to_pacs", pacs_name, nullable=False),
        sa.Column("cause", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_pacs_transitions"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], ondelete="CASCADE", name="fk_pacs_transitions_tenant_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_pacs_transitions_tenant_id_primary_name", "pacs_transitions", ["tenant_id", "primary_name"])


def create_pacs_statuses() -> None:
    op.create_table(
        "pacs_statuses",
        sa.Column("tenant_id", tenant_id, nullable=False),
        sa.Column("name", pacs_name, nullable=False),
        sa.Column("time", moment, nullable=False),
        sa.Column("status", sa.JSON(), nullable=False, comment="the rest of the PacsStatus"),
        sa.PrimaryKeyConstraint("tenant_id", "name", name="pk_pacs_statuses"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "name"], ["pacs.tenant_id", "pacs.name"], ondelete="CASCADE", name="fk_pacs_statuses_name"
        ),
    )
