"""Pages of lists and searches (AIP-158): their sizes, and opaque tokens tied to the request that they continue."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from struct import Struct
from struct import error as StructError  # noqa: N812 (the module calls it error)
from typing import Any, NamedTuple

from radgate_server.core.errors import InvalidArgumentError

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000

_FORMAT = Struct(">Q8s")  # offset, fingerprint of the request
_MAX_OFFSET = 1 << 62  # with a page more, a database's integer has room for it


type PagedRequest = Any
"""A request message with the fields `page_size` and `page_token`."""


class RequestedPage(NamedTuple):
    """Items from `start` to before `end`. The next page, should there be one, has the token `following`."""

    start: int
    end: int
    following: str

    def cut[Item](self, items: Sequence[Item]) -> tuple[Sequence[Item], str]:
        """Cut the page out of a list that goes on to `end` + 1 or ends before; also its next_page_token."""
        return items[self.start : self.end], self.following if len(items) > self.end else ""


def page_size_of(request: PagedRequest) -> int:
    """Items that the page may have, 1 to 1000. Raises InvalidArgumentError for a negative number."""
    if request.page_size < 0:
        raise InvalidArgumentError("page_size", f"must be from 1 to {MAX_PAGE_SIZE}, or 0 for {DEFAULT_PAGE_SIZE}")
    return min(request.page_size, MAX_PAGE_SIZE) or DEFAULT_PAGE_SIZE


def requested_page(request: PagedRequest, tenant_id: str) -> RequestedPage:
    """Return which page of a list is asked for. Raises InvalidArgumentError, as page_size_of and read_page_token do."""
    size = page_size_of(request)
    start = read_page_token(request.page_token, request, tenant_id)
    return RequestedPage(start, start + size, make_page_token(start + size, request, tenant_id))


def make_page_token(offset: int, request: PagedRequest, tenant_id: str) -> str:
    """Name the page that begins at `offset` of what `request` finds."""
    return urlsafe_b64encode(_FORMAT.pack(offset, _fingerprint(request, tenant_id))).decode()


def read_page_token(token: str, request: PagedRequest, tenant_id: str) -> int:
    """Return the offset; 0 for the empty token.

    Raises:
        InvalidArgumentError: the token is malformed, or of another request or tenant.
    """
    if not token:
        return 0
    try:
        offset, fingerprint = _FORMAT.unpack(urlsafe_b64decode(token.encode("ascii")))
    except (ValueError, StructError):
        offset, fingerprint = _MAX_OFFSET, b""
    if offset >= _MAX_OFFSET:
        raise InvalidArgumentError("page_token", "is not one that this server gave")
    if fingerprint != _fingerprint(request, tenant_id):
        raise InvalidArgumentError("page_token", "is of another request; change nothing but page_size between pages")
    return int(offset)


def _fingerprint(request: PagedRequest, tenant_id: str) -> bytes:
    """Hash all fields but the page's own. No secret is needed: a forged token shows nothing but other pages."""
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("page_size")
    bare.ClearField("page_token")
    content = tenant_id.encode() + b"\0" + bare.SerializeToString(deterministic=True)
    return hashlib.blake2b(content, digest_size=8).digest()
