"""Batches of one priority that wait: tenants take turns, and within each its calls. Pure."""

from collections import OrderedDict, deque

from radgate_server.adapters.imaging.workers.batch import Batch


class Line:
    """Whoever was served goes to the end: a tenant behind the other tenants, its call behind the tenant's others.

    A round has a bounded number of pixels to decode, so that turns are of about the same length.
    """

    def __init__(self) -> None:
        self._tenants: OrderedDict[str, deque[Batch]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._tenants)

    def append(self, batch: Batch) -> None:
        """Let the batch wait behind all of its tenant, and a tenant that waits for nothing yet behind the others."""
        self._tenants.setdefault(batch.tenant_id, deque()).append(batch)

    def appendleft(self, batch: Batch) -> None:
        """Let the batch be the next one of all."""
        self._tenants.setdefault(batch.tenant_id, deque()).appendleft(batch)
        self._tenants.move_to_end(batch.tenant_id, last=False)

    def popleft(self) -> Batch:
        """Take the next batch off; its tenant's turn is over."""
        tenant_id, batches = next(iter(self._tenants.items()))
        batch = batches.popleft()
        if batches:
            self._tenants.move_to_end(tenant_id)
        else:
            del self._tenants[tenant_id]
        return batch

    def remove(self, batch: Batch) -> None:
        """Let the batch wait no longer. Raises KeyError, ValueError when it doesn't."""
        batches = self._tenants[batch.tenant_id]
        batches.remove(batch)
        if not batches:
            del self._tenants[batch.tenant_id]

    def batches(self) -> list[Batch]:
        """All that wait. May be asked from any thread."""
        return [batch for batches in list(self._tenants.values()) for batch in list(batches)]

    def waiting_by_tenant(self) -> dict[str, int]:
        """How many jobs of each tenant wait."""
        return {tenant_id: sum(len(b.waiting) for b in batches) for tenant_id, batches in self._tenants.items()}
