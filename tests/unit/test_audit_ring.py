"""The memory between server and recorder: what goes in comes out, once and in order, or is refused."""

import os
import random
from collections import deque
from collections.abc import Iterator
from itertools import count

import pytest

from radgate_server.adapters.audit_spool import ring as ring_module
from radgate_server.adapters.audit_spool.ring import Ring
from radgate_server.core.audit_chain import Content
from radgate_server.core.errors import SpoolFullError
from radgate_server.core.ports.audit_spool import SpoolState

NOTHING = SpoolState(0, 0, 0.0, 1 << 20, 0)
HEADER_BYTES = 8
LEAST_BYTES = HEADER_BYTES + 20 + len("a-")
"""What a record takes beside its word."""


def new_ring() -> Ring:
    return Ring.over(os.memfd_create("ring"), 1000)


@pytest.fixture
def ring() -> Iterator[Ring]:
    ring = new_ring()
    ring.tell(NOTHING, refusing=False)
    yield ring
    ring.close()


def record(word: str) -> Content:
    return Content(1_700_000_000_000_000, -1, ("a", word))


def take(ring: Ring, limit: int = 100) -> list[Content]:
    contents, position = ring.look(limit)
    ring.free(position)
    return contents


def test_gives_records_in_their_order_and_keeps_them_until_they_are_freed(ring: Ring) -> None:
    records = [record(word) for word in ("first", "", "drittes ß")]
    for one in records:
        ring.put(one)
    assert ring.look(100) == ring.look(100)
    assert take(ring, limit=2) == records[:2]
    assert take(ring) == records[2:]
    assert take(ring) == []


def test_both_sides_see_the_same_memory(ring: Ring) -> None:
    other = Ring(os.dup(ring.fd))
    ring.put(record("word"))
    assert take(other) == [record("word")]
    other.tell(SpoolState(3, 400, 1_700_000_000.25, 5000, 1), refusing=False)
    assert ring.state == SpoolState(3, 400, 1_700_000_000.25, 5000, 1)
    position = ring.ask()
    assert (other.asked, ring.settled) == (position, 0)
    other.settle(position)
    assert ring.settled == position
    other.close()


def test_goes_round_and_round_with_records_of_any_size(ring: Ring) -> None:
    chance, numbers, inside = random.Random(7), count(), deque[Content]()
    refused = 0
    for _ in range(20_000):
        one = record(f"{next(numbers)}{'.' * chance.randrange(0, 300)}")
        try:
            ring.put(one)
            inside.append(one)
        except SpoolFullError:
            refused += 1
        if chance.random() < 0.4:
            taken = take(ring, limit=chance.randrange(1, 6))
            assert taken == [inside.popleft() for _ in taken]
    while inside:
        taken = take(ring)
        assert taken
        assert taken == [inside.popleft() for _ in taken]
    assert refused > 100


def test_refuses_what_has_no_room_until_there_is_some(ring: Ring) -> None:
    quarter, half = record("." * (240 - LEAST_BYTES)), record("." * (500 - LEAST_BYTES))
    for _ in range(4):
        ring.put(quarter)
    with pytest.raises(SpoolFullError, match="too many records wait"):
        ring.put(quarter)
    assert take(ring, limit=2) == [quarter] * 2
    with pytest.raises(SpoolFullError, match="too many records wait"):
        ring.put(half)  # 40 bytes at the end are too few for it, and those it would leave empty
    assert take(ring, limit=1) == [quarter]
    ring.put(half)
    assert take(ring) == [quarter, half]
    with pytest.raises(SpoolFullError):
        ring.put(record("." * 1000))


def test_refuses_while_the_recorder_does(ring: Ring) -> None:
    ring.tell(NOTHING, refusing=True)
    with pytest.raises(SpoolFullError, match="takes nothing"):
        ring.put(record("word"))
    ring.tell(NOTHING, refusing=False)
    ring.put(record("word"))
    assert take(ring) == [record("word")]


def test_refuses_while_nobody_knows_of_the_recorder(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    ring.put(record("before"))
    assert ring.lag_s < 5
    now_ns = ring_module.time.monotonic_ns() + ring_module.STALLED_NS + 1
    monkeypatch.setattr(ring_module.time, "monotonic_ns", lambda: now_ns)
    with pytest.raises(SpoolFullError, match="does not answer"):
        ring.put(record("word"))
    assert ring.lag_s > 5
    ring.tell(NOTHING, refusing=False)
    ring.put(record("word"))
    assert take(ring) == [record("before"), record("word")]
    assert ring.is_empty
    assert ring.lag_s == 0
    monkeypatch.setattr(ring_module.time, "monotonic_ns", lambda: now_ns + ring_module.STALLED_NS + 1)
    assert ring.lag_s > 5  # also of a recorder that had nothing to do


def test_before_its_first_sign_a_recorder_is_given_nothing() -> None:
    ring = new_ring()
    with pytest.raises(SpoolFullError):
        ring.put(record("word"))
    ring.close()


@pytest.mark.parametrize("offset", [0, 4, HEADER_BYTES, HEADER_BYTES + 5])
def test_what_is_not_whole_yet_is_not_taken(ring: Ring, offset: int) -> None:
    """As a processor may show it that writes in another order."""
    ring.put(record("whole"))
    ring.put(record("not yet"))
    at = os.sysconf("SC_PAGE_SIZE") + LEAST_BYTES + len("whole") + offset
    written = os.pread(ring.fd, 2, at)
    os.pwrite(ring.fd, bytes(byte ^ 0x55 for byte in written), at)
    assert take(ring) == [record("whole")]
    assert take(ring) == []
    os.pwrite(ring.fd, written, at)
    assert take(ring) == [record("not yet")]


@pytest.mark.parametrize("size_bytes", [0, os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PAGE_SIZE") + 1000])
def test_what_is_no_ring_is_not_taken_for_one(size_bytes: int) -> None:
    fd = os.memfd_create("other")
    os.ftruncate(fd, size_bytes)
    with pytest.raises(ValueError, match=r"^(the file is too small|another version wrote it)$"):
        Ring(fd)
    os.close(fd)


@pytest.mark.parametrize("taken", [-1, 2000])
def test_numbers_that_do_not_fit_are_not_gone_on_with(ring: Ring, taken: int) -> None:
    ring.free(taken)
    with pytest.raises(ValueError, match=r"^its numbers don't fit$"):
        Ring(ring.fd)


def test_who_goes_on_has_nothing_put_before_a_recorder_is_there(ring: Ring) -> None:
    ring.put(record("word"))
    ring.tell(NOTHING, refusing=True)
    assert ring.go_on() == 0
    with pytest.raises(SpoolFullError, match="does not answer"):
        ring.put(record("word"))
    assert take(ring) == [record("word")]


def test_all_memory_is_taken_at_once(ring: Ring) -> None:
    """A page that can't be had later would end the server."""
    found = os.fstat(ring.fd)
    assert found.st_blocks * 512 >= found.st_size
