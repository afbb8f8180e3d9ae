"""The views that are open at this server, by the id that their viewers know them by."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.errors import ResourceNotFoundError, ViewElsewhereError
from radgate_server.services.imaging.streaming.frame_stream import FrameStream

_ID_BYTES = 16
_SERVER_BYTES = 6
_SEPARATOR = "."


class OpenViews:
    """Finds a view's stream for the one credential that opened it; for all others there is none."""

    def __init__(self) -> None:
        self._server = secrets.token_urlsafe(_SERVER_BYTES)  # which its ids begin with, until it ends
        self._views: dict[str, tuple[str, str, FrameStream]] = {}

    @contextmanager
    def opened(self, caller: Caller, stream: FrameStream) -> Iterator[str]:
        """Have it found within the block, by the id that is given."""
        view_id = self._server + _SEPARATOR + secrets.token_urlsafe(_ID_BYTES)
        self._views[view_id] = (caller.tenant_id, caller.principal.key_id, stream)
        try:
            yield view_id
        finally:
            del self._views[view_id]

    def find(self, caller: Caller, view_id: str) -> FrameStream:
        """The view's stream.

        Raises:
            ViewElsewhereError: another server gave the id, or this one before it was started again.
            ResourceNotFoundError: the caller has no such view open at this server.
        """
        server, separator, _ = view_id.partition(_SEPARATOR)
        if separator and server != self._server:
            raise ViewElsewhereError("the view is of another server, or of this one before it was started again")
        tenant_id, key_id, stream = self._views.get(view_id, ("", "", None))
        if stream is None or (tenant_id, key_id) != (caller.tenant_id, caller.principal.key_id):
            raise ResourceNotFoundError("the view has ended, or never was; open one by ViewFrames", kind="view")
        return stream
