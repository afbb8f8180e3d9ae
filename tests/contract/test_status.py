"""Which HTTP status a client sees, and in which form the error."""

from collections.abc import AsyncIterator

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from tests.contract.conftest import Gateway
from tests.contract.stub_server import Context, fail

pytestmark = pytest.mark.asyncio(loop_scope="module")

STUDY = "/dicom-web/studies/1.2.3"


async def test_no_match_is_200_and_an_empty_list(gateway: Gateway) -> None:
    response = await gateway.client.get("/dicom-web/studies")
    assert (response.status_code, response.json()) == (200, [])
    assert response.headers["content-type"] == "application/dicom+json"
    assert not [name for name in response.headers if name.startswith("grpc-")]


@pytest.mark.parametrize("status", [202, 206])
async def test_the_status_of_a_streamed_success_is_the_servers(gateway: Gateway, status: int) -> None:
    async def partial(context: Context) -> AsyncIterator[HttpBody]:
        await context.send_initial_metadata((("x-http-status", str(status)), ("content-range", "bytes 0-2/9")))
        yield HttpBody(content_type="application/octet-stream", data=b"abc")

    gateway.stub.messages = partial
    response = await gateway.client.get(STUDY)
    assert (response.status_code, response.content) == (status, b"abc")
    assert response.headers["content-range"] == "bytes 0-2/9"
    assert "x-http-status" not in response.headers


async def test_the_status_of_a_unary_success_is_the_servers(gateway: Gateway) -> None:
    async def accepted(context: Context) -> HttpBody:
        await context.send_initial_metadata((("x-http-status", "202"),))
        return HttpBody(content_type="application/dicom+json", data=b"{}")

    gateway.stub.answer = accepted
    assert (await gateway.client.get("/dicom-web/studies")).status_code == 202


async def test_not_modified_has_no_body(gateway: Gateway) -> None:
    async def not_modified(context: Context) -> AsyncIterator[HttpBody]:
        await context.send_initial_metadata((("x-http-status", "304"), ("etag", '"v1"')))
        yield HttpBody()

    gateway.stub.messages = not_modified
    for _ in range(2):  # the connection is good for another request
        response = await gateway.client.get(STUDY, headers={"if-none-match": '"v1"'})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == '"v1"'


ERRORS = [
    (grpc.StatusCode.INVALID_ARGUMENT, 400),
    (grpc.StatusCode.UNAUTHENTICATED, 401),
    (grpc.StatusCode.PERMISSION_DENIED, 403),
    (grpc.StatusCode.NOT_FOUND, 404),
    (grpc.StatusCode.INVALID_ARGUMENT, 406),
    (grpc.StatusCode.OUT_OF_RANGE, 416),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
    (grpc.StatusCode.INTERNAL, 500),
    (grpc.StatusCode.UNAVAILABLE, 502),
    (grpc.StatusCode.UNAVAILABLE, 503),
    (grpc.StatusCode.DEADLINE_EXCEEDED, 504),
]


@pytest.mark.parametrize("path", ["/dicom-web/studies", STUDY])
@pytest.mark.parametrize(("code", "status"), ERRORS)
async def test_an_error_has_the_servers_status_and_is_rich_json(
    gateway: Gateway, path: str, code: grpc.StatusCode, status: int
) -> None:
    async def unary(context: Context) -> HttpBody:
        await fail(context, code, status)
        raise AssertionError

    async def stream(context: Context) -> AsyncIterator[HttpBody]:
        await fail(context, code, status)
        yield HttpBody()

    gateway.stub.answer, gateway.stub.messages = unary, stream
    response = await gateway.client.get(path)
    body = response.json()
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert (body["code"], body["message"]) == (code.value[0], "as asked")
    assert not [name for name in response.headers if name.startswith("grpc-")]
    assert body["details"][0]["reason"] == "STUB"
    assert "x-http-status" not in response.headers
    assert ("retry-after" in response.headers) == (status in (429, 503))


async def test_retry_after_is_the_servers(gateway: Gateway) -> None:
    async def busy(context: Context) -> HttpBody:
        await fail(context, grpc.StatusCode.RESOURCE_EXHAUSTED, 429, **{"retry-after": "17"})
        raise AssertionError

    gateway.stub.answer = busy
    response = await gateway.client.get("/dicom-web/studies")
    assert (response.status_code, response.headers["retry-after"]) == (429, "17")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/nothing/here"),
        ("GET", "/dicom-web/studies/1.2.3/nothing"),
        ("GET", "/api/v1/nothing"),
        ("POST", "/radgate.v1.AdminService/ListTenants"),
        ("POST", "/radgate.dicomweb.v1.DicomWebService/SearchStudies"),
    ],
)
async def test_an_unknown_path_is_404_in_json(gateway: Gateway, method: str, path: str) -> None:
    response = await gateway.client.request(method, path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"code": 5, "message": "nothing is served at this path", "details": []}


async def test_a_slash_in_a_uid_is_refused(gateway: Gateway) -> None:
    response = await gateway.client.get("/dicom-web/studies/1.2%2F3/series")
    assert (response.status_code, response.json()["code"]) == (400, 3)
    assert gateway.stub.metadata == {}


async def test_dots_do_not_lead_out(gateway: Gateway) -> None:
    response = await gateway.client.get(httpx_raw_path(gateway, "/dicom-web/%2e%2e/api/v1/tenants"))
    assert response.json()["tenants"][0]["tenantId"] == "north"  # the path that it names, under that path's rules


def httpx_raw_path(gateway: Gateway, path: str) -> str:
    return f"http://{gateway.address}{path}"
