import os
from itertools import count
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Any, cast

import httpx
import pytest

from radgate_server.adapters.pacs.dimse.transport.tls import client_tls
from radgate_server.adapters.pacs.http import HttpAnswer, PacsHttp, client
from radgate_server.adapters.pacs.http.tls import web_tls
from radgate_server.adapters.pacs.orthanc import find
from radgate_server.adapters.pacs.orthanc.describe import OrthancDescriber
from radgate_server.adapters.pacs.orthanc.find import OrthancQuery
from radgate_server.adapters.pacs.orthanc.known_studies import KnownStudies
from radgate_server.adapters.pacs.orthanc.labels import LabelledStudies
from radgate_server.adapters.pacs.orthanc.rest import OrthancRest, readable
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import ConfigurationError, PacsFailedError
from radgate_server.core.pacs.connections import DimseTls, HttpTls, OrthancConnection
from radgate_server.core.pacs.labels import StudyLabels
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.secrets.secret import GivenSecrets
from radgate_server.settings.pacs import WebPacsSettings


@pytest.fixture
def pipe(tmp_path: Path) -> str:
    """A pipe that nobody writes into: whoever opens it to read waits for ever."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return str(path)


def test_a_ca_file_that_would_block_is_refused(pipe: str) -> None:
    with pytest.raises(ConfigurationError):
        web_tls(HttpTls(ca_file=pipe), ("http://pacs.example",))
    with pytest.raises(ConfigurationError):
        client_tls(DimseTls(ca_file=pipe))


@pytest.mark.parametrize("value", [b"{}", b"[]", b"0"])
def test_an_answer_of_too_many_values_is_refused_before_they_take_memory(value: bytes) -> None:
    body = b"[" + b",".join([value] * 2_000_001) + b"]"
    with pytest.raises(PacsFailedError, match="more values"):
        HttpAnswer("main", 200, httpx.Headers(), body).json()


def test_numbers_beyond_all_bounds_are_not_orthancs() -> None:
    with pytest.raises(PacsFailedError), readable("main"):
        int(float("1e400"))


class _Http:
    """The way to an Orthanc that gives a version of its own making."""

    pacs = "main"

    def fresh(self) -> "_Http":
        return self

    async def ask(self, *_: object, **__: object) -> HttpAnswer:
        return HttpAnswer(self.pacs, 200, httpx.Headers(), rb'{"Version": "1.12.5\u001b]0;owned\u0007"}')

    async def close(self) -> None:
        """Nothing is open."""


async def test_no_text_of_a_server_is_shown_as_its_version() -> None:
    with pytest.raises(PacsFailedError):
        await OrthancDescriber(cast("Any", _Http())).echo()


class _EndlessOrthanc:
    """Finds ever more studies, none of which fits."""

    pacs = "main"

    def __init__(self) -> None:
        self.numbers = count()

    async def ask(self, _path: str, body: dict[str, Any]) -> Any:
        return [{"ID": str(next(self.numbers)), "RequestedTags": {}} for _ in range(body["Limit"])]


async def test_a_search_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "_MAX_ROWS", 500)
    query = Query(QueryLevel.STUDY, (MatchingKey(("00104000",), "nowhere"),))
    rest = cast("OrthancRest", _EndlessOrthanc())
    searching = OrthancQuery(rest, KnownStudies(), LabelledStudies(rest, StudyLabels())).find(query, max_results=10)
    with pytest.raises(PacsFailedError, match="narrow the search"):
        await searching


def test_a_probe_reads_no_certificates_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def count_tls(*arguments: object) -> SSLContext:
        made.append(arguments)
        return SSLContext(PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr(client, "web_tls", count_tls)
    http = PacsHttp("main", OrthancConnection("https://pacs.example"), WebPacsSettings(), secrets=GivenSecrets())
    for _ in range(5):
        http = http.fresh()
    assert len(made) == 2, "one for HTTP/1.1, one for HTTP/2"
