"""Each migration leaves the schema usable by the version before: it adds, or is listed with the reason why it may."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

from radgate_server.adapters.database.connection.engine import WRITES, open_engine
from radgate_server.adapters.database.migration import config
from radgate_server.adapters.database.schema_revision import MIGRATIONS

EXCEPTIONS = {
    "0003": "begins the audit chain, by a trigger: of a time when one server had a database for itself",
    "0013": "widens a text, which what an older version writes fits into",
}
"""Migrations that do more than add. A new one needs a reason why servers of the version before continue to work."""


@dataclass(frozen=True)
class Column:
    """What a server that does not know a column, or knows it as it was, depends on."""

    type: str
    nullable: bool
    has_default: bool


@dataclass(frozen=True)
class Schema:
    """Columns by table and name; rules by table: keys, unique indexes, checks, triggers."""

    columns: Mapping[tuple[str, str], Column]
    rules: frozenset[tuple[str, str]]

    @property
    def tables(self) -> set[str]:
        """Their names."""
        return {table for table, _ in self.columns}


def read_schema(connection: sa.Connection) -> Schema:
    inspector = sa.inspect(connection)
    columns = {
        (table, found["name"]): Column(str(found["type"]), bool(found["nullable"]), found["default"] is not None)
        for table in inspector.get_table_names()
        for found in inspector.get_columns(table)
    }
    return Schema(columns, frozenset(_rules(connection, inspector)))


def _rules(connection: sa.Connection, inspector: sa.Inspector) -> Iterator[tuple[str, str]]:
    for table in inspector.get_table_names():
        yield table, f"primary key {inspector.get_pk_constraint(table)['constrained_columns']}"
        for unique in inspector.get_unique_constraints(table):
            yield table, f"unique {unique['column_names']}"
        for index in inspector.get_indexes(table):
            if index["unique"]:
                yield table, f"unique {index['column_names']}"
        for key in inspector.get_foreign_keys(table):
            yield table, f"reference {key['constrained_columns']} to {key['referred_table']}"
        for check in inspector.get_check_constraints(table):
            yield table, f"check {check['sqltext']}"
    for table, name in connection.execute(sa.text("SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'")):
        yield table, f"trigger {name}"


def not_added(before: Schema, after: Schema) -> list[str]:
    """What was done to tables that were there and a server of the version before may trip over."""
    return [
        *(f"{table}: drops it" for table in sorted(before.tables - after.tables)),
        *(
            f"{table}.{name}: {_change(column, after.columns.get((table, name)))}"
            for (table, name), column in before.columns.items()
            if table in after.tables and column != after.columns.get((table, name))
        ),
        *(
            f"{table}.{name}: is new and has to be given"
            for (table, name), column in after.columns.items()
            if table in before.tables and (table, name) not in before.columns
            if not (column.nullable or column.has_default)
        ),
        *(
            f"{table}: another rule, {rule}"
            for table, rule in sorted(before.rules ^ after.rules)
            if table in before.tables & after.tables
        ),
    ]


def _change(before: Column, after: Column | None) -> str:
    return "drops it" if after is None else f"{before} becomes {after}"


def test_each_migration_only_adds(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/radgate.db")
    revisions = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]
    found = {}
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        before = read_schema(connection)
        for revision in revisions:
            command.upgrade(config(connection), revision)
            after = read_schema(connection)
            found[revision] = not_added(before, after)
            before = after
    engine.dispose()
    assert {revision: what for revision, what in found.items() if what and revision not in EXCEPTIONS} == {}
    assert {revision for revision in EXCEPTIONS if not found[revision]} == set(), "these need no exception"


def rename_column(op: Operations) -> None:
    op.alter_column("studies", "name", new_column_name="title")


def require_column(op: Operations) -> None:
    with op.batch_alter_table("studies") as studies:
        studies.alter_column("note", existing_type=sa.String(), nullable=False)


def narrow_column(op: Operations) -> None:
    with op.batch_alter_table("studies") as studies:
        studies.alter_column("name", existing_type=sa.String(64), type_=sa.String(8))


def add_check(op: Operations) -> None:
    with op.batch_alter_table("studies") as studies:
        studies.create_check_constraint("named", "name <> ''")


def add_reference(op: Operations) -> None:
    with op.batch_alter_table("studies") as studies:
        studies.create_foreign_key("of_tenant", "tenants", ["name"], ["name"])


def add_trigger(op: Operations) -> None:
    op.execute("CREATE TRIGGER guard AFTER INSERT ON studies BEGIN SELECT RAISE(ABORT, 'no'); END")


BREAKING: Mapping[str, Callable[[Operations], None]] = {
    "drops it": lambda op: op.drop_table("studies"),
    "studies.note: drops it": lambda op: op.drop_column("studies", "note"),
    "studies.name: drops it": rename_column,
    "studies.note: Column.*nullable=False": require_column,
    "studies.name: Column.*VARCHAR.8": narrow_column,
    "studies.size: is new and has to be given": lambda op: op.add_column(
        "studies", sa.Column("size", sa.Integer(), nullable=False)
    ),
    "another rule, unique": lambda op: op.create_index("one", "studies", ["name"], unique=True),
    "another rule, check": add_check,
    "another rule, reference": add_reference,
    "another rule, trigger": add_trigger,
}


def changed(change: Callable[[Operations], None]) -> list[str]:
    """What is said of a change to two small tables."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        op = Operations(MigrationContext.configure(connection))
        op.create_table("tenants", sa.Column("name", sa.String(64), primary_key=True))
        op.create_table("studies", sa.Column("name", sa.String(64), nullable=False), sa.Column("note", sa.String()))
        before = read_schema(connection)
        change(op)
        found = not_added(before, read_schema(connection))
    engine.dispose()
    return found


@pytest.mark.parametrize("complaint", BREAKING)
def test_what_the_version_before_trips_over_is_found(complaint: str) -> None:
    (first, *_) = changed(BREAKING[complaint])
    assert re.search(complaint, first)


def add_harmlessly(op: Operations) -> None:
    op.add_column("studies", sa.Column("size", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("studies", sa.Column("seen", sa.Integer()))
    op.create_index("by_note", "studies", ["note"])
    op.create_table("series", sa.Column("name", sa.String(), nullable=False, unique=True))


def test_what_only_adds_passes() -> None:
    assert changed(add_harmlessly) == []
