"""API keys that are for some studies alone."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Keys that are there are for every study, as before.
    op.add_column(
        "api_keys",
        sa.Column("restriction", sa.JSON(none_as_null=True), comment="the StudyRestriction; null: every study"),
    )
