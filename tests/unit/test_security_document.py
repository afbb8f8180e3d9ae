"""The threat model is true: what it names is there, and nothing in it stands without a test."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

from radgate_server.settings.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "architecture" / "security.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
_QUOTED = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def rows() -> Iterator[dict[str, str]]:
    """The rows of all tables, by their column's heading."""
    headings: list[str] = []
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            headings = []
        elif not headings:
            headings = cells
        elif set(line) - set("|- "):
            assert len(cells) == len(headings), line
            yield dict(zip(headings, cells, strict=True))


TESTED = [row for row in rows() if "test" in row]
TESTS = sorted({name for row in TESTED for name in _QUOTED.findall(row["test"])})
SETTINGS = sorted({name for row in TESTED for name in _QUOTED.findall(row["settings"])})


@cache
def functions_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions)


@pytest.mark.parametrize("name", TESTS)
def test_every_named_test_exists(name: str) -> None:
    path, _, function = name.partition("::")
    assert function.startswith("test_")
    assert function in functions_in(ROOT / path)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_named_setting_exists(name: str) -> None:
    model: type[BaseModel] = Settings
    *sections, field = name.split(".")
    for section in sections:
        value = getattr(model(), section) if model is Settings else model.model_fields[section].default
        model = type(value)
    assert field in model.model_fields


def test_every_row_of_threats_and_safeguards_names_a_test() -> None:
    assert [row for row in TESTED if not _QUOTED.findall(row["test"])] == []


def test_every_kind_of_threat_and_every_safeguard_is_there() -> None:
    for kind in ("Spoofing", "Tampering", "Repudiation", "Information disclosure", "Denial of service", "Elevation"):
        assert f"### {kind}" in TEXT
    safeguards = {row["safeguard"].split()[0] for row in TESTED if "safeguard" in row}
    assert {f"({letter})" for letter in "abcde"} <= {safeguard[:3] for safeguard in safeguards}
    for section in ("164.308", "164.312", "164.316"):
        assert section in TEXT


def test_every_link_leads_somewhere() -> None:
    links = _LINK.findall(TEXT)
    assert links
    assert [link for link in links if not (DOCUMENT.parent / link).exists()] == []
