"""Packs of instances in an object store."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "packs",
        sa.Column("object_key", sa.String(200), nullable=False),
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("study", sa.String(32), nullable=False, comment="hash of its UID"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("instances", sa.Integer(), nullable=False, comment="that it owned at first"),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("use_time", sa.DateTime(timezone=True), nullable=False, comment="coarse: it orders evictions"),
        sa.Column(
            "seen",
            sa.BigInteger(),
            nullable=False,
            comment="last change that was applied when it was fetched",
        ),
        sa.Column(
            "state",
            sa.LargeBinary(),
            nullable=False,
            comment="what the PACS said of the study before it was fetched",
        ),
        sa.PrimaryKeyConstraint("object_key", name="pk_packs"),
    )
    for columns in (["create_time"], ["tenant_id", "study"], ["tenant_id", "use_time"]):
        op.create_index(f"ix_packs_{'_'.join(columns)}", "packs", columns)
    op.create_table(
        "packed_instances",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("study", sa.String(32), nullable=False),
        sa.Column("instance", sa.String(32), nullable=False, comment="hash of its UID and its series's"),
        sa.Column("series", sa.String(32), nullable=False, comment="hash of its UID"),
        sa.Column("object_key", sa.String(200), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False, comment="of its sealed bytes within the object"),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("checksum", sa.BigInteger(), nullable=False, comment="CRC-32C of the sealed bytes"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False, comment="of the DICOM file"),
        sa.Column("crc32c", sa.BigInteger(), nullable=False, comment="of the DICOM file"),
        sa.Column("uids", sa.LargeBinary(), nullable=False, comment="SOP class and transfer syntax, a JSON array"),
        sa.Column("head", sa.LargeBinary(), nullable=False, comment="what the sealed bytes begin with"),
        sa.ForeignKeyConstraint(
            ["object_key"], ["packs.object_key"], name="fk_packed_instances_object_key", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "study", "instance", name="pk_packed_instances"),
    )
    op.create_index("ix_packed_instances_object_key", "packed_instances", ["object_key"])
