"""Limits of principals of any kind, whose names are longer than those of API keys."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("limits") as limits:
        limits.alter_column("key_id", existing_type=sa.String(12), type_=sa.String(), existing_nullable=False)
