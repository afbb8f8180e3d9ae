"""The instances of a scope, one or many, as one stream."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from radgate_server.core.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.instances import InstanceHandle
from radgate_server.services.retrieve import Delivery, RetrieveService


@asynccontextmanager
async def open_deliveries(
    retrieve: RetrieveService, tenant_id: str, scope: RetrieveScope
) -> AsyncIterator[AsyncIterator[Delivery]]:
    """Open the scope; a single instance takes the short way, without a retrieval around it.

    Raises:
        ObjectNotFoundError: no PACS of the tenant has the scope.
        GatewayError: it can't be told, or the single instance could not be fetched.
    """
    if scope.series_instance_uid is not None and scope.sop_instance_uid is not None:
        ref = InstanceRef(scope.study_instance_uid, scope.series_instance_uid, scope.sop_instance_uid)
        yield _one(await retrieve.instance(tenant_id, ref))
        return
    async with retrieve.open(tenant_id, scope) as retrieval, aclosing(aiter(retrieval)) as deliveries:
        yield deliveries


async def _one(handle: InstanceHandle) -> AsyncIterator[Delivery]:
    yield handle
