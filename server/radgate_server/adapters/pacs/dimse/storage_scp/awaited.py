"""The moves that wait for instances, and which of them an instance belongs to (PS3.7 9.3.1.1)."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from radgate_server.adapters.pacs.dimse.retrieve.intake import Intake
from radgate_server.core.networks import Address
from radgate_server.core.pacs.senders import Peer, Refusal, Sender

_MAX_MESSAGE_ID = 0xFFFF


@dataclass(slots=True)
class Awaited:
    """A move that waits for instances. `refusals`: why somebody was refused meanwhile, who may be the PACS."""

    message_id: int
    originator_aet: str
    intake: Intake
    sender: Sender
    refusals: set[Refusal] = field(default_factory=set)

    @property
    def originators(self) -> tuple[str, ...]:
        """AE titles that may stand for it: ours, the PACS's (pynetdicom's servers write that), or none."""
        return (self.originator_aet, self.intake.source_aet, "")


class AwaitedMoves:
    """Those of the whole server. In any thread.

    An instance belongs to the move that its Move Originator Message ID names; no two moves that wait have the same, at
    whichever PACS. When the PACS leaves it out, the instance belongs to the one move that waits for its UID, at a PACS
    with the sender's AE title if several do.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._awaited: dict[int, Awaited] = {}
        self._message_ids = itertools.cycle(range(1, _MAX_MESSAGE_ID + 1))

    @contextmanager
    def expect(self, originator_aet: str, intake: Intake, sender: Sender) -> Iterator[Awaited]:
        """Let a move wait for the block's time, under a Message ID of its own."""
        with self._lock:
            message_id = next(number for number in self._message_ids if number not in self._awaited)
            awaited = self._awaited[message_id] = Awaited(message_id, originator_aet, intake, sender)
        try:
            yield awaited
        finally:
            with self._lock:
                del self._awaited[message_id]

    def all(self) -> list[Awaited]:
        """All that wait now."""
        with self._lock:
            return list(self._awaited.values())

    def awaits_from(self, address: Address) -> bool:
        """Whether something may come from there now."""
        return any(awaited.sender.knows(address) for awaited in self.all())

    def intake_of(self, message_id: int | None, originator: str, sop_instance_uid: str, peer: Peer) -> Intake | None:
        """Where an instance goes that says it comes of this move, None: of none; if the peer may send for that."""
        awaited = [each for each in self.all() if each.sender.admits(peer)]
        if message_id is not None:
            named = (each for each in awaited if each.message_id == message_id)
            return next((each.intake for each in named if originator in each.originators), None)
        return choose_intake([each.intake for each in awaited], sop_instance_uid, peer.calling_aet)


def choose_intake(waiting: list[Intake], sop_instance_uid: str, sender_aet: str) -> Intake | None:
    """Find the one retrieve that an instance of unknown origin belongs to; None when that is not certain."""
    fitting = [intake for intake in waiting if sop_instance_uid in intake.refs]
    if len(fitting) != 1:
        fitting = [intake for intake in fitting or waiting if intake.source_aet == sender_aet]
    return fitting[0] if len(fitting) == 1 else None
