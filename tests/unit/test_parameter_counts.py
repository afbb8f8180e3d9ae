"""Constructors and functions have few parameters: what belongs together is handed over together."""

import ast
from collections.abc import Iterator
from pathlib import Path

import radgate_server

SERVER = Path(radgate_server.__file__).parent
MOST_PARAMETERS = 8


def parameter_counts(body: list[ast.stmt], around: str = "") -> Iterator[tuple[str, int]]:
    """Each function with its qualified name and how many parameters it has besides self and cls."""
    for node in (each for statement in body for each in _definitions(statement)):
        name = f"{around}{node.name}"
        if not isinstance(node, ast.ClassDef):
            arguments = node.args
            names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
            yield name, len([each for each in names if each not in ("self", "cls")])
        yield from parameter_counts(node.body, f"{name}.")


def _definitions(node: ast.AST) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from _definitions(child)


def test_functions_are_found_wherever_they_are_defined() -> None:
    source = "if True:\n    class A:\n        def f(self, a, /, b, *, c):\n            async def g(d): ..."
    assert list(parameter_counts(ast.parse(source).body)) == [("A.f", 3), ("A.f.g", 1)]


def test_no_function_has_more_than_eight_parameters() -> None:
    long = {
        (path.relative_to(SERVER).as_posix(), name)
        for path in SERVER.rglob("*.py")
        for name, count in parameter_counts(ast.parse(path.read_text()).body)
        if count > MOST_PARAMETERS
    }
    assert not long, "group what belongs together"
