"""P-DATA PDUs that have come already are read in a row, and what ends the row."""

import queue
import struct
from collections import deque
from types import SimpleNamespace
from typing import Any, cast

import pytest

from radgate_server.adapters.pacs.dimse.transport.sockets import QuickSocket
from radgate_server.adapters.pacs.dimse.transport.upper_layer import _PDUS_AT_ONCE, ReactiveProvider

ESTABLISHED = "Sta6"
CLOSED, INVALID, RELEASE_REQUESTED = "Evt17", "Evt19", "Evt12"
RELEASE_REQUEST = b"\x05\x00" + struct.pack(">L4x", 4)


class ArrivedBytes(QuickSocket):
    """A connection on which `arrived` has come, and no more for now."""

    def __init__(self, arrived: bytes) -> None:
        self.arrived = bytearray(arrived)
        self.max_pdu_bytes = 1000
        self.reads = 0

    def recv(self, nr_bytes: int) -> bytearray:
        self.reads += 1
        taken, self.arrived = self.arrived[:nr_bytes], self.arrived[nr_bytes:]
        return taken

    def recv_now(self, nr_bytes: int) -> bytearray:
        return self.recv(nr_bytes) if self.arrived else bytearray()

    def give_back(self, data: bytes | bytearray) -> None:
        self.arrived[:0] = data


class Reading:
    """A provider in an established association, whose fragments are noted."""

    def __init__(self, arrived: bytes) -> None:
        self.fragments: deque[bytes] = deque()
        dimse = SimpleNamespace(receive_fragment=lambda _id, _control, data: self.fragments.append(bytes(data)))
        provider = cast("Any", ReactiveProvider.__new__(ReactiveProvider))
        provider._assoc = SimpleNamespace(dimse=dimse, get_handlers=lambda _event: [])
        provider.state_machine = SimpleNamespace(current_state=ESTABLISHED)
        provider.event_queue = self._events = queue.Queue()
        provider._recv_pdu = queue.Queue()
        provider.socket = self.socket = ArrivedBytes(arrived)
        self.read = provider._read_pdu_data

    @property
    def events(self) -> list[str]:
        return list(self._events.queue)


def p_data(content: bytes) -> bytes:
    """A PDU with one presentation data value."""
    return struct.pack(">BxLLBB", 4, len(content) + 6, len(content) + 2, 1, 0) + content


def test_what_has_come_is_read_in_a_row() -> None:
    reading = Reading(b"".join(p_data(bytes((number,))) for number in range(3)))
    reading.read()
    assert list(reading.fragments) == [b"\x00", b"\x01", b"\x02"]
    assert not reading.events


def test_a_row_is_bounded() -> None:
    reading = Reading(p_data(b"x") * (_PDUS_AT_ONCE + 2))
    reading.read()
    assert len(reading.fragments) == _PDUS_AT_ONCE
    assert reading.socket.arrived == p_data(b"x") * 2
    reading.read()
    assert len(reading.fragments) == _PDUS_AT_ONCE + 2


def test_another_pdu_ends_the_row_and_is_not_lost() -> None:
    reading = Reading(p_data(b"x") * 2 + RELEASE_REQUEST + p_data(b"late"))
    reading.read()
    assert list(reading.fragments) == [b"x", b"x"]
    assert reading.events == [RELEASE_REQUESTED]


@pytest.mark.parametrize(
    ("broken", "event"),
    [
        (struct.pack(">BxL", 4, 1001), INVALID),
        (struct.pack(">BxLL", 4, 4, 100), INVALID),
        (struct.pack(">BxL", 4, 0), CLOSED),
        (p_data(b"cut off")[:-1], CLOSED),
    ],
)
def test_a_broken_pdu_ends_the_row(broken: bytes, event: str) -> None:
    reading = Reading(p_data(b"x") + broken)
    reading.read()
    assert list(reading.fragments) == [b"x"]
    assert reading.events == [event]
