"""Which studies were accessed, by hour, kind and tier."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "study_accesses",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False, comment="its begin"),
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False, comment="what was asked for: retrieve, frames, ..."),
        sa.Column("tier", sa.String(16), nullable=False, comment="the farthest one needed; pacs: it was in none"),
        sa.Column("accesses", sa.Integer(), nullable=False),
        sa.Column("sent_bytes", sa.BigInteger(), nullable=False),
        sa.Column("fetched_bytes", sa.BigInteger(), nullable=False),
        sa.Column("waited_ms", sa.BigInteger(), nullable=False, comment="for what was fetched"),
        sa.Column(
            "modality", sa.String(64), nullable=False, server_default="", comment="Modalities in Study, if known"
        ),
        sa.Column(
            "patient",
            sa.String(32),
            nullable=False,
            server_default="",
            comment="keyed digest of Patient ID, if known",
        ),
        sa.PrimaryKeyConstraint("hour", "tenant_id", "study_instance_uid", "kind", "tier", name="pk_study_accesses"),
    )
    op.create_index(
        "ix_study_accesses_tenant_id_study_instance_uid", "study_accesses", ["tenant_id", "study_instance_uid"]
    )
