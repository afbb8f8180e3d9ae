"""Lets telemetry know what a database does: statements and failures."""

import time
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, event

from radgate_server.core.failure_text import describe_kind
from radgate_server.core.telemetry.ports import Telemetry

_STATEMENTS = frozenset({"select", "insert", "update", "delete", "begin", "with"})
"""First words that are distinguished; the rest is "other"."""


def observe_database(engine: Engine, telemetry: Telemetry) -> None:
    """Report every statement's time and every failure; the listeners run in the database's threads."""

    def before(_: Connection, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        context.radgate_started_s = time.perf_counter()

    def after(_: Connection, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        telemetry.database_statement(_first_word(statement), time.perf_counter() - context.radgate_started_s)

    def failed(context: ExceptionContext) -> None:
        telemetry.database_failed(describe_kind(context.original_exception))

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)


def _first_word(statement: str) -> str:
    word = statement.lstrip().split(None, 1)[0].lower()
    return word if word in _STATEMENTS else "other"
