"""A TCP proxy on this machine that fails on demand, between Radgate and a real PACS."""

import asyncio
import fcntl
import socket
import struct
import termios
import threading
from collections.abc import Awaitable
from contextlib import suppress
from enum import Enum
from typing import Self

from tests.integration.ports import free_port

_READ_BYTES = 64 * 1024
_GARBAGE = bytes(range(256)) * 16
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST
_PATIENCE_S = 60.0
_LOOK_S = 0.01


class Fault(Enum):
    """How connections fail that are opened from now on, and those that are open."""

    NONE = "forwards everything"
    BLACK_HOLE = "takes whatever comes, forwards nothing and says nothing"
    RESET = "breaks with RST when the server has sent `fails_after_bytes` on a connection"
    HALF_OPEN = "forwards no more than `fails_after_bytes` of the server's on a connection, and closes nothing"
    GARBAGE = "answers the client's first bytes with nonsense"
    TRICKLE = "forwards the server's bytes at `trickle_bytes_per_s`"


_SILENT = (Fault.BLACK_HOLE, Fault.HALF_OPEN)
"""Then the server's leaving is not reported either, until the fault is over."""


class FaultyProxy:
    """Forwards `port` to `target_port`. Set `fault` and `latency_s` at any time.

    `latency_s` delays what the server sends, not how much. `open_connections` counts the client's. `refuse()` closes
    the port until `accept()` opens the same one again.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self.port = free_port()  # of those that no connection gets: it is to be there for `accept` again
        self.fault = Fault.NONE
        self.latency_s = 0.0
        self.fails_after_bytes = 0
        self.trickle_bytes_per_s = 1000
        self.open_connections = 0
        self.accepted = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulty-proxy")
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        """Open the port."""
        self._thread.start()
        self.accept()
        return self

    def __exit__(self, *_: object) -> None:
        """Close it and every connection."""
        self._call(self._close_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def accept(self) -> None:
        """Take connections, on the same port as before."""
        self._call(self._open())

    def refuse(self) -> None:
        """Refuse connections, and break those that are open."""
        self._call(self._close_all())

    def break_all(self) -> None:
        """Break the connections that are open."""
        self._call(self._cancel_all())

    def _call(self, work: "asyncio._CoroutineLike[None]") -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _close_all(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cancel_all()

    async def _cancel_all(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open_connections += 1
        self.accepted += 1
        ended_well = False
        try:
            with suppress(OSError, asyncio.CancelledError):  # the client or the server broke off, or the test did
                ended_well = await self._forward_both(reader, writer)
        finally:
            self.open_connections -= 1
            self._tasks.discard(task)
            if ended_well:
                writer.close()
            else:
                _reset(writer)

    async def _forward_both(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Forward until one of them closes the connection; whether that was without breaking it off."""
        if self.fault is Fault.GARBAGE:
            await reader.read(1)
            writer.write(_GARBAGE)
            await writer.drain()
            await reader.read()
            return False
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        try:
            server: socket.socket = server_writer.get_extra_info("socket")
            return await _first_of(
                self._to_server(reader, server_writer), self._to_client(server_reader, server, writer)
            )
        finally:
            _reset(server_writer)

    async def _to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        while data := await reader.read(_READ_BYTES):
            if self.fault is not Fault.BLACK_HOLE:
                with suppress(OSError):  # it has left; what it said before may still be in transit to the client
                    writer.write(data)
                    await writer.drain()
        return True

    async def _to_client(
        self, reader: asyncio.StreamReader, server: socket.socket, writer: asyncio.StreamWriter
    ) -> bool:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)

        async def read() -> None:
            while data := await reader.read(_READ_BYTES):
                # A late ACK would have a server with Nagle's algorithm wait for 40 ms, as no real network does.
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                await queue.put((self._loop.time() + self.latency_s, data))
            await queue.put((0, b""))

        reading = asyncio.create_task(read())
        sent = 0
        try:
            while True:
                due_s, data = await queue.get()
                await asyncio.sleep(max(0, due_s - self._loop.time()))
                if not data:
                    while self.fault in _SILENT:
                        await asyncio.sleep(_LOOK_S)
                    return True
                if await self._send(writer, data, sent):
                    return False
                sent += len(data)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _send(self, writer: asyncio.StreamWriter, data: bytes, sent: int) -> bool:
        """Pass the bytes on as the fault will have it; whether the connection is to be broken."""
        match self.fault:
            case Fault.BLACK_HOLE:
                await asyncio.Event().wait()
            case Fault.HALF_OPEN | Fault.RESET if sent + len(data) > self.fails_after_bytes:
                writer.write(data[: max(0, self.fails_after_bytes - sent)])
                await writer.drain()
                await (asyncio.Event().wait() if self.fault is Fault.HALF_OPEN else _arrival(writer))
                return True
            case Fault.TRICKLE:
                size = max(100, self.trickle_bytes_per_s // 40)
                for place in range(0, len(data), size):
                    writer.write(data[place : place + size])
                    await writer.drain()
                    await asyncio.sleep(size / self.trickle_bytes_per_s)
            case _:
                writer.write(data)
                await writer.drain()
        return False


async def _first_of(*ways: Awaitable[bool]) -> bool:
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return all([await task for task in done])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _arrival(writer: asyncio.StreamWriter) -> None:
    """Wait until all that was written has arrived: a reset would overtake it."""
    raw: socket.socket = writer.get_extra_info("socket")
    while writer.transport.get_write_buffer_size() or _unacknowledged_bytes(raw):
        await asyncio.sleep(_LOOK_S)


def _unacknowledged_bytes(raw: socket.socket) -> int:
    (count,) = struct.unpack("i", fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, bytes(4)))
    return int(count)


def _reset(writer: asyncio.StreamWriter) -> None:
    raw: socket.socket | None = writer.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
