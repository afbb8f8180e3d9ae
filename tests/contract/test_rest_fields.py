"""The names of a JSON body's fields reach the server, which the transcoder drops those of that it doesn't know."""

import json

import pytest

from tests.contract.conftest import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

PACS = "/api/v1/pacs/main"


async def fields(gateway: Gateway, body: bytes) -> list[str]:
    response = await gateway.client.patch(PACS, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200, response.text
    return sorted(gateway.stub.metadata.get("x-radgate-fields", "").split(","))


async def test_each_name_is_sent_once_by_its_path(gateway: Gateway) -> None:
    body = {"dimse": {"port": 104, "tls": {"caFile": 'a\\"}{'}}, "rows": [{"a": 1}, {"a": None, "b": [[{"c": True}]]}]}
    expected = ["dimse", "dimse.port", "dimse.tls", "dimse.tls.caFile", "rows", "rows.a", "rows.b", "rows.b.c"]
    assert await fields(gateway, json.dumps(body, indent=2).encode()) == expected


async def test_a_name_that_an_object_has_twice_is_sent_twice(gateway: Gateway) -> None:
    assert await fields(
        gateway, b'{"name": "a", "dimse": {"port": 1, "port": 2}, "name": "b", "rows": [{"a": 1}, {"a": 2}]}'
    ) == [*("dimse", "dimse.port", "dimse.port", "name", "name", "rows", "rows.a")]


async def test_names_of_any_characters_stay_apart(gateway: Gateway) -> None:
    body = {"a.b": 1, "ä,": 2, "%": {"x y": -1.5e3}, "c": {}}
    assert await fields(gateway, json.dumps(body, ensure_ascii=False).encode()) == sorted(
        ["a%2Eb", "%C3%A4%2C", "%25", "%25.x%20y", "c"]
    )


async def test_a_client_cannot_name_fields_in_the_gateways_place(gateway: Gateway) -> None:
    await gateway.client.patch(PACS, json={"nonsense": 1}, headers={"x-radgate-fields": "dimse"})
    assert gateway.stub.metadata["x-radgate-fields"] == "nonsense"


@pytest.mark.parametrize(
    "body",
    [
        b"{'nonsense': 1}",
        b"{nonsense: 1}",
        b'{"name": "a",}',
        b'{"name": "a"} {"nonsense": 1}',
        b'{"name": "a',
        b'{"name": "a\nb"}',
        b"[" * 33 + b"]" * 33,
        json.dumps({f"field{number}": number for number in range(2000)}).encode(),
    ],
)
async def test_what_could_be_read_differently_is_refused(gateway: Gateway, body: bytes) -> None:
    response = await gateway.client.patch(PACS, content=body)
    assert (response.status_code, response.json()["code"]) == (400, 3)
    assert gateway.stub.received is None
