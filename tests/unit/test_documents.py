"""What the documents point at is there: files, headings, and the commands that they show."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from radgate_server.cli import radgate

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md"), *ROOT.glob("clients/*/*.md")]
_LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_PLACES = {str(document.relative_to(ROOT)): document for document in DOCUMENTS}


def anchors(document: Path) -> set[str]:
    """The headings as they are linked to."""
    headings = _HEADING.findall(document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def shown(document: Path) -> Iterator[list[str]]:
    """The words behind `radgate`, of each command in a block of shell."""
    for block in _BLOCK.findall(document.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("radgate "):
                yield shlex.split(line, comments=True)[1:]


def unknown(words: list[str]) -> list[str]:
    """What of it the command line does not know: the first such command, or options."""
    command: click.Command = radgate
    context = click.Context(command)
    while isinstance(command, click.Group) and words and (found := command.get_command(context, words[0])):
        command, words = found, words[1:]
    if isinstance(command, click.Group):
        return words[:1]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return [word for word in words if word.startswith("--") and word.partition("=")[0] not in options]


@pytest.mark.parametrize("name", _PLACES)
def test_links_lead_somewhere(name: str) -> None:
    for path, anchor in _LINK.findall(_PLACES[name].read_text(encoding="utf-8")):
        target = _PLACES[name].parent / path if path else _PLACES[name]
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("name", _PLACES)
def test_commands_exist(name: str) -> None:
    assert [(words, wrong) for words in shown(_PLACES[name]) if (wrong := unknown(words))] == []


@pytest.mark.parametrize("name", _PLACES)
def test_tests_that_are_named_exist(name: str) -> None:
    for path, test in _TEST.findall(_PLACES[name].read_text(encoding="utf-8")):
        assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"


def test_the_readme_shows_some() -> None:
    assert len(list(shown(ROOT / "README.md"))) > 3


@pytest.mark.parametrize(
    ("words", "wrong"),
    [("pacs ad dimse", ["ad"]), ("serve --fast", ["--fast"]), ("pacs", []), ("key create --tenant east", [])],
)
def test_what_is_not_there_is_found(words: str, wrong: list[str]) -> None:
    assert unknown(words.split()) == wrong
