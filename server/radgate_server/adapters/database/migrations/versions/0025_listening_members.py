"""Whether a server listens for what C-MOVE asks for. One of the version before always does."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "members",
        sa.Column(
            "listens",
            sa.Boolean(),
            nullable=False,
            server_default=sa.true(),
            comment="for what C-MOVE asks for, as dicom_aet",
        ),
    )
