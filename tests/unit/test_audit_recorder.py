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
RING_BYTES = 1 << 20


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

    `restart_all` does as if its server had been killed with it; bytes that could not be read are `lost_bytes`.
    """

    def __init__(self, folder: Path) -> None:
        self.ring = Ring.over(os.memfd_create("ring"), RING_BYTES)
        self.lost_bytes = 0
        self._folder = folder
        self._start()

    def _start(self) -> None:
        ciphers = SpoolCiphers(self._folder)
        self.spool = FileAuditSpool(self._folder / "spool", ciphers, limit_bytes=LIMIT_BYTES)
        pass_over_kept(self.ring, self.spool)
        self.drain = Drain(self.spool)
        self.recorder = Recorder(self.ring, self.spool, self.drain)
        self.recorder.work()

    def put(self, numbers: Sequence[int]) -> None:
        for content in contents(numbers):
            self.ring.put(content)

    def restart(self) -> None:
        self.spool.close()
        self._start()

    def restart_all(self) -> None:
        self.spool.close()
        self.lost_bytes = self.ring.go_on()
        self._start()

    def close(self) -> None:
        self.spool.close()
        self.ring.close()


def contents(numbers: Sequence[int]) -> list[Content]:
    return [content_of(audit_entry(number)) for number in numbers]


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


def test_what_both_left_when_they_were_killed_goes_first(rig: Rig) -> None:
    rig.put(range(3))
    rig.restart_all()
    rig.put(range(3, 5))
    assert rig.recorder.finish()
    rig.drain.drain()
    assert rig.drain.arrived == contents(range(5))
    assert rig.lost_bytes == 0


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


def test_what_both_left_waits_for_room_as_anything_else(rig: Rig) -> None:
    rig.put(range(40))
    rig.restart_all()
    while rig.recorder.work() == BUSY_S:
        assert not rig.ring.is_empty
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


def test_nobody_waits_for_what_was_asked_before_both_were_killed(rig: Rig) -> None:
    rig.put([0])
    rig.ring.ask()
    rig.restart_all()
    assert rig.recorder.work() == IDLE_S
    assert rig.drain.hurried == 0


def test_what_can_not_be_read_is_given_up_from_there_on(rig: Rig) -> None:
    rig.put(range(3))
    first = rig.ring.look(1)[1]
    ring_at = os.fstat(rig.ring.fd).st_size - RING_BYTES
    os.pwrite(rig.ring.fd, b"?", ring_at + first)  # the second record's length
    rig.restart_all()
    assert rig.lost_bytes > 0
    rig.put([3])
    assert rig.recorder.finish()
    rig.drain.drain()
    assert rig.drain.arrived == contents([0, 3])
