"""What an adapter of another package has to be, and what becomes of one that is not."""

import re
from pathlib import Path

import pytest

from radgate_server.core.pacs.kinds.table import BUILT_IN, KINDS, UNAVAILABLE
from radgate_server.extension import pacs
from radgate_server.installation.pacs_adapters import pacs_adapters
from tests.extension.installing import TOY, install, install_toy, installed

_UNTRUE = """
from dataclasses import dataclass, field
from radgate_server.extension.pacs import *

@dataclass(frozen=True)
class Connection(PacsConnection):
    host: str
    kind: str = "toy"
    hosts = ()
    reads_private_files = False
    endpoint = place = summary = "toy"
    max_parallel = 1
    def checked(self):
        return self

def adapter(connection, name="toy"):
    return PacsAdapter(ConnectionKind(connection, name, "a toy"), None)

"""
_LIES = {
    "raises": ("raise RuntimeError('broken wheel')", "failed to load (RuntimeError)"),
    "exits": ("raise SystemExit(3)", "failed to load (SystemExit)"),
    "lacks a library": ("import no_such_library", "failed to load (ModuleNotFoundError)"),
    "lacks its object": ("", "failed to load (AttributeError)"),
    "is none": ("ADAPTER = 1", "liar:ADAPTER is no PacsAdapter"),
    "has another name": (_UNTRUE + "ADAPTER = adapter(Connection, 'tape')", "its kind 'tape'"),
    "is no connection": (_UNTRUE + "ADAPTER = adapter(dict)", "derives from PacsConnection"),
    "lacks an answer": (
        _UNTRUE + "del Connection.checked\nConnection.__abstractmethods__ = frozenset({'checked'})\n"
        "ADAPTER = adapter(Connection)",
        "its connection lacks checked",
    ),
    "hides its hosts": (_UNTRUE + "del Connection.hosts\nADAPTER = adapter(Connection)", "does not declare hosts"),
    "hides its files": (
        _UNTRUE + "del Connection.reads_private_files\nADAPTER = adapter(Connection)",
        "does not declare reads_private_files",
    ),
    "shows its secret to anyone": (
        _UNTRUE + "@dataclass(frozen=True)\nclass Guarded(Connection):\n"
        "    password: SecretSource = NO_SECRET\nADAPTER = adapter(Guarded)",
        "does not declare secret_recipient",
    ),
    "has nested settings": (
        _UNTRUE + "@dataclass(frozen=True)\nclass Nested(Connection):\n"
        "    ports: tuple[int, ...] = ()\nADAPTER = adapter(Nested)",
        "the field ports of its connection is no text, number or flag",
    ),
}


@pytest.mark.parametrize("lie", _LIES)
def test_an_adapter_that_is_not_what_it_has_to_be_is_unavailable_with_the_reason(
    tmp_path: Path, lie: str, caplog: pytest.LogCaptureFixture
) -> None:
    source, reason = _LIES[lie]
    install(tmp_path, "liar", source, "liar:ADAPTER")
    with installed(tmp_path):
        assert pacs_adapters() == {}
        assert KINDS == BUILT_IN
        assert "the package liar" in UNAVAILABLE["toy"]
        assert reason in UNAVAILABLE["toy"]
        assert "broken wheel" not in UNAVAILABLE["toy"]
    assert any(reason in message for message in caplog.messages)
    assert UNAVAILABLE == {}


def test_an_adapter_that_is_what_it_has_to_be_is_in_the_table(tmp_path: Path) -> None:
    install_toy(tmp_path)
    install(tmp_path, "liar", "raise RuntimeError", "liar:ADAPTER", kind="liar")
    with installed(tmp_path):
        assert set(pacs_adapters()) == {"toy"} == KINDS.keys() - BUILT_IN.keys()
        assert set(UNAVAILABLE) == {"liar"}
    assert KINDS == BUILT_IN


def test_the_page_for_authors_lists_all_that_they_may_import() -> None:
    text = (Path(__file__).parents[3] / "docs" / "extending" / "pacs-adapter.md").read_text(encoding="utf-8")
    section = text.partition("### What it may import")[2].partition("###")[0]
    assert set(re.findall(r"`(\w+)`", section)) == set(pacs.__all__)
    assert [name for name in pacs.__all__ if not hasattr(pacs, name)] == []
    imported = re.findall(r"^(?:from|import) (radgate_server\S*)", (TOY / "toy_pacs.py").read_text(), re.MULTILINE)
    assert imported == [pacs.__name__]
