"""How PostgreSQL would run the statements of some work: EXPLAIN of each, taken before it runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event

from radgate_server.adapters.database.connection.database import Database

_EXPLAINABLE = ("SELECT", "INSERT", "UPDATE", "DELETE")


@dataclass
class Plans:
    """The tables that plans read whole."""

    scanned: set[str] = field(default_factory=set)

    def explain(self, connection: Connection, statement: str, parameters: Any) -> None:
        """Look at how the database would run it."""
        cursor = connection.connection.cursor()
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        self.scanned |= read_whole(cursor.fetchone()[0][0]["Plan"])
        cursor.close()


def read_whole(plan: Mapping[str, Any]) -> set[str]:
    """The tables that a plan reads whole."""
    tables = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    return tables.union(*(read_whole(part) for part in plan.get("Plans", ())))


@contextmanager
def explained(database: Database) -> Iterator[Plans]:
    """What runs in the block is explained too."""
    plans = Plans()

    def before(connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().startswith(_EXPLAINABLE):
            plans.explain(connection, statement, parameters)

    event.listen(database.engine, "before_cursor_execute", before)
    try:
        yield plans
    finally:
        event.remove(database.engine, "before_cursor_execute", before)
