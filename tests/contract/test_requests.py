"""What reaches the server of a request, and which requests do not reach it."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from google.api.httpbody_pb2 import HttpBody

from tests.contract.conftest import ORIGIN, PATIENCE_S, Gateway
from tests.contract.stub_server import Context

pytestmark = pytest.mark.asyncio(loop_scope="module")

STUDY = "/dicom-web/studies/1.2.3"


async def test_the_server_sees_query_credentials_and_negotiation(gateway: Gateway) -> None:
    sent = {
        "authorization": "Bearer k",
        "x-tenant-id": "north",
        "accept": "application/dicom+json",
        "traceparent": "00-1",
    }
    await gateway.client.get("/dicom-web/studies?PatientName=*x*&00081115.00080018=1.2&study=9", headers=sent)
    seen = gateway.stub.metadata
    assert seen["x-envoy-original-path"] == "/dicom-web/studies?PatientName=*x*&00081115.00080018=1.2&study=9"
    assert {name: seen[name] for name in sent} == sent


async def test_the_server_can_link_back_to_where_the_client_came(gateway: Gateway) -> None:
    await gateway.client.get("/dicom-web/studies", headers={"host": "pacs.example:8443"})
    assert gateway.stub.metadata["x-forwarded-host"] == "pacs.example:8443"
    assert gateway.stub.metadata["x-forwarded-proto"] == "http"


async def test_a_client_cannot_set_what_the_gateway_sets(gateway: Gateway) -> None:
    forged = {
        "x-envoy-original-path": "/forged",
        "x-forwarded-host": "forged",
        "x-forwarded-proto": "https",
        "x-forwarded-for": "203.0.113.9",
        "forwarded": "host=forged",
        "x-radgate-role": "forged",
        "x-radgate-client": "1 forged forged",
        "x-http-status": "500",
        "x-request-id": "forged",
    }
    response = await gateway.client.get("/dicom-web/studies", headers=forged)
    seen = gateway.stub.metadata
    assert response.status_code == 200
    assert "forged" not in " ".join(seen.values())
    assert seen["x-forwarded-proto"] == "http"
    assert "x-forwarded-for" not in seen
    connection, address, _ = seen["x-radgate-client"].split(" ")
    assert (connection.isdecimal(), address) == (True, "127.0.0.1")
    assert seen["x-request-id"] == response.headers["x-request-id"] != "forged"


INSTANCE = f"{STUDY}/series/4.5/instances/6.7"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (f"{INSTANCE}/frames/1,2,3", "6.7 1,2,3"),
        (f"{INSTANCE}/frames/1%2C2", "6.7 1,2"),
        (f"{INSTANCE}/frames/1?instance=9.9&frames=8", "6.7 1"),
        (f"{INSTANCE}/bulkdata/54000100/0/54001010", "6.7 54000100/0/54001010"),
    ],
)
async def test_the_path_names_the_object(gateway: Gateway, path: str, named: str) -> None:
    assert (await gateway.client.get(path)).text == named


@pytest.mark.parametrize("kind", ["rendered", "thumbnail"])
@pytest.mark.parametrize(
    ("place", "named"),
    [
        (STUDY, "1.2.3"),
        (f"{STUDY}/series/4.5", "1.2.3 4.5"),
        (INSTANCE, "1.2.3 4.5 6.7"),
        (f"{INSTANCE}/frames/1%2C2", "1.2.3 4.5 6.7 1,2"),
    ],
)
async def test_pictures_are_for_the_client_alone_and_asked_for_again(
    gateway: Gateway, kind: str, place: str, named: str
) -> None:
    path = f"{place}/{kind}?viewport=64,64&window=40,400,linear"
    response = await gateway.client.get(path, headers={"origin": ORIGIN})
    assert (response.status_code, response.text, response.headers["etag"]) == (200, named, '"tag"')
    assert response.headers["content-type"] == "image/jpeg"
    assert gateway.stub.metadata["x-envoy-original-path"] == path
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["vary"] == "accept, authorization, x-tenant-id"
    assert "etag" in response.headers["access-control-expose-headers"]
    same = await gateway.client.get(path, headers={"if-none-match": '"tag"'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", '"tag"')


async def test_a_deadline_of_grpc_means_nothing_over_rest(gateway: Gateway) -> None:
    response = await gateway.client.get(f"{INSTANCE}/rendered", headers={"grpc-timeout": "1n"})
    assert response.status_code == 200


@pytest.mark.parametrize("root", ["/thumbnails", "/dicom-web/thumbnails"])
async def test_thumbnails_by_instance_are_served_at_both_of_their_places(gateway: Gateway, root: str) -> None:
    response = await gateway.client.get(f"{root}/1.2.3?size=64")
    assert (response.status_code, response.text) == (200, "1.2.3")
    for path in (root, f"{root}/1.2/3"):
        assert (await gateway.client.get(path)).status_code == 404


@pytest.mark.parametrize("root", ["/wado", "/dicom-web/wado"])
async def test_wado_uri_is_served_at_both_of_its_places(gateway: Gateway, root: str) -> None:
    query = "?requestType=WADO&studyUID=1.2&seriesUID=3&objectUID=4&contentType=application%2Fdicom&study=9"
    response = await gateway.client.get(root + query, headers={"accept": "application/dicom"})
    assert (response.status_code, response.content) == (200, b"one")
    assert gateway.stub.metadata["x-envoy-original-path"] == root + query
    assert gateway.stub.metadata["accept"] == "application/dicom"


async def test_a_custom_verb_follows_a_name(gateway: Gateway) -> None:
    response = await gateway.client.post("/api/v1/pacs/archive:test", json={})
    assert response.json()["detail"] == "archive"


@pytest.mark.parametrize(
    "query",
    ["updateMask=dimse.port,failover.failbackAfter", "update_mask=dimse.port,failover.failback_after"],
)
async def test_an_update_takes_its_mask_from_the_query(gateway: Gateway, query: str) -> None:
    response = await gateway.client.patch(
        f"/api/v1/pacs/archive?{query}",
        json={"dimse": {"port": 105}, "failover": {"failbackAfter": "90s"}},
    )
    assert response.json()["pacs"]["failover"]["failbackAfter"] == "90s"
    received = gateway.stub.received
    assert received is not None
    assert (received.pacs.name, received.pacs.dimse.port) == ("archive", 105)
    assert list(received.update_mask.paths) == ["dimse.port", "failover.failback_after"]


async def test_an_update_may_come_without_a_mask(gateway: Gateway) -> None:
    response = await gateway.client.patch("/api/v1/pacs/archive?skipValidation=true", json={"backupFor": "main"})
    assert response.json()["pacs"]["backupFor"] == "main"
    received = gateway.stub.received
    assert received is not None
    assert (list(received.update_mask.paths), received.skip_validation) == ([], True)


async def test_pacs_are_detected_and_switched_over_by_their_urls(gateway: Gateway) -> None:
    url = "/api/v1/pacs"
    found = await gateway.client.post(f"{url}/auto-detect", json={"endpoint": "pacs.example", "port": 104})
    assert found.json()["hints"] == ["pacs.example 104"]
    switched = await gateway.client.post(f"{url}/archive:failover", json={"targetPacs": "spare"})
    assert switched.json()["transition"]["toPacs"] == "spare"
    history = await gateway.client.get(f"{url}/archive/transitions?pageSize=2")
    assert [each["primaryPacs"] for each in history.json()["transitions"]] == ["archive"] * 2


async def test_jobs_have_urls(gateway: Gateway) -> None:
    url = "/api/v1/jobs"
    work = {"studyInstanceUid": "1.2", "transferSyntaxUid": "1.2.840"}
    created = await gateway.client.post(url, json={"transcodeStudy": work, "requestId": "mine"})
    assert created.json()["job"]["transcodeStudy"] == {**work, "seriesInstanceUid": "", "quality": 0}
    assert created.json()["job"]["createTime"].endswith("Z")
    got = await gateway.client.get(f"{url}/mine")
    listed = await gateway.client.get(url)
    cancelled = await gateway.client.post(f"{url}/mine:cancel", json={})
    assert got.json()["job"]["jobId"] == "mine"
    assert [job["jobId"] for job in listed.json()["jobs"]] == ["newer", "older"]
    assert cancelled.json()["job"]["jobId"] == "mine cancelled"


async def test_jobs_that_are_too_many_are_refused_with_the_time_to_wait(gateway: Gateway) -> None:
    response = await gateway.client.get("/api/v1/jobs/full")
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")


async def test_rest_is_served_over_http_2(gateway: Gateway) -> None:
    async with httpx.AsyncClient(http1=False, http2=True, timeout=PATIENCE_S) as client:
        response = await client.get(f"http://{gateway.address}/dicom-web/studies")
    assert (response.http_version, response.status_code) == ("HTTP/2", 200)


async def test_headers_that_are_too_large_are_refused(gateway: Gateway) -> None:
    large = await gateway.client.get("/dicom-web/studies", headers={"x-large": "a" * 40_000})
    many = await gateway.client.get("/dicom-web/studies", headers={f"x-{number}": "a" for number in range(80)})
    assert (large.status_code, many.status_code) == (431, 431)
    assert gateway.stub.metadata == {}


async def test_a_body_that_is_too_large_is_refused(gateway: Gateway) -> None:
    response = await gateway.client.post("/api/v1/tenants", json={"tenantId": "a" * 2_000_000})
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/json"


async def test_admin_json_has_protobufs_names(gateway: Gateway) -> None:
    response = await gateway.client.post("/api/v1/tenants", json={"tenantId": "south"})
    assert response.json()["tenant"]["tenantId"] == "south"


async def test_json_that_is_none_is_refused(gateway: Gateway) -> None:
    response = await gateway.client.post("/api/v1/tenants", content=b"{", headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json"


async def test_large_json_is_compressed_and_other_things_are_not(gateway: Gateway) -> None:
    async def large(context: Context) -> HttpBody:
        return HttpBody(content_type="application/dicom+json", data=json.dumps(["x" * 100] * 60_000).encode())

    async def image(context: Context) -> AsyncIterator[HttpBody]:
        yield HttpBody(content_type='multipart/related; type="application/dicom"', data=b"a" * 10_000)

    gateway.stub.answer, gateway.stub.messages = large, image
    found = await gateway.client.get("/dicom-web/studies", headers={"accept-encoding": "gzip"})
    assert found.headers["content-encoding"] == "gzip"
    assert len(found.json()) == 60_000
    retrieved = await gateway.client.get(STUDY, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in retrieved.headers


async def test_a_stream_passes_before_it_ends(gateway: Gateway) -> None:
    resume = asyncio.Event()

    async def slow(context: Context) -> AsyncIterator[HttpBody]:
        yield HttpBody(content_type="application/octet-stream", data=b"first")
        await resume.wait()
        yield HttpBody(data=b"second")

    gateway.stub.messages = slow
    async with gateway.client.stream("GET", STUDY) as response:
        pieces = response.aiter_raw()
        assert await anext(pieces) == b"first"
        resume.set()
        assert await anext(pieces) == b"second"


async def test_a_client_that_goes_cancels_the_servers_call(gateway: Gateway) -> None:
    async def endless(context: Context) -> AsyncIterator[HttpBody]:
        yield HttpBody(content_type="application/octet-stream", data=b"first")
        await asyncio.Event().wait()

    gateway.stub.messages = endless
    async with gateway.client.stream("GET", STUDY) as response:
        assert await anext(response.aiter_raw()) == b"first"
        assert not gateway.stub.cancelled.is_set()
    assert await asyncio.wait_for(gateway.stub.cancelled.wait(), PATIENCE_S)


async def test_a_browser_of_an_allowed_origin_may_ask(gateway: Gateway) -> None:
    preflight = {
        "origin": ORIGIN,
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization,x-tenant-id",
    }
    asked = await gateway.client.options(STUDY, headers=preflight)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    assert {"authorization", "x-tenant-id", "range"} <= set(asked.headers["access-control-allow-headers"].split(", "))
    answer = await gateway.client.get(STUDY, headers={"origin": ORIGIN})
    exposed = set(answer.headers["access-control-expose-headers"].split(", "))
    assert {
        "content-range",
        "content-length",
        "etag",
        "warning",
        "retry-after",
        "traceparent",
        "x-request-id",
    } <= exposed
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/nothing", STUDY])
async def test_other_origins_are_not_allowed(gateway: Gateway, path: str) -> None:
    response = await gateway.client.get(path, headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in response.headers
