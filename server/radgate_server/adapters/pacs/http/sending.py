"""Sends a request; what may be repeated goes again when a connection that was kept open turns out to be gone.

A server closes a connection that lies idle, maybe just while the next request is in transit (RFC 9112 9.5). For how
long it has lain there, the server counts from the last byte that it gave to its network: over a slow one, the
connection may be gone before the answer has come. So no time of our own would be short enough.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from radgate_server.adapters.pacs.http.failures import as_pacs_errors
from radgate_server.core.errors import PacsAbortedError, PacsTimeoutError, PacsUnreachableError

_REPETITIONS = 4
"""As many connections as a retrieve uses at once may be lost together. Each attempt uses one of them up."""

type Body = bytes | Callable[[], AsyncIterator[bytes]]
"""A body as it is, or a function that makes it again each time that it is sent."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. One that is `repeatable` does no more when it is sent twice (idempotent, RFC 9110 9.2.2)."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Body | None = field(default=None, repr=False)
    repeatable: bool = False

    def with_headers(self, headers: Mapping[str, str]) -> "Request":
        """The same request with these headers too."""
        return replace(self, headers={**self.headers, **headers})


async def send(pacs: str, client: httpx.AsyncClient, request: Request) -> httpx.Response:
    """Send it, and return with the head of the response.

    Raises:
        PacsError: no answer came.
    """
    for _ in range(_REPETITIONS if request.repeatable else 0):
        opening = _Opening()
        try:
            return await _send_once(pacs, client, request, opening)
        except PacsAbortedError:
            if opening.seen:
                raise
    return await _send_once(pacs, client, request, _Opening())


class _Opening:
    """Sees whether a connection is opened for a request; httpcore reports each step to it that it takes.

    From when the head of the response is waited for, `head` ends the waiting: informational responses (1xx) may come
    without end, each of them in time.
    """

    def __init__(self) -> None:
        self.seen = False
        self.head = asyncio.timeout(None)

    async def __call__(self, step: str, details: Mapping[str, Any]) -> None:
        self.seen = self.seen or step.startswith("connection.connect")
        if step.endswith("receive_response_headers.started"):
            patience_s = details["request"].extensions["timeout"]["read"]
            self.head.reschedule(asyncio.get_running_loop().time() + patience_s)


async def _send_once(pacs: str, client: httpx.AsyncClient, request: Request, opening: _Opening) -> httpx.Response:
    if client.is_closed:
        raise PacsUnreachableError("the connection to the PACS is closed", pacs=pacs)
    content = request.body() if callable(request.body) else request.body
    with as_pacs_errors(pacs):
        prepared = client.build_request(
            request.method, request.url, headers=request.headers, content=content, extensions={"trace": opening}
        )
        try:
            async with opening.head:
                return await client.send(prepared, stream=True)
        except TimeoutError:
            raise PacsTimeoutError("the PACS does not come to the point of its answer", pacs=pacs) from None
