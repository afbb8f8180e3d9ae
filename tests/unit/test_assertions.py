"""Assertions of the tests can fail: none is true whatever the code does."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def is_always_true(test: ast.expr) -> bool:
    match test:
        case ast.Constant(value):
            return bool(value)
        case ast.Tuple(parts) | ast.List(parts) | ast.Set(parts):
            return bool(parts)
        case ast.GeneratorExp() | ast.Lambda():
            return True
        case ast.BoolOp(ast.Or(), parts):
            return any(map(is_always_true, parts))
        case ast.Compare(ast.Name() | ast.Attribute() as left, _, [right, *_]):
            return ast.dump(left) == ast.dump(right)
        case _:
            return False


def found_in(text: str) -> Iterator[int]:
    """Lines of assertions that can't fail, or whose message compares something: a comma where `==` was meant."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assert) and (is_always_true(node.test) or isinstance(node.msg, ast.Compare)):
            yield node.lineno


def test_every_assertion_can_fail() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py")}
    assert len(texts) > 400
    assert [f"{path}:{line}" for path, text in texts.items() for line in found_in(text)] == []


@pytest.mark.parametrize(
    "test",
    ["(a, b)", "a or True", "a == a", "a.b == a.b", "(x for x in y)", "a, b == (1, 2)", "lambda: a"],
)
def test_those_that_can_not_are_found(test: str) -> None:
    assert list(found_in(f"assert {test}")) == [1]


@pytest.mark.parametrize("test", ["a == b", "f() == f()", "(), a", "a or b", "not a, f'{a}'", "[]"])
def test_those_that_can_are_not(test: str) -> None:
    assert list(found_in(f"assert {test}")) == []
