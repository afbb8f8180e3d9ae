"""How long records of the audit trail are kept, legal holds, and the keys of cached data with their erasure."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "audit_entries",
        sa.Column("erased_by", sa.BigInteger(), comment="sequence of the statement that says that the body was erased"),
    )
    create_retention()
    create_cache_keys()
    op.create_table(
        "cache_erasures",
        sa.Column("erasure_id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("create_time", moment, nullable=False),
        sa.Column("request", sa.JSON(), nullable=False, comment="what, by whom and why"),
        sa.Column("progress", sa.JSON(), nullable=False, comment="what is done so far"),
        sa.Column("certificate", sa.Text(), comment="null: not finished yet"),
        sa.PrimaryKeyConstraint("erasure_id", name="pk_cache_erasures"),
    )
    op.create_index("ix_cache_erasures_tenant_id_create_time", "cache_erasures", ["tenant_id", "create_time"])


def create_retention() -> None:
    op.create_table(
        "retention_rules",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False, comment="0: for good"),
        sa.PrimaryKeyConstraint("tenant_id", "kind", name="pk_retention_rules"),
    )
    op.create_table(
        "legal_holds",
        sa.Column("hold_id", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("subject", sa.String(16), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("placed_by", sa.String(), nullable=False),
        sa.Column("place_time", moment, nullable=False),
        sa.Column("released_by", sa.String(), nullable=False),
        sa.Column("release_time", moment),
        sa.Column("release_reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("hold_id", name="pk_legal_holds"),
    )
    op.create_index("ix_legal_holds_tenant_id", "legal_holds", ["tenant_id"])


def create_cache_keys() -> None:
    op.create_table(
        "tenant_cache_keys",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="wraps the tenant's study_cache_keys"),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenant_cache_keys"),
    )
    op.create_table(
        "study_cache_keys",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column(
            "study", sa.String(32), nullable=False, comment="hash of the Study Instance UID: the name of its folder"
        ),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("patient_id", sa.String(), nullable=False, comment="of the first instance that was kept"),
        sa.PrimaryKeyConstraint("tenant_id", "study", name="pk_study_cache_keys"),
    )
    op.create_index("ix_study_cache_keys_tenant_id_patient_id", "study_cache_keys", ["tenant_id", "patient_id"])
