"""How long accesses took until their first byte left. The version before counts on, and leaves it 0.

A column with a constant default rewrites no table, in PostgreSQL as in SQLite.
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "study_accesses",
        sa.Column(
            "first_byte_us",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="until the first byte left",
        ),
    )
