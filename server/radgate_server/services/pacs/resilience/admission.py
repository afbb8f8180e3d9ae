"""Who may go next where several limits hold at the same time. Decisions alone: nobody is woken or timed here.

Each operation needs room in three places at once: at the endpoint (a host and port, which several tenants may have
configured), in the connections of its PACS, and in what its tenant may do at all its PACS. It takes room in all or in
none, so that nobody holds one thing while waiting for another.

Operations are of four classes (`Urgency`). Transfers leave a share of each capacity to searches and listings, and
listings leave one to searches, which therefore seldom wait. When capacity is free, a class goes first that has less in
progress at its PACS than its least share, whatever the others need; then searches go before listings, and listings
before transfers. Background transfers have no least share: they go when nobody else can, and are asked to give way when
somebody else must wait for a place that they hold (ADR 66).
Within a class the tenant goes first that has the least in progress at the endpoint, among equals the one served the
longest ago; of one tenant, its queues take turns; within a queue, first come is first served.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from weakref import WeakValueDictionary


class Urgency(IntEnum):
    """The classes of operations, the most urgent first."""

    SEARCH = 0
    """Somebody waits for the answer: queries, health checks, news."""
    LISTING = 1
    """Lists what a retrieve is to bring."""
    TRANSFER = 2
    """Moves instances, for minutes perhaps."""
    BACKGROUND = 3
    """Moves instances that nobody waits for."""


def reserved(limit: int, urgency: Urgency) -> int:
    """How many of so many places the class leaves to those that are more urgent.

    Transfers leave a quarter: one of up to four places, at least two of more. Listings leave half of that, at least one
    of three places. Background transfers leave three quarters. Of a single place nobody leaves anything.
    """
    if limit == 1 or urgency is Urgency.SEARCH:
        return 0
    if urgency is Urgency.BACKGROUND:
        return limit - max(1, limit // 4)
    if urgency is Urgency.LISTING:
        return 0 if limit == 2 else max(1, limit // 8)
    return 1 if limit <= 4 else max(2, limit // 4)


def least_share(limit: int) -> int:
    """How many places of so many each class gets before the urgency of others counts."""
    return max(1, limit // 8)


@dataclass(frozen=True, slots=True)
class QueueKey:
    """Who asks for what; those alike wait in one queue. `connections` is the size of the PACS's pool."""

    endpoint: str
    tenant_id: str
    pacs: str
    connections: int
    urgency: Urgency


@dataclass(slots=True, weakref_slot=True)
class Capacity:
    """A limit, and what is in progress within it. `served` is the number of the last admission.

    `whole` is the limit of all servers together, None for none, `limit` this one's share of it.
    """

    whole: int | None
    limit: int | None
    waiting: int = 0
    served: int = 0
    running_of: list[int] = field(default_factory=lambda: [0] * len(Urgency))

    @property
    def running(self) -> int:
        """Of all classes together."""
        return sum(self.running_of)

    def has_place(self, urgency: Urgency) -> bool:
        """Whether one more fits."""
        if self.limit is None:
            return True
        if urgency is Urgency.BACKGROUND and not self.has_place(Urgency.TRANSFER):
            return False  # what transfers leave to others is not for it either
        not_more_urgent = sum(self.running_of[urgency:])
        return self.running < self.limit and not_more_urgent < self.limit - reserved(self.limit, urgency)


@dataclass(slots=True, eq=False, weakref_slot=True)
class OperationQueue:
    """Where those alike wait, in order. `share` is what the tenant has in progress at the endpoint."""

    queue_key: QueueKey
    pacs: Capacity
    share: Capacity
    capacities: tuple[Capacity, ...]
    waiting: "deque[Reservation]" = field(default_factory=deque)
    served: int = 0

    def may_go(self) -> bool:
        """Whether every capacity has a free place."""
        return all(capacity.has_place(self.queue_key.urgency) for capacity in self.capacities)

    def rank(self) -> tuple[int, int, int, int]:
        """The lowest goes first."""
        urgency = self.queue_key.urgency
        if urgency is Urgency.BACKGROUND:
            return 1 + urgency, self.share.running, self.share.served, self.served
        has_least = self.pacs.running_of[urgency] >= least_share(self.queue_key.connections)
        return (1 + urgency) * has_least, self.share.running, self.share.served, self.served


@dataclass(slots=True, eq=False)
class Reservation:
    """One operation: it waits, then it is admitted, then it leaves. `gives_way`: it should leave soon, for others."""

    queue: OperationQueue
    admitted: bool = False
    gives_way: bool = False


class Admission:
    """Admits operations within limits. Each that enters leaves once, whether or not it was admitted."""

    def __init__(self, *, per_endpoint: int, per_tenant: int) -> None:
        self._per_endpoint = per_endpoint
        self._per_tenant = per_tenant
        # A queue lives while somebody refers to it, a capacity while one of its queues does.
        self._queues: WeakValueDictionary[QueueKey, OperationQueue] = WeakValueDictionary()
        self._capacities: WeakValueDictionary[tuple[str, ...], Capacity] = WeakValueDictionary()
        self._waiting: dict[OperationQueue, None] = {}  # in the order in which they began to
        self._background: dict[Reservation, None] = {}  # those admitted, in the order in which they were
        self._servers = 1
        self._served = 0

    def queue(self, queue_key: QueueKey) -> OperationQueue:
        """The queue of the applicant; hold a reference to it for as long as there may be operations for it."""
        queue = self._queues.get(queue_key)
        if queue is None:
            queue = self._queues[queue_key] = self._open_queue(queue_key)
        return queue

    def enter(self, queue: OperationQueue) -> Reservation:
        """Take a place at once if there is one (then it is `admitted`), else the last one in the queue."""
        reservation = Reservation(queue)
        # Nobody is overtaken: whoever waits, waits because one of its capacities is full.
        if not queue.waiting and queue.may_go():
            self._admit(reservation)
        else:
            self._begin_waiting(reservation)
        return reservation

    def move(self, reservation: Reservation, queue: OperationQueue) -> list[Reservation]:
        """Make it one of another class, at its place if it is admitted, else the last of its queue.

        Returns who is admitted by it.
        """
        if not reservation.admitted:
            reservation.queue.waiting.remove(reservation)
            self._stopped_waiting(reservation)
            reservation.queue = queue
            self._begin_waiting(reservation)
            return self._fill()
        for capacity in queue.capacities:
            capacity.running_of[reservation.queue.queue_key.urgency] -= 1
            capacity.running_of[queue.queue_key.urgency] += 1
        self._background.pop(reservation, None)
        reservation.queue, reservation.gives_way = queue, False
        return self._fill()

    def leave(self, reservation: Reservation) -> list[Reservation]:
        """Give the place back, or give up waiting. Returns who was admitted instead."""
        queue = reservation.queue
        if not reservation.admitted:
            queue.waiting.remove(reservation)
            self._stopped_waiting(reservation)
            return []
        for capacity in queue.capacities:
            capacity.running_of[queue.queue_key.urgency] -= 1
        self._background.pop(reservation, None)
        return self._fill()

    def share(self, servers: int) -> list[Reservation]:
        """Keep to the share of one of so many servers from now on. Returns who is admitted by it.

        What is in progress stays, also above the share. Each server has at least one place in each capacity.
        """
        self._servers = servers
        for capacity in self._capacities.values():
            capacity.limit = self._share_of(capacity.whole)
        return self._fill()

    def _share_of(self, limit: int | None) -> int | None:
        return None if limit is None else max(1, limit // self._servers)

    def _fill(self) -> list[Reservation]:
        admitted = []
        while queues := [queue for queue in self._waiting if queue.may_go()]:
            reservation = min(queues, key=OperationQueue.rank).waiting.popleft()
            self._stopped_waiting(reservation)
            self._admit(reservation)
            admitted.append(reservation)
        for queue in self._waiting:
            self._ask_to_give_way(queue)
        return admitted

    def _admit(self, reservation: Reservation) -> None:
        queue = reservation.queue
        reservation.admitted = True
        self._served += 1
        queue.served = queue.share.served = self._served
        for capacity in queue.capacities:
            capacity.running_of[queue.queue_key.urgency] += 1
        if queue.queue_key.urgency is Urgency.BACKGROUND:
            self._background[reservation] = None

    def _begin_waiting(self, reservation: Reservation) -> None:
        queue = reservation.queue
        queue.waiting.append(reservation)
        queue.pacs.waiting += 1
        self._waiting[queue] = None
        self._ask_to_give_way(queue)

    def _ask_to_give_way(self, queue: OperationQueue) -> None:
        """Of each capacity that is full, have a background transfer end for each one that waits in the queue."""
        if queue.queue_key.urgency is Urgency.BACKGROUND or not self._background:
            return
        for full in [capacity for capacity in queue.capacities if not capacity.has_place(queue.queue_key.urgency)]:
            within = [each for each in self._background if any(one is full for one in each.queue.capacities)]
            asked = sum(each.gives_way for each in within)
            for each in [each for each in within if not each.gives_way][: max(0, len(queue.waiting) - asked)]:
                each.gives_way = True

    def _stopped_waiting(self, reservation: Reservation) -> None:
        reservation.queue.pacs.waiting -= 1
        if not reservation.queue.waiting:
            del self._waiting[reservation.queue]

    def _open_queue(self, queue_key: QueueKey) -> OperationQueue:
        endpoint, tenant_id = queue_key.endpoint, queue_key.tenant_id
        pacs = self._capacity(queue_key.connections, "pacs", tenant_id, queue_key.pacs, str(queue_key.connections))
        share = self._capacity(None, "share", endpoint, tenant_id)
        shared = self._capacity(self._per_endpoint, "endpoint", endpoint)
        tenant = self._capacity(self._per_tenant, "tenant", tenant_id)
        return OperationQueue(queue_key, pacs, share, (shared, pacs, tenant, share))

    def _capacity(self, limit: int | None, *key: str) -> Capacity:
        capacity = self._capacities.get(key)
        if capacity is None:
            capacity = self._capacities[key] = Capacity(limit, self._share_of(limit))
        return capacity
