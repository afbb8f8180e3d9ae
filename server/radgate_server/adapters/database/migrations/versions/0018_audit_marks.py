"""Break-glass and the same family name as fields of a record; older records keep their canonical forms 1 and 2."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, comment in (
        ("break_glass", "null: the record's canonical form is older than 3"),
        ("same_family_name", "yes or empty; null: the record's canonical form is older than 3"),
    ):
        op.add_column("audit_entries", sa.Column(name, sa.String(), comment=comment))
