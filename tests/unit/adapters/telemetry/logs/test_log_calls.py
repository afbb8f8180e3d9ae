"""Every call that logs is one that can't determine of a patient: a literal message, known fields, no raw values."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import radgate_server
from radgate_server.adapters.telemetry.logs.json_format import FIELDS

LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
SOURCES = sorted(Path(radgate_server.__file__).parent.rglob("*.py"))
RAW = {
    "answer", "attributes", "body", "content", "data", "data_set", "dataset", "element", "headers", "identifier",
    "item", "json", "keys", "line", "match", "matches", "params", "path_info", "patient", "patient_id", "payload",
    "query", "query_string", "ref", "request", "response", "scope", "url", "value", "values",
}  # fmt: skip
"""Names of what may hold patient data or a UID; none of them may be logged as it is."""


def log_calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls such as _log.warning(...)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id.lstrip("_") in ("log", "logger", "uncaught"):
                yield node


def problems(call: ast.Call) -> Iterator[str]:
    """What is wrong with one call."""
    has_level = isinstance(call.func, ast.Attribute) and call.func.attr == "log"
    message, *values = call.args[1:] if has_level else call.args
    if not (isinstance(message, ast.Constant) and isinstance(message.value, str)):
        yield "its message is put together, where a literal with %s belongs"
    extra = [keyword.value for keyword in call.keywords if keyword.arg == "extra"]
    for given in extra:
        if isinstance(given, ast.Dict):
            names = {key.value for key in given.keys if isinstance(key, ast.Constant)}
            yield from (f"its extra has {name}, which is not on the list FIELDS" for name in names - set(FIELDS))
            values += given.values
    for value in values:
        yield from raw_values(value)


def raw_values(value: ast.expr) -> Iterator[str]:
    """What of it may hold patient data."""
    if isinstance(value, ast.Name | ast.Attribute):
        name = value.id if isinstance(value, ast.Name) else value.attr
        if name in RAW and not (isinstance(value, ast.Attribute) and name == "value" and is_enum(value.value)):
            yield f"it logs {ast.unparse(value)} as it is"
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "reveal":
        yield f"it reveals {ast.unparse(value.func.value)}"
    elif isinstance(value, ast.JoinedStr | ast.BinOp):
        for part in ast.walk(value):
            if isinstance(part, ast.Name | ast.Attribute | ast.Call) and part is not value:
                yield from raw_values(part)


def is_enum(owner: ast.expr) -> bool:
    """Whether `.value` is one of our enums', by the name of what has it."""
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return name in ("cause", "code", "kind", "operation", "outcome", "refusal", "state", "use", "priority", "level")


def found_in(text: str, name: str) -> list[str]:
    """All that is wrong in a file, with its place."""
    tree = ast.parse(text)
    logged = [f"{name}:{call.lineno}: {reported}" for call in log_calls(tree) for reported in problems(call)]
    return logged + [f"{name}:{node.lineno}: it reveals something in an error" for node in revealing_errors(tree)]


def revealing_errors(tree: ast.AST) -> Iterator[ast.Raise]:
    """Errors that are made of what a Phi or a Secret hides."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and any(
            isinstance(part, ast.Attribute) and part.attr == "reveal" for part in ast.walk(node)
        ):
            yield node


def test_no_call_logs_what_is_raw() -> None:
    calls = 0
    wrong = []
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        calls += len(list(log_calls(ast.parse(text))))
        wrong += found_in(text, source.name)
    assert calls > 50
    assert wrong == []


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ('_log.info(f"found {patient}")', "a.py:1: its message is put together, where a literal with %s belongs"),
        ('_log.info("found %s", query)', "a.py:1: it logs query as it is"),
        ('_log.info("found %s", key.value)', "a.py:1: it logs key.value as it is"),
        ('_log.info("found %s", f"{dataset}")', "a.py:1: it logs dataset as it is"),
        ('_log.info("found %s", name.reveal())', "a.py:1: it reveals name"),
        ('raise ValueError(f"no {name.reveal()}")', "a.py:1: it reveals something in an error"),
        ('_log.info("found", extra={"pacs": ref})', "a.py:1: it logs ref as it is"),
        ('_log.info("x", extra={"name": 1})', "a.py:1: its extra has name, which is not on the list FIELDS"),
    ],
)
def test_each_way_of_logging_is_found(line: str, reported: str) -> None:
    assert found_in(line, "a.py") == [reported]
