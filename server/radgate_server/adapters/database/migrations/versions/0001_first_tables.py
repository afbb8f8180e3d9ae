"""Tenants, keys, PACS, changes and the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A migration is history: it repeats what schema.py said that day instead of importing what it says today.
row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_tenants()
    create_keys()
    create_pacs()
    create_changes()
    create_audit_entries()


def create_tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("create_time", moment, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenants"),
    )


def create_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("number", row_number, autoincrement=True, nullable=False, comment="order of creation"),
        sa.Column("key_id", sa.String(12), nullable=False),
        sa.Column("every_tenant", sa.Boolean(), nullable=False),
        sa.Column("role", sa.SmallInteger(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("create_time", moment, nullable=False),
        sa.Column("revoke_time", moment),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_api_keys"),
        sa.UniqueConstraint("key_id", name="uq_api_keys_key_id"),
    )
    op.create_table(
        "api_key_tenants",
        sa.Column("key_id", sa.String(12), nullable=False),
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False, comment="from 0; the first is the key's default"),
        sa.PrimaryKeyConstraint("key_id", "tenant_id", name="pk_api_key_tenants"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.key_id"], ondelete="CASCADE", name="fk_api_key_tenants_key_id"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], ondelete="CASCADE", name="fk_api_key_tenants_tenant_id"
        ),
    )
    op.create_index("ix_api_key_tenants_tenant_id", "api_key_tenants", ["tenant_id"])


def create_pacs() -> None:
    op.create_table(
        "pacs",
        sa.Column("number", row_number, autoincrement=True, nullable=False, comment="order of creation"),
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column(
            "connection",
            sa.JSON(),
            nullable=False,
            comment="PacsConnection, told apart by kind, without the password",
        ),
        sa.Column("sealed_password", sa.LargeBinary()),
        sa.Column("create_time", moment, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_pacs"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_pacs_tenant_id_name"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], ondelete="CASCADE", name="fk_pacs_tenant_id"),
        sqlite_autoincrement=True,
    )


def create_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("sequence", row_number, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("time", moment, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_changes_time", "changes", ["time"])
    op.create_index("ix_changes_kind_tenant_id_subject", "changes", ["kind", "tenant_id", "subject"])


def create_audit_entries() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("number", row_number, autoincrement=True, nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False, comment="microseconds since 1970-01-01T00:00Z"),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("study_instance_uid", sa.String(), nullable=False),
        sa.Column("series_instance_uid", sa.String(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_entries"),
    )
