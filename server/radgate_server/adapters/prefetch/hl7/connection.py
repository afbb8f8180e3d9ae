"""One connection over MLLP: messages in, an answer to each, within bounds of time and size."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from radgate_server.adapters.prefetch.hl7.blocks import Block, BlockDecoder, as_block
from radgate_server.core.prefetch.orders.senders import OrderPeer

READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What one connection may take. `idle_s` from one message to the next, `message_s` from its first byte to its last.

    What stands between messages does not count as one: it prolongs nothing.
    """

    message_bytes: int
    message_s: float
    idle_s: float


class Answers(Protocol):
    """Answers messages, without waiting for anything."""

    def answer(self, block: Block, peer: OrderPeer) -> bytes:
        """The answer to a message."""
        ...


class Writer(Protocol):
    """The sending half of a connection, as asyncio.StreamWriter is."""

    def write(self, data: bytes) -> None:
        """Send it, soon."""
        ...

    async def drain(self) -> None:
        """Wait until the other end takes what was sent."""
        ...


async def converse(
    reader: asyncio.StreamReader, writer: Writer, peer: OrderPeer, answers: Answers, limits: ConnectionLimits
) -> None:
    """Answer messages until the other end closes the connection.

    Raises:
        TimeoutError: nothing came in time, or an answer was not taken.
        OSError: the connection broke.
    """
    now_s = asyncio.get_running_loop().time
    decoder = BlockDecoder(limits.message_bytes)
    deadline_s, was_within = now_s() + limits.idle_s, False
    while True:
        async with asyncio.timeout_at(deadline_s):
            data = await reader.read(READ_BYTES)
        if not data:
            return
        has_answered = False
        for block in decoder.feed(data):
            writer.write(as_block(answers.answer(block, peer)))
            async with asyncio.timeout(limits.message_s):
                await writer.drain()
            has_answered = True
        if has_answered or decoder.is_within_block != was_within:
            was_within = decoder.is_within_block
            deadline_s = now_s() + (limits.message_s if was_within else limits.idle_s)
