"""The instances of a scope, one or many, as one stream."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import GatewayError
from radgate_server.rpc.dicomweb.answers.warnings import refused_warnings, unanswered_warnings
from radgate_server.services.retrieve.retrieval import Delivery, RetrieveService


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The instances as they come; `unanswered` names PACS that did not answer and might hold more of the scope.

    `refused` are those that are known not to come: the answer says so beforehand, and is whole without them.
    """

    stream: AsyncIterator[Delivery]
    unanswered: tuple[str, ...] = ()
    refused: frozenset[InstanceRef] = frozenset()

    def unforeseen(self, ref: InstanceRef, error: GatewayError) -> GatewayError | None:
        """The error, unless the warnings have said that the instance would not come."""
        return None if ref in self.refused else error

    def warnings(self) -> list[tuple[str, str]]:
        """What has to be said before the first instance."""
        return [*unanswered_warnings(self.unanswered), *refused_warnings(len(self.refused))]


@asynccontextmanager
async def open_deliveries(retrieve: RetrieveService, tenant_id: str, scope: RetrieveScope) -> AsyncIterator[Deliveries]:
    """Open the scope; a single instance takes the short way, without a retrieval around it.

    Raises:
        ObjectNotFoundError: no PACS of the tenant has the scope.
        GatewayError: it can't be determined, or the single instance could not be fetched.
    """
    if scope.series_instance_uid is not None and scope.sop_instance_uid is not None:
        ref = InstanceRef(scope.study_instance_uid, scope.series_instance_uid, scope.sop_instance_uid)
        yield Deliveries(_one(await retrieve.instance(tenant_id, ref)))
        return
    async with retrieve.open(tenant_id, scope) as retrieval, aclosing(aiter(retrieval)) as deliveries:
        yield Deliveries(deliveries, retrieval.unanswered, frozenset(failure.ref for failure in retrieval.refused))


async def _one(handle: InstanceHandle) -> AsyncIterator[Delivery]:
    yield handle
