"""Tables that grow with what an archive is used for, and how migrations add indexes to them."""

from collections.abc import Sequence

from alembic import op
from sqlalchemy import Connection, literal, select, table, text

LARGE_TABLES = frozenset(
    {
        "audit_entries",
        "audit_index",
        "packed_instances",
        "packs",
        "prefetched_studies",
        "study_accesses",
        "study_cache_keys",
    }
)
"""Building an index on one of them takes from seconds to hours."""

_INVALID = text("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid")


def add_index(name: str, table_name: str, columns: Sequence[str]) -> None:
    """Add an index to a large table, in a migration, without holding up who writes to it.

    PostgreSQL builds it outside of a transaction if the table has rows. So call this before anything else in a
    migration: what stands before it would be committed, and done again after a failure. What an attempt that was
    ended has left, which PostgreSQL calls invalid, is dropped first.
    """
    connection = op.get_bind()
    if connection.dialect.name != "postgresql" or not (_has_rows(connection, table_name) or _is_left(connection, name)):
        op.create_index(name, table_name, columns, if_not_exists=True)
        return
    with op.get_context().autocommit_block():
        if _is_left(op.get_bind(), name):
            op.drop_index(name, table_name, postgresql_concurrently=True)
        op.create_index(name, table_name, columns, postgresql_concurrently=True, if_not_exists=True)


def _has_rows(connection: Connection, table_name: str) -> bool:
    one = select(literal(1)).select_from(table(table_name)).limit(1)
    return connection.scalar(one) is not None


def _is_left(connection: Connection, name: str) -> bool:
    return connection.scalar(_INVALID, {"name": name}) is not None
