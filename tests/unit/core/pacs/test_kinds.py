from dataclasses import is_dataclass
from typing import Any

import pytest

from radgate_server.cli.pacs.kinds import OWN_OPTIONS, options_of
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.kinds.documents import connection_document, connection_of_document, stored_connection
from radgate_server.core.pacs.kinds.kind import DetectTarget, PacsConnection
from radgate_server.core.pacs.kinds.table import KINDS
from radgate_server.core.secrets.secret import Secret
from radgate_server.lib.documents import DocumentError
from radgate_server.rpc.v1.convert.connections import CONNECTIONS
from radgate_server.rpc.v1.convert.kinds.extension import EXTENSION


def test_each_kind_of_pacs_has_its_row_in_the_tables_of_all_layers() -> None:
    assert set(OWN_OPTIONS) <= set(KINDS)
    assert all(options_of(kind).decorator(True) for kind in KINDS)
    assert set(CONNECTIONS) == {*KINDS, EXTENSION}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_what_its_name_says(name: str) -> None:
    kind = KINDS[name]
    assert is_dataclass(kind.connection)
    candidates = [each for ladder in kind.candidates(DetectTarget("pacs.example"), 80).values() for each in ladder]
    assert {(type(each), each.kind) for each in candidates} <= {(kind.connection, name)}


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.ports])
def test_a_connection_is_what_it_was_when_it_comes_back_from_its_document(name: str) -> None:
    ladders = KINDS[name].candidates(DetectTarget("pacs.example", calling_aet="RADGATE"), 80)
    for connection in (each for ladder in ladders.values() for each in ladder):
        assert connection_of_document(connection_document(connection)) == connection


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"kind": "folder"}, "path"),
        ({"kind": "folder", "path": "/images", "pth": "/"}, "pth"),
    ],
)
def test_a_document_that_does_not_fit_its_kind_is_refused(document: dict[str, str], field: str) -> None:
    with pytest.raises(DocumentError) as caught:
        connection_of_document(document)
    assert caught.value.field == field


def test_a_document_of_an_unknown_kind_is_kept_as_it_is() -> None:
    document = {"kind": "tape", "drive": 3, "library": {"robot": "left"}}
    connection = connection_of_document(document)
    assert "'tape'" in connection.unusable
    assert connection_document(connection.with_secret(Secret("s"))) == document
    assert connection.with_secret(Secret("s")).secret == Secret("s")
    with pytest.raises(InvalidArgumentError, match="install what provides the kind"):
        connection.checked()


@pytest.mark.parametrize("document", [{"path": "/images"}, {"kind": None}, {"kind": ["folder"]}, {}])
def test_a_stored_document_without_a_kind_is_unusable_with_the_reason(document: dict[str, Any]) -> None:
    connection = stored_connection(document)
    assert "the field 'kind' of its stored settings does not fit" in connection.unusable
    assert connection_document(connection) == document


def test_a_kind_that_forgets_what_each_must_have_can_not_be_connected() -> None:
    class Tape(PacsConnection):
        kind = "tape"

    with pytest.raises(TypeError, match="'checked', 'endpoint', 'max_parallel', 'place', 'summary'"):
        Tape()  # type: ignore[abstract]
