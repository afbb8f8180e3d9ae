"""Which server fetches a study for all, and where the others ask it for instances."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "members",
        sa.Column("address", sa.String(), nullable=False, server_default="", comment="host:port for other members"),
    )
    op.create_table(
        "study_holders",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("member_id", sa.String(32), nullable=False, comment="fetches the study from its PACS for all"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "study_instance_uid", name="pk_study_holders"),
    )
    op.create_index("ix_study_holders_since", "study_holders", ["since"])
