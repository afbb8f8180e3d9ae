"""Who may go next where several limits hold at the same time. Decisions alone: nobody is woken or timed here.

Each operation needs room in three places at once: at the endpoint (a host and port, which several tenants may have
configured), in the connections of its PACS, and in what its tenant may do at all its PACS. It takes room in all or in
none, so that nobody holds one thing while waiting for another.

When room is left, the tenant goes first that has the least under way at the endpoint, among equals the one served the
longest ago; of one tenant, its lanes take turns; within a lane, first come is first served. Operations that move
instances leave a share of each room to the interactive ones, which therefore seldom wait at all.
"""

from collections import deque
from dataclasses import dataclass, field
from weakref import WeakValueDictionary


def reserved(limit: int) -> int:
    """How many of so many places are kept for interactive operations: a quarter, at least one, none of a single one."""
    return 0 if limit == 1 else max(1, limit // 4)


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who asks for what; those alike wait in one lane. `connections` is the size of the PACS's pool."""

    endpoint: str
    tenant_id: str
    pacs: str
    connections: int
    interactive: bool


@dataclass(slots=True, weakref_slot=True)
class Room:
    """A limit, and what is under way within it. `served` is the number of the last admission."""

    limit: int | None
    waiting: int = 0
    running: int = 0
    moving: int = 0
    served: int = 0

    def has_place(self, *, interactive: bool) -> bool:
        """Whether one more fits."""
        if self.limit is None:
            return True
        return self.running < self.limit and (interactive or self.moving < self.limit - reserved(self.limit))


@dataclass(slots=True, eq=False, weakref_slot=True)
class Lane:
    """Where those alike wait, in order. `share` is what the tenant has under way at the endpoint."""

    applicant: Applicant
    pacs: Room
    share: Room
    rooms: tuple[Room, ...]
    waiting: "deque[Turn]" = field(default_factory=deque)
    served: int = 0

    def may_go(self) -> bool:
        """Whether every room has a place."""
        return all(room.has_place(interactive=self.applicant.interactive) for room in self.rooms)

    def rank(self) -> tuple[int, int, int]:
        """The lowest goes first."""
        return self.share.running, self.share.served, self.served


@dataclass(slots=True, eq=False)
class Turn:
    """One operation: it waits, then it is admitted, then it leaves."""

    lane: Lane
    admitted: bool = False


class Admission:
    """Admits operations within limits. Each that enters leaves once, whether or not it was admitted."""

    def __init__(self, *, per_endpoint: int, per_tenant: int) -> None:
        self._per_endpoint = per_endpoint
        self._per_tenant = per_tenant
        # A lane lives as long as somebody keeps it, a room as long as one of its lanes.
        self._lanes: WeakValueDictionary[Applicant, Lane] = WeakValueDictionary()
        self._rooms: WeakValueDictionary[tuple[str, ...], Room] = WeakValueDictionary()
        self._waiting: dict[Lane, None] = {}  # in the order in which they began to
        self._served = 0

    def lane(self, applicant: Applicant) -> Lane:
        """The applicant's lane, to be kept for as long as there may be operations for it."""
        lane = self._lanes.get(applicant)
        if lane is None:
            lane = self._lanes[applicant] = self._open_lane(applicant)
        return lane

    def enter(self, lane: Lane) -> Turn:
        """Take a place at once if there is one (then the turn is `admitted`), else the last one in the lane."""
        turn = Turn(lane)
        # Nobody is overtaken: whoever waits, waits because a room of theirs is full.
        if not lane.waiting and lane.may_go():
            self._admit(turn)
        else:
            lane.waiting.append(turn)
            lane.pacs.waiting += 1
            self._waiting[lane] = None
        return turn

    def leave(self, turn: Turn) -> list[Turn]:
        """Give the place back, or give up waiting. Returns who was admitted instead."""
        lane = turn.lane
        if not turn.admitted:
            lane.waiting.remove(turn)
            self._stopped_waiting(turn)
            return []
        for room in lane.rooms:
            room.running -= 1
            room.moving -= not lane.applicant.interactive
        return self._fill()

    def _fill(self) -> list[Turn]:
        admitted = []
        while lanes := [lane for lane in self._waiting if lane.may_go()]:
            turn = min(lanes, key=Lane.rank).waiting.popleft()
            self._stopped_waiting(turn)
            self._admit(turn)
            admitted.append(turn)
        return admitted

    def _admit(self, turn: Turn) -> None:
        lane = turn.lane
        turn.admitted = True
        self._served += 1
        lane.served = lane.share.served = self._served
        for room in lane.rooms:
            room.running += 1
            room.moving += not lane.applicant.interactive

    def _stopped_waiting(self, turn: Turn) -> None:
        turn.lane.pacs.waiting -= 1
        if not turn.lane.waiting:
            del self._waiting[turn.lane]

    def _open_lane(self, applicant: Applicant) -> Lane:
        endpoint, tenant_id = applicant.endpoint, applicant.tenant_id
        pacs = self._room(applicant.connections, "pacs", tenant_id, applicant.pacs, str(applicant.connections))
        share = self._room(None, "share", endpoint, tenant_id)
        shared = self._room(self._per_endpoint, "endpoint", endpoint)
        tenant = self._room(self._per_tenant, "tenant", tenant_id)
        return Lane(applicant, pacs, share, (shared, pacs, tenant, share))

    def _room(self, limit: int | None, *key: str) -> Room:
        room = self._rooms.get(key)
        if room is None:
            room = self._rooms[key] = Room(limit)
        return room
