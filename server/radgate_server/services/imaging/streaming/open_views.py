"""The views that are open at this server, by the id that their viewers know them by."""

import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.errors import InvalidArgumentError, ResourceNotFoundError
from radgate_server.core.servers.peers import PriorityOutcome, ViewPriority
from radgate_server.services.imaging.streaming.frame_stream import FrameStream

_ID_BYTES = 16
_SEPARATOR = "."

type AskServer = Callable[[str, ViewPriority], Awaitable[PriorityOutcome]]
"""(the server's ID, the priority): have it done there. Raises ViewElsewhereError."""


class OpenViews:
    """Finds a view's stream for the one credential that opened it; for all others there is none.

    Ids begin with `server`, the ID of this one; `ask_server` has a priority done at another.
    """

    def __init__(self, server: str, ask_server: AskServer) -> None:
        self._server = server
        self._ask_server = ask_server
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

    async def prioritize(self, priority: ViewPriority) -> None:
        """Let something go first, at whichever server sends the view.

        Raises:
            ViewElsewhereError: another server gave the id, which can't be reached or has ended.
            ResourceNotFoundError: the credential has no such view open.
            InvalidArgumentError: the view does not have what is named.
        """
        server, separator, _ = priority.view_id.partition(_SEPARATOR)
        elsewhere = separator and server != self._server
        outcome = await self._ask_server(server, priority) if elsewhere else self.prioritize_here(priority)
        if outcome is PriorityOutcome.ENDED:
            raise ResourceNotFoundError("the view has ended, or never was; open one by ViewFrames", kind="view")
        if outcome is PriorityOutcome.NOT_PART:
            raise InvalidArgumentError("prioritize", "names a series or an instance that is not part of the stream")

    def prioritize_here(self, priority: ViewPriority) -> PriorityOutcome:
        """The same of a view that this server sends."""
        tenant_id, key_id, stream = self._views.get(priority.view_id, ("", "", None))
        if stream is None or (tenant_id, key_id) != (priority.tenant_id, priority.key_id):
            return PriorityOutcome.ENDED
        known = stream.prioritize(priority.series_instance_uid, priority.sop_instance_uid, whole=priority.whole)
        return PriorityOutcome.DONE if known else PriorityOutcome.NOT_PART
