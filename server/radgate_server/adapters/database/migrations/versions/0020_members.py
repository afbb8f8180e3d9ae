"""The servers that share the database."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "members",
        sa.Column("member_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(), nullable=False, comment="of its machine"),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("dicom_aet", sa.String(16), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "lease_end_time",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="it has announced itself by then, or is gone",
        ),
        sa.PrimaryKeyConstraint("member_id", name="pk_members"),
    )
