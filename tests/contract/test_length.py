"""How long a streamed answer is, where the server says it."""

from collections.abc import AsyncIterator, Callable

import pytest
from google.api.httpbody_pb2 import HttpBody

from tests.contract.conftest import Gateway
from tests.contract.stub_server import Context

pytestmark = pytest.mark.asyncio(loop_scope="module")

STUDY = "/dicom-web/studies/1.2.3"
PIECES = (b"a" * 700_000, b"b" * 700_000, b"c")
LENGTH = sum(map(len, PIECES))


def reported(length: int, *metadata: tuple[str, str]) -> Callable[[Context], AsyncIterator[HttpBody]]:
    """A stream of the pieces that says to be so long."""

    async def messages(context: Context) -> AsyncIterator[HttpBody]:
        await context.send_initial_metadata((("x-content-length", str(length)), *metadata))
        for piece in PIECES:
            yield HttpBody(content_type="application/octet-stream", data=piece)

    return messages


@pytest.mark.parametrize("status", ["200", "206"])
async def test_a_stream_of_known_length_says_it_and_is_not_chunked(gateway: Gateway, status: str) -> None:
    gateway.stub.messages = reported(LENGTH, ("x-http-status", status))
    for _ in range(2):  # the connection is good for another request
        response = await gateway.client.get(STUDY)
        assert (response.status_code, response.content) == (int(status), b"".join(PIECES))
        assert response.headers["content-length"] == str(LENGTH)
        assert "transfer-encoding" not in response.headers
        assert "x-content-length" not in response.headers


async def test_a_stream_of_unknown_length_is_chunked(gateway: Gateway) -> None:
    response = await gateway.client.get(STUDY)
    assert "content-length" not in response.headers
    assert response.headers["transfer-encoding"] == "chunked"
