"""What this server sends to others that ask it for a study it holds."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.core.servers.peers import PeerRequest
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.retrieve.listing import ListingPart
from radgate_server.services.retrieve.retrieval import Delivery, RetrieveService


class HeldStudies:
    """Serves from the cache, from fetches in progress, and from a fetch that it begins at the PACS itself.

    Nothing is recorded in the audit trail: that is done where the client called.
    """

    def __init__(self, clients: PacsClients, retrieve: RetrieveService) -> None:
        self._clients = clients
        self._retrieve = retrieve

    @asynccontextmanager
    async def open(self, request: PeerRequest) -> AsyncIterator[AsyncIterator[Delivery]]:
        """The instances of the request as they become available.

        Raises:
            GatewayError: the PACS is unknown here.
        """
        client = await self._clients.unshared(request.tenant_id, request.pacs)
        if client is None:
            raise ResourceNotFoundError("the tenant has no PACS of this name", kind="pacs")
        part = ListingPart(client, request.listed, request.listed)
        async with (
            self._retrieve.open_part(request.tenant_id, request.scope, part) as retrieval,
            aclosing(aiter(retrieval)) as deliveries,
        ):
            yield deliveries
