"""What the recorder does at one look: records go from the ring into the spool, once, and what is asked for is told."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from radgate_server.adapters.audit_spool import FileAuditSpool
from radgate_server.adapters.audit_spool.ring import Ring
from radgate_server.adapters.secrets.spool_cipher import SpoolCiphers
from radgate_server.audit_recorder import AT_ONCE, BUSY_S, IDLE_S, Recorder, pass_over_kept
from radgate_server.core.audit_chain import Content, content_of
from radgate_server.core.errors import SpoolFullError
from tests.conformance.database_suites import audit_entry

LIMIT_BYTES = 3000


class Drain:
    """Brings to the database what waits when it is told to, not before."""

    def __init__(self, spool: FileAuditSpool) -> None:
        self.arrived: list[Content] = []
        self.hurried = 0
        self._spool = spool

    def hurry(self) -> int:
        self.hurried += 1
        return self._spool.newest

    def drain(self) -> None:
        while (segment := self._spool.oldest()) is not None:
            self.arrived += [content for batch in segment.batches for content in batch.contents]
            self._spool.drop(segment.number)


class Rig:
    """A recorder over a ring and a folder; `restart` puts another one in its place, as if it had been killed.

    `restart_all` does so with the ring too, as if its server had been killed with it. `done` are rings that were left.
    """

    def __init__(self, folder: Path) -> None:
        self.ring = new_ring()
        self.done: list[Ring] = []
        self._folder = folder
        self._start()

    def _start(self, *left_behind: Ring) -> None:
        ciphers = SpoolCiphers(self._folder)
        self.spool = FileAuditSpool(self._folder / "spool", ciphers, limit_bytes=LIMIT_BYTES)
        for ring in (*left_behind, self.ring):
            pass_over_kept(ring, self.spool)
        self.drain = Drain(self.spool)
        self.recorder = Recorder(self.ring, self.spool, self.drain, left_behind, self.done.append)
        self.recorder.work()

    def put(self, numbers: Sequence[int]) -> None:
        for content in contents(numbers):
            self.ring.put(content)

    def restart(self) -> None:
        self.spool.close()
        self._start()

    def restart_all(self) -> None:
        self.spool.close()
        left, self.ring = self.ring, new_ring()
        self._start(left)

    def close(self) -> None:
        self.spool.close()
        for ring in (self.ring, *self.done):
            ring.close()


def contents(numbers: Sequence[int]) -> list[Content]:
    return [content_of(audit_entry(number)) for number in numbers]


def new_ring() -> Ring:
    return Ring.over(os.memfd_create("ring"), 1 << 20)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def test_moves_what_was_put_and_tells_what_waits(rig: Rig) -> None:
    assert rig.recorder.work() == IDLE_S
    rig.put(range(3))
    assert rig.recorder.work() == BUSY_S
    assert rig.ring.look(1)[0] == []
    assert (rig.ring.state.records, rig.ring.state.limit_bytes) == (3, LIMIT_BYTES)
    assert rig.recorder.work() == IDLE_S
    rig.drain.drain()
    assert rig.drain.arrived == contents(range(3))


def test_tells_what_has_settled_when_it_has(rig: Rig) -> None:
    rig.put(range(2))
    asked = rig.ring.ask()
    assert rig.recorder.work() == BUSY_S
    assert (rig.drain.hurried, rig.ring.settled) == (1, 0)
    rig.put([2])
    assert rig.recorder.work() == BUSY_S
    rig.drain.drain()
    rig.recorder.work()
    assert rig.ring.settled == asked
    assert rig.recorder.work() == IDLE_S
    assert rig.drain.hurried == 1
    later = rig.ring.ask()
    rig.recorder.work()
    assert rig.ring.settled == later  # nothing waited
    assert rig.drain.hurried == 2


def test_what_the_disk_does_not_take_stays_and_nothing_more_is_taken(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.put(range(2))
    rig.recorder.work()
    rig.put(range(2, 40))
    while rig.recorder.work() == BUSY_S:
        assert rig.ring.state.size_bytes < LIMIT_BYTES
    for _ in range(3):
        assert rig.recorder.work() == IDLE_S
    with pytest.raises(SpoolFullError):
        rig.put([40])
    assert caplog.text.count("the audit trail can't be written: the audit spool is full") == 1
    assert not rig.recorder.finish()
    left = rig.ring.look(AT_ONCE)[0]
    assert 1 < len(left) < 38  # as many as fit are taken
    assert left == contents(range(40 - len(left), 40))
    rig.drain.drain()
    while not rig.recorder.finish():
        rig.drain.drain()
    rig.drain.drain()
    assert rig.drain.arrived == contents(range(40))


def test_goes_on_when_there_is_room_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise SpoolFullError("the audit spool can't be written: No space left on device")

    append: Callable[..., None] = rig.spool.append
    rig.put(range(2))
    monkeypatch.setattr(rig.spool, "append", fail)
    rig.recorder.work()
    with pytest.raises(SpoolFullError):
        rig.put([2])
    monkeypatch.setattr(rig.spool, "append", append)
    rig.recorder.work()
    rig.put([2])
    assert rig.recorder.finish()
    rig.drain.drain()
    assert rig.drain.arrived == contents(range(3))


def test_one_that_was_killed_before_it_said_so_is_believed_by_the_next(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.put(range(3))
    rig.recorder.work()
    rig.put(range(3, 6))
    with monkeypatch.context() as patch:
        patch.setattr(Ring, "free", lambda *_: None)
        rig.recorder.work()
    rig.put([6])
    rig.restart()
    assert rig.recorder.finish()
    rig.drain.drain()
    assert rig.drain.arrived == contents(range(7))
    rig.restart()
    rig.put([7])
    rig.recorder.work()
    rig.drain.drain()
    assert rig.drain.arrived == contents([7])


def test_one_that_was_killed_after_that_is_followed_by_the_rest(rig: Rig) -> None:
    rig.put(range(3))
    rig.recorder.work()
    rig.put(range(3, 5))
    rig.restart()
    rig.drain.drain()
    assert rig.drain.arrived == contents(range(5))


def test_what_was_left_behind_goes_first(rig: Rig) -> None:
    rig.put(range(3))
    left = rig.ring
    rig.restart_all()
    rig.put(range(3, 5))
    assert rig.recorder.finish()
    assert rig.done == [left]
    rig.drain.drain()
    assert rig.drain.arrived == contents(range(5))


def test_what_was_kept_before_both_were_killed_is_not_kept_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.put(range(3))
    with monkeypatch.context() as patch:
        patch.setattr(Ring, "free", lambda *_: None)
        rig.recorder.work()
    rig.put(range(3, 5))
    rig.restart_all()
    rig.put([5])
    assert rig.recorder.finish()
    rig.drain.drain()
    assert rig.drain.arrived == contents(range(6))


def test_what_was_left_behind_waits_for_room_and_others_behind_it(rig: Rig) -> None:
    rig.put(range(40))
    rig.restart_all()
    while rig.recorder.work() == BUSY_S:
        assert rig.done == []
    with pytest.raises(SpoolFullError):
        rig.put([40])
    while not rig.recorder.finish():
        rig.drain.drain()
    rig.drain.drain()
    rig.recorder.work()
    rig.put([40])
    assert rig.recorder.finish()
    rig.drain.drain()
    assert rig.drain.arrived == contents(range(41))
    assert len(rig.done) == 1


def test_what_can_not_be_read_is_told_and_stops_nobody(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.put(range(2))
    rig.put([2])
    os.pwrite(rig.ring.fd, b"?", os.fstat(rig.ring.fd).st_size - (1 << 20))  # the first record's length
    rig.restart_all()
    assert "records that an earlier server left in memory can't be read" in caplog.text
    assert not rig.done[0].is_empty
    rig.put([3])
    assert rig.recorder.finish()
    rig.drain.drain()
    assert rig.drain.arrived == contents([3])
