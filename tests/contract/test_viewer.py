"""The demo's viewer behind the real Envoy: it opens without a key, on this machine and from its own pages only."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from radgate_server.adapters.gateway import EnvoyProcess
from radgate_server.demo.viewer import serve_viewer
from radgate_server.settings.settings import Settings
from tests.contract.conftest import PATIENCE_S
from tests.contract.stub_server import Stub, serve

COOKIE = {"cookie": "other=1; radgate_demo=rg_key-1_x"}


@pytest.fixture
def viewer(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "index.html").write_text("<title>viewer</title>")
    (tmp_path / "app.js").write_text("run()")
    (tmp_path / "dicom-microscopy-viewer").mkdir()
    (tmp_path / "dicom-microscopy-viewer" / "part.js").write_text("microscopy()")
    with serve_viewer(tmp_path, "rg_key-1_x") as address:
        yield address


@pytest.fixture
def stub() -> Stub:
    return Stub()


@pytest.fixture
async def client(settings: Settings, viewer: str, stub: Stub) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(stub) as address:
        envoy = EnvoyProcess(settings, address, viewer=viewer)
        await envoy.start()
        try:
            async with httpx.AsyncClient(base_url=f"http://localhost:{envoy.port}", timeout=PATIENCE_S) as client:
                yield client
        finally:
            await envoy.close()


async def test_whole_slides_find_their_viewer_at_the_root(client: httpx.AsyncClient) -> None:
    answer = await client.get("/dicom-microscopy-viewer/part.js")
    assert (answer.status_code, answer.text) == (200, "microscopy()")


async def test_the_viewer_opens_without_typing_a_key(client: httpx.AsyncClient, stub: Stub) -> None:
    page = await client.get("/", follow_redirects=True)
    assert page.url.path == "/viewer/"
    assert "<title>viewer</title>" in page.text
    assert (await client.get("/viewer/app.js")).text == "run()"
    await client.get("/dicom-web/studies")  # with the cookie that the page has set
    assert stub.metadata["authorization"] == "Bearer rg_key-1_x"
    assert "cookie" not in stub.metadata


async def test_a_key_of_the_callers_own_goes_first(client: httpx.AsyncClient, stub: Stub) -> None:
    await client.get("/dicom-web/studies", headers={**COOKIE, "authorization": "Bearer mine"})
    assert stub.metadata["authorization"] == "Bearer mine"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_pages_of_other_origins_get_no_key(client: httpx.AsyncClient, stub: Stub, site: str) -> None:
    await client.get("/dicom-web/studies", headers={**COOKIE, "sec-fetch-site": site})
    assert "authorization" not in stub.metadata


async def test_the_cookie_reads_dicomweb_only(client: httpx.AsyncClient, stub: Stub) -> None:
    await client.get("/api/v1/tenants", headers=COOKIE)
    assert "authorization" not in stub.metadata


async def test_a_foreign_name_that_points_here_finds_nothing(client: httpx.AsyncClient, stub: Stub) -> None:
    for path in ("/viewer/", "/dicom-web/studies"):
        response = await client.get(path, headers={**COOKIE, "host": "evil.example"})
        assert response.status_code == 404
        assert "set-cookie" not in response.headers
    assert stub.metadata == {}
