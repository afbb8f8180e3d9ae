"""The map at the beginning of docs/architecture.md is true: what it names is there, and it names every folder."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import radgate_server

PACKAGE = Path(radgate_server.__file__).parent
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"
_MOST_IN_A_FOLDER = 16
# Tools of all subjects of their layer rather than one subject's.
_OF_ALL_SUBJECTS = {"settings/shared", "cli/shared", "rpc/v1", "rpc/dicomweb", "rpc/v1/convert", "adapters/database"}
_LAYERS = ("cli", "rpc", "adapters", "services", "settings", "core")


def places() -> Iterator[str]:
    """The files and folders that the map names, below the package."""
    rows = re.findall(r"^\| \*\*\w+\*\* \|(.*)\|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    for row in rows:
        for layer, cell in zip(_LAYERS, row.split("|")[1:], strict=True):
            yield from (f"{layer}/{place.rstrip('/')}" for place in re.findall(r"`([^`]+)`", cell))


def folders(layer: str) -> set[str]:
    return {f"{layer}/{path.parent.name}" for path in (PACKAGE / layer).glob("*/__init__.py")}


def test_what_the_map_names_is_there() -> None:
    named = list(places())
    assert len(named) > 50
    assert [place for place in named if not (PACKAGE / place).exists()] == []


def test_the_map_names_each_folder_of_a_layer() -> None:
    found = {folder for layer in _LAYERS for folder in folders(layer)}
    named = {"/".join(place.split("/")[:2]) for place in places()}
    assert sorted(found - named - _OF_ALL_SUBJECTS) == []


def test_folders_are_small_enough_to_be_read() -> None:
    folders_of_code = (folder for folder in PACKAGE.rglob("*") if folder.is_dir() and "migrations" not in folder.parts)
    sizes = {str(folder.relative_to(PACKAGE)): len(set(folder.glob("*.py"))) - 1 for folder in folders_of_code}
    assert {folder: size for folder, size in sizes.items() if size > _MOST_IN_A_FOLDER} == {}


def functions_in(path: Path) -> set[str]:
    """Names of functions, and "Class.method", in one file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {node.name for node in tree.body if isinstance(node, functions)}
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return found | {f"{one.name}.{node.name}" for one in classes for node in one.body if isinstance(node, functions)}


def test_the_stories_name_functions_that_exist() -> None:
    named = re.findall(r"`([a-z_0-9/]+\.py):([\w.]+)`", DOCUMENT.read_text(encoding="utf-8"))
    assert len(named) > 40
    assert [f"{path}:{name}" for path, name in named if name not in functions_in(PACKAGE / path)] == []
