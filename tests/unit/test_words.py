"""Manuals, help texts, messages of logs and errors, and the names in the code keep to docs/glossary.md."""

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import radgate_server

ROOT = Path(__file__).resolve().parents[2]
MANUALS = sorted(path for path in ROOT.glob("docs/**/*.md") if path.name != "glossary.md" and path.parent.name != "adr")
# Comments on columns of the database stay as the migrations made them.
SOURCES = [
    path
    for path in sorted(Path(radgate_server.__file__).parent.rglob("*.py"))
    if path.parent.name not in ("versions", "schema")
]

REPLACED = {
    "told apart": "distinguished",
    "told otherwise": "by default",
    "can't be told": "can't be determined",
    "under way": "in progress",
    "on its way": "in transit",
    "on their way": "in transit",
    "turned away": "refused, rejected",
    "is let in": "is admitted",
    "anew": "again",
    "not known": "unknown",
    "goes on": "continues",
    "sign of life": "health check",
    "can't be had": "is unavailable",
    "wished for": "requested",
    "near tiers": "cache tiers",
    "brought near": "cached, fetched",
}
"""Phrase: the glossary's word in its place."""
PHRASES = re.compile(r"\b(" + "|".join(REPLACED) + r")\b", re.IGNORECASE)


def prose(manual: str) -> str:
    """A manual without code and without where its links lead."""
    return re.sub(r"```.*?```|`[^`\n]*`|\]\([^)]*\)", " ", manual, flags=re.DOTALL)


def messages(tree: ast.AST) -> Iterator[str]:
    """Texts in calls: of loggers, of errors, of options and settings."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for given in (*call.args, *(keyword.value for keyword in call.keywords)):
            for part in ast.walk(given):
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and " " in part.value:
                    yield part.value


@pytest.mark.parametrize("path", MANUALS, ids=lambda path: path.name)
def test_manuals_keep_to_the_glossary(path: Path) -> None:
    found = PHRASES.findall(prose(path.read_text("utf-8")))
    assert not found, {phrase: REPLACED[phrase.lower()] for phrase in found}


def test_messages_keep_to_the_glossary() -> None:
    found = [
        (str(path), text, REPLACED[phrase.lower()])
        for path in SOURCES
        for text in messages(ast.parse(path.read_text("utf-8")))
        for phrase in PHRASES.findall(text)
    ]
    assert not found


REPLACED_IN_NAMES = {
    "anew": "again",
    "blame": "fault",
    "courier": "delivery",
    "couriers": "deliveries",
    "desk": "queue, administration",
    "distrust": "require revalidation",
    "door": "endpoint, listener",
    "doors": "endpoints, listeners",
    "forgive": "discard",
    "introductions": "identities",
    "lane": "queue",
    "lanes": "queues",
    "loose": "standalone, unchained",
    "noted": "annotated, recorded",
    "pulse": "liveness",
    "seat": "slot",
    "sighting": "observer",
    "sightings": "observed",
    "tell": "report, publish",
    "telling": "reporting",
    "tells": "reports",
    "tenure": "lifetime",
    "told": "reported, notified",
    "untold": "missing",
    "wish": "request, priority",
    "wished": "requested",
    "wishes": "requests, priorities",
}
"""Word of a name in the code of server, SDK, scripts and tests: the glossary's word in its place."""


def words_of_names(path: Path) -> Iterator[tuple[str, str]]:
    """Each name in the file, and of the file, with each of its words in lower case."""
    with tokenize.open(path) as lines:
        names = {token.string for token in tokenize.generate_tokens(lines.readline) if token.type == tokenize.NAME}
    for name in sorted(names | {path.stem}):
        for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name):
            yield name, word.lower()


def test_names_keep_to_the_glossary() -> None:
    packages = [ROOT / folder for folder in ("server/radgate_server", "clients/python/src", "scripts", "tests")]
    files = [path for package in packages for path in sorted(package.rglob("*.py")) if path.parent.name != "versions"]
    found = [
        (str(path), name, REPLACED_IN_NAMES[word])
        for path in files
        for name, word in words_of_names(path)
        if word in REPLACED_IN_NAMES
    ]
    assert not found
