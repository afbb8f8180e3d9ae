"""What this server sends to others that ask it for a study it holds."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

from radgate_server.core.errors import PacsUnreachableError, ResourceNotFoundError
from radgate_server.core.servers.peers import PeerRequest
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.retrieve.listing import ListingPart
from radgate_server.services.retrieve.retrieval import Delivery, RetrieveService

type Confirm = Callable[[str, str], Awaitable[bool]]
"""(tenant, Study Instance UID): has what is cached dropped if the PACS hold something else now; False: in doubt."""


class HeldStudies:
    """Serves from the cache, from fetches in progress, and from a fetch that it begins at the PACS itself.

    Who asks has recorded what the PACS say of the study, and will vouch by that for what it gets: so it has to be
    confirmed by a later answer of theirs, however lately it was confirmed for this server's own clients.
    Nothing is recorded in the audit trail: that is done where the client called.
    """

    def __init__(self, clients: PacsClients, retrieve: RetrieveService, confirm: Confirm) -> None:
        self._clients = clients
        self._retrieve = retrieve
        self._confirm = confirm

    @asynccontextmanager
    async def open(self, request: PeerRequest) -> AsyncIterator[AsyncIterator[Delivery]]:
        """The instances of the request as they become available.

        Raises:
            GatewayError: the PACS is unknown here, or nobody can confirm now what is cached.
        """
        client = await self._clients.unshared(request.tenant_id, request.pacs)
        if client is None:
            raise ResourceNotFoundError("the tenant has no PACS of this name", kind="pacs")
        if not await self._confirm(request.tenant_id, request.scope.study_instance_uid):
            raise PacsUnreachableError("what is cached of the study can't be confirmed now", pacs=request.pacs)
        part = ListingPart(client, request.listed, request.listed)
        async with (
            self._retrieve.open_part(request.tenant_id, request.scope, part) as retrieval,
            aclosing(aiter(retrieval)) as deliveries,
        ):
            yield deliveries
