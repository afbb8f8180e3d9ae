"""HEAD is GET without a body, and a path that takes other methods says which."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from google.api import annotations_pb2
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.contract.conftest import ORIGIN, Gateway
from tests.contract.stub_server import Context

pytestmark = pytest.mark.asyncio(loop_scope="module")

STUDY = "/dicom-web/studies/1.2.3"


async def three(context: Context) -> AsyncIterator[HttpBody]:
    await context.send_initial_metadata((("x-http-status", "206"), ("warning", '299 radgate "partial"')))
    for piece in (b"one", b"two" * 100_000, b"three"):
        yield HttpBody(content_type="application/octet-stream", data=piece)


@pytest.mark.parametrize("http2", [False, True])
async def test_head_is_get_without_its_body(gateway: Gateway, http2: bool) -> None:
    gateway.stub.messages = three
    async with httpx.AsyncClient(
        base_url=f"http://{gateway.address}", http1=not http2, http2=http2, timeout=30, trust_env=False
    ) as client:
        for path, status in ((STUDY, 206), ("/dicom-web/studies?limit=1", 200), ("/api/v1/tenants", 200)):
            head = await client.head(path)
            get = await client.get(path)
            assert (head.status_code, head.content, get.status_code) == (status, b"", status)
            assert get.content
            assert head.headers["content-type"] == get.headers["content-type"]
            assert "x-radgate-head" not in head.headers


async def test_the_connection_of_a_head_continues(gateway: Gateway) -> None:
    gateway.stub.messages = three
    reader, writer = await asyncio.open_connection(*gateway.address.split(":"))
    request = b" %b HTTP/1.1\r\nhost: x\r\n%b\r\n"
    writer.write(b"HEAD" + request % (STUDY.encode(), b"") + b"GET" + request % (b"/nothing", b"connection: close\r\n"))
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 206 ")
    assert answer.count(b"\r\n\r\nHTTP/1.1 404 ") == 1  # nothing stands between the first head and the next answer


async def test_an_error_of_a_head_is_a_head_too(gateway: Gateway) -> None:
    for path, status in (("/api/v1/jobs/full", 429), ("/dicom-web/nothing", 404)):
        answer = await gateway.client.head(path)
        assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/dicom-web/studies", "GET, HEAD, POST"),
        ("DELETE", f"{STUDY}/series/1.2/instances/1.2.3/frames/1,2?accept=x", "GET, HEAD"),
        ("POST", "/dicom-web/instances", "GET, HEAD"),
        ("GET", "/api/v1/pacs/main:test", "POST"),
        ("HEAD", "/api/v1/pacs/main:test", "POST"),
        ("POST", "/api/v1/pacs/main", "GET, HEAD, PATCH, DELETE"),
        ("PUT", "/api/v1/keys/0123456789ab", "DELETE"),
        ("PUT", "/wado?requestType=WADO", "GET, HEAD"),
        ("GET", "/dicom-web", "OPTIONS"),
        ("HEAD", "/dicom-web/", "OPTIONS"),
        ("OPTIONS", "/dicom-web/studies", "GET, HEAD, POST"),
    ],
)
async def test_another_method_is_405_and_says_which_are_taken(
    gateway: Gateway, method: str, path: str, allow: str
) -> None:
    answer = await gateway.client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert method == "HEAD" or answer.json()["code"] == 12


DESCRIPTOR = Path(__file__).parents[2] / "gateway" / "radgate.pb"


def routes() -> list[str]:
    """Every path of the contract, with a UID in place of each variable."""
    methods = (
        method
        for file in FileDescriptorSet.FromString(DESCRIPTOR.read_bytes()).file
        for service in file.service
        for method in service.method
    )
    rules = (method.options.Extensions[annotations_pb2.http] for method in methods)
    bindings = (binding for rule in rules for binding in (rule, *rule.additional_bindings))
    kinds = ("get", "post", "put", "patch", "delete")
    paths = {path for binding in bindings for kind in kinds if (path := getattr(binding, kind))}
    return sorted(re.sub(r"\{[^}]+\}", "1.2", path) for path in paths)


async def test_a_slash_at_the_end_of_a_path_changes_nothing(gateway: Gateway) -> None:
    found = routes()
    assert len(found) > 50
    for path in found:
        plain, slashed = [await gateway.client.request("PROPFIND", each) for each in (path, f"{path}/")]
        assert plain.status_code == 405, path
        is_verb = re.search(r":[a-z]+$", path)
        assert slashed.status_code == (404 if is_verb else 405), path
        assert is_verb or slashed.headers["allow"] == plain.headers["allow"]
        if "GET" in plain.headers["allow"]:
            answers = [await gateway.client.get(each) for each in (path, f"{path}/")]
            assert answers[0].status_code == answers[1].status_code != 404, path


@pytest.mark.parametrize("path", ["/dicom-web", "/dicom-web/", "/dicom-web/?accept=application/xml"])
async def test_options_of_the_base_url_asks_for_capabilities(gateway: Gateway, path: str) -> None:
    answer = await gateway.client.options(path, headers={"origin": ORIGIN})
    assert (answer.status_code, answer.text) == (200, "<application/>")
    assert answer.headers["content-type"] == "application/vnd.sun.wadl+xml"
    assert gateway.stub.metadata["x-envoy-original-path"] == path
    preflight = {"origin": ORIGIN, "access-control-request-method": "GET"}
    asked = await gateway.client.options(path, headers=preflight)
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["access-control-allow-origin"] == ORIGIN


async def test_a_path_that_is_none_is_404_whatever_the_method(gateway: Gateway) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = await gateway.client.request(method, "/api/v1/nothing")
        assert (answer.status_code, "allow" in answer.headers) == (404, False)
