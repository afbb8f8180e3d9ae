"""A web server that says what a test reports it to, however odd; and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Reply:
    """An answer. With `declared` more bytes are promised than come; with `pieces` the body trickles in chunks.

    `hangs` keeps the connection open in silence after the body; else it is closed. `pause_s` lies before each piece;
    `continues` sends 100 Continue without end instead of an answer, with such a pause before each.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    declared: int | None = None
    pieces: int = 0
    hangs: bool = False
    pause_s: float = 0.0
    continues: bool = False


type Script = Callable[[Asked], Reply]


@dataclass
class OddWebServer:
    """Answers by its script; `gone` is set when a client has left before it had everything."""

    script: Script
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/dicom-web"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while (asked := await _read_request(reader)) is not None:
                self.asked.append(asked)
                await self._answer(self.script(asked), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while reply.continues:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(reply.pause_s)
        headers = dict(reply.headers)
        if reply.pieces:
            headers["transfer-encoding"] = "chunked"
        elif reply.status != 204:
            headers["content-length"] = str(len(reply.body) if reply.declared is None else reply.declared)
        head = f"HTTP/1.1 {reply.status} Whatever\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
        writer.write(head.encode())
        for piece in _cut(reply.body, reply.pieces):
            await asyncio.sleep(reply.pause_s)
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if reply.pieces else piece)
            await writer.drain()
        if reply.hangs:
            await reader.read(1)
            self.gone.set()
            raise ConnectionError
        if reply.pieces:
            writer.write(b"0\r\n\r\n")
        if reply.declared is not None:
            raise ConnectionError
        await writer.drain()

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _cut(body: bytes, pieces: int) -> list[bytes]:
    size = max(1, -(-len(body) // pieces)) if pieces else max(1, len(body))
    return [body[at : at + size] for at in range(0, len(body), size)]


async def _read_request(reader: asyncio.StreamReader) -> Asked | None:
    line = await reader.readline()
    if not line:
        return None
    method, target, _ = line.decode().split(" ", 2)
    headers = {}
    while (line := await reader.readline()).strip():
        name, _, text = line.decode().partition(":")
        headers[name.strip().lower()] = text.strip()
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, target, headers, body)


@asynccontextmanager
async def odd_web_server(script: Script) -> AsyncIterator[OddWebServer]:
    """Run a server on a free port of the loopback address."""
    odd = OddWebServer(script)
    server = await asyncio.start_server(odd.serve, "127.0.0.1", 0)
    odd.port = server.sockets[0].getsockname()[1]
    try:
        yield odd
    finally:
        server.close()
        await odd.close()
