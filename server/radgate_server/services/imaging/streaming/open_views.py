"""The views that are open at this server, by the id that their viewers know them by."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.services.imaging.streaming.frame_stream import FrameStream

_ID_BYTES = 16


class OpenViews:
    """Finds a view's stream for the one credential that opened it; for all others there is none."""

    def __init__(self) -> None:
        self._views: dict[str, tuple[str, str, FrameStream]] = {}

    @contextmanager
    def opened(self, caller: Caller, stream: FrameStream) -> Iterator[str]:
        """Have it found within the block, by the id that is given."""
        view_id = secrets.token_urlsafe(_ID_BYTES)
        self._views[view_id] = (caller.tenant_id, caller.principal.key_id, stream)
        try:
            yield view_id
        finally:
            del self._views[view_id]

    def find(self, caller: Caller, view_id: str) -> FrameStream:
        """The view's stream.

        Raises:
            ResourceNotFoundError: the caller has no such view open at this server.
        """
        tenant_id, key_id, stream = self._views.get(view_id, ("", "", None))
        if stream is None or (tenant_id, key_id) != (caller.tenant_id, caller.principal.key_id):
            raise ResourceNotFoundError("no such view is open at this server; open it by ViewFrames", kind="view")
        return stream
