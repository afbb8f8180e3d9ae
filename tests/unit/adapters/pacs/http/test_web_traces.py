"""Requests to a PACS over HTTP are spans, and it is notified of the trace where the site allows that."""

from collections.abc import Callable

import httpx
import pytest

from radgate_server.adapters.pacs.http import PacsHttp
from radgate_server.adapters.pacs.http import client as client_module
from radgate_server.core.pacs.connections import DicomWebConnection
from radgate_server.core.secrets.secret import GivenSecrets
from radgate_server.core.telemetry.tracing import Part
from radgate_server.settings.pacs import WebPacsSettings
from tests.unit.core.telemetry.test_tracing import Recorded


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """The requests that would have gone out; each is answered with 200."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b"[]"))

    make: Callable[..., httpx.MockTransport] = lambda *_, **__: httpx.MockTransport(answer)  # noqa: E731
    monkeypatch.setattr(client_module, "PoolTransport", make)
    return requests


@pytest.mark.parametrize("host", ["pacs.example", "other.example"])
async def test_a_pacs_is_reported_the_trace_where_that_is_allowed(asked: list[httpx.Request], host: str) -> None:
    settings = WebPacsSettings(traceparent_hosts=("pacs.example",))
    http = PacsHttp("main", DicomWebConnection(f"http://{host}/dicom"), settings, secrets=GivenSecrets())
    with Part(root := Recorded()):
        await http.ask("GET", "/studies", params={"PatientName": "Doe*"})
    await http.ask("GET", "/studies")
    await http.close()
    (part,) = root.parts
    assert part.name == "HTTP GET"
    assert part.facts == {"pacs": "main", "method": "GET", "http_status": 200}
    traced, untraced = asked
    allowed = host == "pacs.example"
    assert traced.headers.get("traceparent") == (Recorded.context.traceparent if allowed else None)
    assert "traceparent" not in untraced.headers
