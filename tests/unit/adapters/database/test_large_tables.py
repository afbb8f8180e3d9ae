"""The rule that a migration adds an index to a large table by `add_index`, which holds up nobody who writes to it."""

import ast
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from radgate_server.adapters.database import schema
from radgate_server.adapters.database.large_tables import LARGE_TABLES
from radgate_server.adapters.database.schema.tables import metadata
from radgate_server.adapters.database.schema_revision import MIGRATIONS

VERSIONS = sorted((MIGRATIONS / "versions").glob("[0-9]*_*.py"))

IN_THE_TRANSACTION = """
def upgrade():
    op.create_index("ix_audit_index_term", "audit_index", ["term"])
"""
UNIQUE = """
def upgrade():
    op.create_unique_constraint("uq_packs_study", "packs", ["study"])
"""
WITH_A_COLUMN = """
def upgrade():
    op.add_column("study_accesses", sa.Column("site", sa.String(), index=True))
"""
BY_A_BATCH = """
def upgrade():
    with op.batch_alter_table("audit_entries") as entries:
        entries.create_index("ix_audit_entries_time", ["time"])
"""
LATE = """
def upgrade():
    op.add_column("audit_index", sa.Column("site", sa.String()))
    add_index("ix_audit_index_site", "audit_index", ["site"])
"""
ONLINE = """
def upgrade():
    add_index("ix_audit_index_term", "audit_index", ["term"])
    op.create_index("ix_limits_tenant_id", "limits", ["tenant_id"])
"""
NEW_TABLE = """
def upgrade():
    op.create_table("packs", sa.Column("study", sa.String(), primary_key=True))
    op.create_index("ix_packs_study", "packs", ["study"])
"""


def faults_of(source: str) -> list[str]:
    """What a migration does to large tables that holds up who writes to them."""
    tree = ast.parse(source)
    calls = [(_name(node), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    new = {_texts(call)[0] for name, call in calls if name == "create_table" and _texts(call)}
    old = LARGE_TABLES - new
    return [*_held_up(calls, old), *_late(tree)]


def _held_up(calls: list[tuple[str, ast.Call]], old: frozenset[str]) -> Iterator[str]:
    for name, call in calls:
        tables = old.intersection(_texts(call))
        if name in ("create_index", "create_unique_constraint", "batch_alter_table", "create_exclude_constraint"):
            yield from (f"{name} on {table}" for table in tables)
        elif name == "add_column" and any(_indexed(node) for node in ast.walk(call)):
            yield from (f"an indexed column of {table}" for table in tables)


def _late(tree: ast.Module) -> Iterator[str]:
    """Whether something stands before an `add_index`, which would be committed with it."""
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"):
        adds = ["add_index" in ast.unparse(statement) for statement in function.body]
        if adds != sorted(adds, reverse=True):
            yield "add_index stands behind something else"


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _texts(call: ast.Call) -> list[str]:
    return [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def _indexed(node: ast.AST) -> bool:
    return isinstance(node, ast.keyword) and node.arg in ("index", "unique") and ast.unparse(node.value) != "False"


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.stem)
def test_no_migration_holds_up_who_writes_to_a_large_table(version: Path) -> None:
    assert faults_of(version.read_text()) == []


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        (IN_THE_TRANSACTION, ["create_index on audit_index"]),
        (UNIQUE, ["create_unique_constraint on packs"]),
        (WITH_A_COLUMN, ["an indexed column of study_accesses"]),
        (BY_A_BATCH, ["batch_alter_table on audit_entries"]),
        (LATE, ["add_index stands behind something else"]),
        (ONLINE, []),
        (NEW_TABLE, []),
    ],
)
def test_what_breaks_the_rule_is_found(source: str, faults: list[str]) -> None:
    assert faults_of(source) == faults


def test_large_tables_are_tables() -> None:
    for module in pkgutil.iter_modules(schema.__path__, f"{schema.__name__}."):
        import_module(module.name)
    assert metadata.tables.keys() >= LARGE_TABLES
