"""Posts to a receiver, and says whether it took it."""

import json
import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import httpx

from radgate_server.core.errors import NotDeliveredError

TIMEOUT_S = 10.0
_PASSING = frozenset((408, 425, 429))


async def post_json(url: str, body: bytes, headers: Mapping[str, str], ca_file: Path | None) -> None:
    """Post JSON; see `post`."""
    await post(url, body, {"content-type": "application/json; charset=utf-8", **headers}, ca_file)


async def post(url: str, body: bytes, headers: Mapping[str, str], ca_file: Path | None) -> None:
    """Post `body`. A connection of its own for each: notices are rare.

    Redirects are not followed. Of the answer nothing but the status is read.

    Raises:
        NotDeliveredError: any status but 2xx, or no answer. The text of neither is reported: URLs may be secrets.
    """
    try:
        async with (
            httpx.AsyncClient(verify=_trusting(ca_file), timeout=TIMEOUT_S) as client,
            client.stream("POST", url, content=body, headers=dict(headers)) as response,
        ):
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotDeliveredError(f"it can't be reached ({type(error).__name__})", passing=True) from None
    if not httpx.codes.is_success(status):
        raise NotDeliveredError(f"it answered with HTTP status {status}", passing=status >= 500 or status in _PASSING)


def encode(document: Mapping[str, object]) -> bytes:
    """Write the document as compact JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Make a context that trusts the system's authorities and those of `ca_file`.

    Raises:
        NotDeliveredError: the file can't be read.
    """
    try:
        context = ssl.create_default_context()
        if ca_file is not None:
            context.load_verify_locations(cafile=ca_file)
    except (OSError, ValueError):
        raise NotDeliveredError("the receiver's ca_file can't be used", passing=True) from None
    return context


_trusting = lru_cache(maxsize=16)(trusting)
