"""The server's end of a worker's socket. It stays registered with the event loop: waiting costs no system call."""

import asyncio
import socket
from collections import deque

from radgate_server.adapters.imaging.worker.answers import LONGEST_MESSAGE_BYTES

_MOST_UNREAD = 64


class WorkerGoneError(Exception):
    """The process has ended; `unread` when it had not taken its round yet. Never leaves this package."""

    def __init__(self, *, unread: bool) -> None:
        super().__init__()
        self.unread = unread


class Packets:
    """Sends and receives packets over `connection`, which it owns; one task at a time receives."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._arrived: deque[bytes] = deque()
        self._gone: WorkerGoneError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connection.fileno(), self._read)

    def send(self, packet: bytes) -> None:
        """Send one packet. The worker has read the one before, so there is room.

        Raises:
            WorkerGoneError: it has ended.
        """
        try:
            self._connection.send(packet)
        except OSError as error:
            raise WorkerGoneError(unread=True) from error

    async def receive(self) -> bytes:
        """Wait for the next packet.

        Raises:
            WorkerGoneError: the worker ended instead.
        """
        while not self._arrived:
            if self._gone is not None:
                raise self._gone
            self._waiter = self._loop.create_future()
            await self._waiter
        return self._arrived.popleft()

    def close(self) -> None:
        """Close the socket. May be called twice."""
        if self._connection.fileno() >= 0:
            self._loop.remove_reader(self._connection.fileno())
            self._connection.close()

    def _read(self) -> None:
        try:
            packet = self._connection.recv(LONGEST_MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:  # the kernel's way to say that the other end was closed with a packet in it
            self._end(unread=True)
        else:
            if not packet or len(self._arrived) > _MOST_UNREAD:
                self._end(unread=False)
            else:
                self._arrived.append(packet)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _end(self, *, unread: bool) -> None:
        self._gone = WorkerGoneError(unread=unread)
        self._loop.remove_reader(self._connection.fileno())
