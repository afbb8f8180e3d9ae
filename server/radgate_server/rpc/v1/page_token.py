"""Opaque page tokens: where the next page begins, tied to the request that they continue."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from struct import Struct
from struct import error as StructError  # noqa: N812 (the module calls it error)

from google.protobuf.message import Message

from radgate_server.core.errors import InvalidArgumentError

_FORMAT = Struct(">Q8s")  # offset, fingerprint of the request


def make_page_token(offset: int, request: Message, tenant_id: str) -> str:
    """Name the page that begins at `offset` of what `request` finds."""
    return urlsafe_b64encode(_FORMAT.pack(offset, _fingerprint(request, tenant_id))).decode()


def read_page_token(token: str, request: Message, tenant_id: str) -> int:
    """Return the offset; 0 for the empty token.

    Raises:
        InvalidArgumentError: the token is malformed, or of another request or tenant.
    """
    if not token:
        return 0
    try:
        offset, fingerprint = _FORMAT.unpack(urlsafe_b64decode(token.encode("ascii")))
    except (ValueError, StructError):
        raise InvalidArgumentError("page_token", "is not one that this server gave") from None
    if fingerprint != _fingerprint(request, tenant_id):
        raise InvalidArgumentError("page_token", "belongs to another request; change nothing else between pages")
    return int(offset)


def _fingerprint(request: Message, tenant_id: str) -> bytes:
    """Hash all fields but the token itself. No secret is needed: a forged token shows nothing but other pages."""
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("page_token")
    content = tenant_id.encode() + b"\0" + bare.SerializeToString(deterministic=True)
    return hashlib.blake2b(content, digest_size=8).digest()
