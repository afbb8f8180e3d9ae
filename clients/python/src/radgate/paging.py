"""Lists that the server gives page by page, whole."""

from collections.abc import Callable, Sequence
from typing import Any

_PAGE_SIZE = 1000

type Call = Callable[[Callable[..., Any], Any], Any]
"""Makes a unary call of a client."""


def list_all(call: Call, rpc: Callable[..., Any], request: Any, field: str) -> Sequence[Any]:
    """All items of a list; `field` holds them in each response."""
    items: list[Any] = []
    request.page_size = _PAGE_SIZE
    while True:
        response = call(rpc, request)
        items += getattr(response, field)
        if not response.next_page_token:
            return tuple(items)
        request.page_token = response.next_page_token


async def list_all_async(call: Call, rpc: Callable[..., Any], request: Any, field: str) -> Sequence[Any]:
    """The same for asyncio."""
    items: list[Any] = []
    request.page_size = _PAGE_SIZE
    while True:
        response = await call(rpc, request)
        items += getattr(response, field)
        if not response.next_page_token:
            return tuple(items)
        request.page_token = response.next_page_token
