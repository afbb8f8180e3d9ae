"""A conversation over MLLP, without a socket: order of answers, and the bounds of time."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest

from radgate_server.adapters.prefetch.hl7.blocks import Block, as_block
from radgate_server.adapters.prefetch.hl7.connection import ConnectionLimits, converse
from radgate_server.core.prefetch.orders.senders import OrderPeer
from tests.fakes.waiting import settle

PEER = OrderPeer(ip_address("10.0.0.1"))


class Answers:
    """Answers each message with itself, in capitals."""

    def answer(self, block: Block, peer: OrderPeer) -> bytes:
        assert peer is PEER
        return block.content.upper() + (b"" if block.is_whole else b"!")


class Writer:
    """The sending half; what was sent is in `sent`. With `is_stuck` the other end takes nothing."""

    def __init__(self) -> None:
        self.sent = b""
        self.is_stuck = False

    def write(self, data: bytes) -> None:
        self.sent += data

    async def drain(self) -> None:
        if self.is_stuck:
            await asyncio.Event().wait()


class Rig:
    """A conversation in progress, and the time of its loop, which is moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        real = loop.time
        self._ahead_s = 0.0
        monkeypatch.setattr(loop, "time", lambda: real() + self._ahead_s)
        self.reader, self.writer = asyncio.StreamReader(), Writer()
        limits = ConnectionLimits(message_bytes=100, message_s=1000, idle_s=100_000)
        self.task = loop.create_task(converse(self.reader, self.writer, PEER, Answers(), limits))

    async def receive(self, data: bytes, *, after_s: float = 0.0) -> None:
        """Let time pass, then let this arrive."""
        await self.advance(after_s)
        self.reader.feed_data(data)
        await settle()

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        await settle()
        self._ahead_s += seconds
        await settle()


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    made = Rig(monkeypatch)
    yield made
    made.task.cancel()
    await asyncio.gather(made.task, return_exceptions=True)


async def test_each_message_is_answered_in_its_turn(rig: Rig) -> None:
    stream = b"noise" + as_block(b"one") + as_block(b"two") + b"\n" + as_block(b"three")
    await rig.receive(stream[:8])
    assert rig.writer.sent == b""
    await rig.receive(stream[8:])
    assert rig.writer.sent == as_block(b"ONE") + as_block(b"TWO") + as_block(b"THREE")
    rig.reader.feed_eof()
    await rig.task


async def test_a_message_beyond_the_limit_is_answered_at_its_end_and_the_next_one_too(rig: Rig) -> None:
    await rig.receive(b"\x0b" + b"a" * 5000)
    assert rig.writer.sent == b""
    await rig.receive(b"\x1c\r" + as_block(b"b"))
    assert rig.writer.sent == as_block(b"A" * 100 + b"!") + as_block(b"B")


async def test_a_message_must_end_in_time_however_often_a_byte_of_it_comes(rig: Rig) -> None:
    await rig.receive(b"\x0bM")
    for _ in range(9):
        await rig.receive(b"x", after_s=100)
    assert not rig.task.done()
    await rig.advance(200)
    with pytest.raises(TimeoutError):
        await rig.task
    assert rig.writer.sent == b""


async def test_silence_between_messages_may_last_longer(rig: Rig) -> None:
    for _ in range(3):
        await rig.receive(as_block(b"one"), after_s=90_000)
    assert rig.writer.sent == as_block(b"ONE") * 3
    await rig.advance(100_001)
    with pytest.raises(TimeoutError):
        await rig.task


async def test_what_is_no_message_prolongs_nothing(rig: Rig) -> None:
    for _ in range(3):
        await rig.receive(b"noise", after_s=30_000)
    await rig.receive(b"noise", after_s=10_001)
    with pytest.raises(TimeoutError):
        await rig.task


async def test_an_answer_must_be_taken_in_time(rig: Rig) -> None:
    rig.writer.is_stuck = True
    await rig.receive(as_block(b"one"))
    assert not rig.task.done()
    await rig.advance(1001)
    with pytest.raises(TimeoutError):
        await rig.task


async def test_a_connection_may_end_within_a_message(rig: Rig) -> None:
    await rig.receive(b"\x0bhalf")
    rig.reader.feed_eof()
    await rig.task
    assert rig.writer.sent == b""
