"""DICOM Audit Messages over syslog with TLS (PS3.15 A.6.2, RFC 5425)."""

import asyncio
import fcntl
import struct
import termios
from collections.abc import Sequence
from contextlib import suppress

from radgate_server.adapters.audit.export.tls import client_context
from radgate_server.core.audit.export.syslog import syslog_frame
from radgate_server.core.audit.verification import StoredRecord
from radgate_server.core.errors import NotDeliveredError
from radgate_server.settings.audit import SyslogCollector

TIMEOUT_S = 10.0
_LOOK_S = 0.01
_FAREWELL_S = 1.0


class SyslogReceiver:
    """RecordReceiver over one connection that stays open.

    Syslog has no acknowledgements. What is sent counts as delivered once the receiver's TCP has acknowledged it; what
    was in transit when a connection broke is sent again.
    """

    def __init__(self, collector: SyslogCollector, source: str, host: str, process: int) -> None:
        self._collector = collector
        self._source = source
        self._host = host
        self._process = process
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return self._collector.name

    async def send(self, records: Sequence[StoredRecord]) -> None:
        """Send a frame for each. Raises NotDeliveredError."""
        frames = b"".join(syslog_frame(record, self._source, self._host, self._process) for record in records)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._write(frames)
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            await self.close()
            raise NotDeliveredError(f"it can't be reached ({type(error).__name__})") from None

    async def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            (_, writer), self._streams = self._streams, None
            writer.close()
            try:
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(_FAREWELL_S):
                        await writer.wait_closed()
            finally:
                writer.transport.abort()  # a receiver that is gone never answers the end of TLS

    async def _write(self, frames: bytes) -> None:
        reader, writer = await self._connected()
        writer.write(frames)
        await writer.drain()
        await asyncio.sleep(_LOOK_S)  # the loop hands on to the system when it comes round
        while writer.transport.get_write_buffer_size() or _unacknowledged_bytes(writer):
            if reader.at_eof():
                raise ConnectionResetError
            await asyncio.sleep(_LOOK_S)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is not None and self._streams[0].at_eof():  # it closed the connection meanwhile
            await self.close()
        if self._streams is None:
            collector = self._collector
            context = client_context(collector.ca_file, collector.certificate_file, collector.key_file)
            self._streams = await asyncio.open_connection(collector.host, collector.port, ssl=context)
        return self._streams


def _unacknowledged_bytes(writer: asyncio.StreamWriter) -> int:
    """What the receiver's TCP has not acknowledged (SIOCOUTQ, tcp(7)). Raises OSError."""
    if writer.transport.is_closing():
        raise ConnectionResetError
    answer = fcntl.ioctl(writer.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    waiting: int = struct.unpack("i", answer)[0]
    return waiting
