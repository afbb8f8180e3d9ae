"""The listener for orders over real sockets, with python-hl7's client as the interface engine."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import hl7
import pytest
from hl7.mllp import HL7StreamReader, HL7StreamWriter, open_hl7_connection

from radgate_server.adapters.prefetch.hl7.blocks import as_block
from radgate_server.adapters.prefetch.hl7.connection import ConnectionLimits
from radgate_server.adapters.prefetch.hl7.intake import OrderIntake
from radgate_server.adapters.prefetch.hl7.listener import ListenerConfig, OrderListener
from radgate_server.adapters.tls import WatchedTls
from radgate_server.adapters.tls.contexts import ServerContexts
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.networks import Address, parse_networks
from radgate_server.core.prefetch.expected import ExpectedStudy
from radgate_server.core.prefetch.orders.senders import OrderSender
from radgate_server.settings.access import TlsPaths
from tests.fakes.authority import Authority
from tests.fakes.clock import FakeClock
from tests.fakes.hl7_messages import RAD_4, RECORD
from tests.integration.ports import free_port

ENGINE = "DNS:engine.example"
HERE = parse_networks(["127.0.0.0/8"])
SECOND = RAD_4.replace(b"RIS-1001", b"RIS-1002").replace(b"PAT-7", b"PAT-8")
type Connection = tuple[HL7StreamReader, HL7StreamWriter]


class Rig:
    """A listener on a free port, what it offered, and what it counted."""

    def __init__(self, sender: OrderSender, *, connections: int = 4, tls: WatchedTls | None = None) -> None:
        self.patients: list[str] = []
        self.counted: Counter[str] = Counter()
        self.port = free_port()

        def admits(address: Address) -> bool:
            return sender.may_connect_from(address)

        limits = ConnectionLimits(message_bytes=20_000, message_s=0.5, idle_s=30)
        contexts = ServerContexts(tls) if tls else None
        config = ListenerConfig("127.0.0.1", self.port, admits, limits, connections, contexts)
        self.listener = OrderListener(config, OrderIntake([sender], self._offer, FakeClock(), self), self)

    def _offer(self, _tenant_id: str, expected: ExpectedStudy) -> bool:
        self.patients.append(expected.patient_id)
        return True

    def order_message(self, _kind: str, outcome: str) -> None:
        self.counted[outcome] += 1

    def order_connection_refused(self, reason: str) -> None:
        self.counted[reason] += 1

    @asynccontextmanager
    async def engine(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Connection]:
        """A connection of an interface engine."""
        name = {"server_hostname": "radgate.example"} if tls else {}
        reader, writer = await open_hl7_connection("127.0.0.1", self.port, ssl=tls, encoding="latin-1", **name)
        try:
            yield reader, writer
        finally:
            writer.close()


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[Rig]:
    await rig.listener.start()
    try:
        assert rig.listener.is_listening
        yield rig
    finally:
        await rig.listener.close()
        assert not rig.listener.is_listening


async def acknowledged(reader: HL7StreamReader) -> tuple[str, str]:
    """Code and number of the next answer (MSA-1, MSA-2)."""
    async with asyncio.timeout(10):
        answer = await reader.readmessage()
    return answer["MSA.F1"], answer["MSA.F2"]


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Whether the other end closes the connection, in whatever way, and says nothing before."""
    try:
        async with asyncio.timeout(10):
            return await reader.read() == b""
    except OSError:
        return True


async def test_messages_arrive_in_whatever_pieces() -> None:
    async with running(Rig(OrderSender("north", HERE))) as rig, rig.engine() as (reader, writer):
        writer.writemessage(hl7.parse(RAD_4.decode()))
        assert await acknowledged(reader) == ("AA", "RIS-1001")
        for byte in b"garbage\r\n" + as_block(SECOND):
            writer.write(bytes((byte,)))
            await writer.drain()
        assert await acknowledged(reader) == ("AA", "RIS-1002")
        writer.write(as_block(RAD_4) + b"\n" + as_block(RECORD.replace(b"NMR", b"CH")) + as_block(b"nonsense"))
        assert [await acknowledged(reader) for _ in range(3)] == [("AA", "RIS-1001"), ("AA", "8123"), ("AR", "")]
        writer.write(as_block(RAD_4 + b"OBX|1|ED|||" + b"x" * 30_000) + as_block(SECOND))
        assert [await acknowledged(reader) for _ in range(2)] == [("AR", "RIS-1001"), ("AA", "RIS-1002")]
    assert rig.patients == ["PAT-7", "PAT-8", "PAT-7", "PAT-8"]
    assert rig.counted == {"taken": 4, "ignored": 1, "refused": 2}


async def test_a_message_without_end_is_cut_off_in_time_and_others_are_served_meanwhile() -> None:
    async with running(Rig(OrderSender("north", HERE))) as rig, rig.engine() as (endless, flood):
        flood.write(b"\x0b" + RAD_4)

        async def send_on() -> None:
            while True:
                flood.write(b"x" * 100_000)
                await flood.drain()
                await asyncio.sleep(0.01)

        sending = asyncio.create_task(send_on())
        async with rig.engine() as (reader, writer):
            writer.write(as_block(SECOND))
            assert await acknowledged(reader) == ("AA", "RIS-1002")
        assert await is_closed(endless)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    assert rig.counted == {"taken": 1, "timeout": 1}
    assert rig.patients == ["PAT-8"]


async def test_who_may_connect_and_how_often() -> None:
    async with running(Rig(OrderSender("north", parse_networks(["10.0.0.0/8"])))) as rig:
        async with rig.engine() as (reader, _):
            assert await is_closed(reader)
        assert rig.counted == {"address": 1}
    async with running(Rig(OrderSender("north", HERE), connections=2)) as rig, AsyncExitStack() as stack:
        _, (reader, writer) = [await stack.enter_async_context(rig.engine()) for _ in range(2)]
        async with rig.engine() as (refused, _):
            assert await is_closed(refused)
        writer.write(as_block(RAD_4))
        assert await acknowledged(reader) == ("AA", "RIS-1001")
        assert rig.counted == {"limit": 1, "taken": 1}


async def test_a_port_that_is_taken_is_reported() -> None:
    async with running(Rig(OrderSender("north", HERE))) as rig:
        other = Rig(OrderSender("north", HERE))
        other.listener = OrderListener(rig.listener._config, rig.listener._answers, rig)
        with pytest.raises(
            ConfigurationError, match=r"prefetch\.orders\.port = \d+, on 127\.0\.0\.1: .+; choose another"
        ):
            await other.listener.start()
        await other.listener.close()


def trusting(servers: Authority, client: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    """An engine's side of TLS."""
    context = ssl.create_default_context(cadata=servers.certificate.decode())
    if client:
        context.load_cert_chain(*client)
    return context


async def is_refused(rig: Rig, context: ssl.SSLContext | None) -> bool:
    """Whether an engine gets no answer at all; with TLS 1.3 it learns why when it reads."""
    try:
        async with rig.engine(context) as (reader, writer):
            writer.write(as_block(RAD_4))
            await acknowledged(reader)
    except (OSError, asyncio.IncompleteReadError):
        return True
    return False


async def test_over_tls_the_certificate_says_who_it_is(tmp_path: Path) -> None:
    servers, clients = Authority("servers"), Authority("clients")
    certificate_file, key_file = servers.sign("DNS:radgate.example").write(tmp_path, "server")
    (tmp_path / "clients.pem").write_bytes(b"# Z\xc3\xbcrich\n" + clients.certificate)
    own = clients.sign(ENGINE).write(tmp_path, "engine")
    others = clients.sign("DNS:other.example").write(tmp_path, "other")
    forged = Authority("clients").sign(ENGINE).write(tmp_path, "forged")
    tls = WatchedTls(TlsPaths(certificate_file, key_file, tmp_path / "clients.pem"))
    async with running(Rig(OrderSender("north", HERE, ENGINE), tls=tls)) as rig:
        for context in (None, trusting(servers), trusting(servers, forged)):
            assert await is_refused(rig, context)
        async with rig.engine(trusting(servers, others)) as (reader, writer):
            writer.write(as_block(RAD_4))
            assert await acknowledged(reader) == ("AR", "RIS-1001")
        assert rig.patients == []
        async with rig.engine(trusting(servers, own)) as (reader, writer):
            writer.write(as_block(RAD_4))
            assert await acknowledged(reader) == ("AA", "RIS-1001")
            renewed = Authority("renewed")
            renewed.sign("DNS:radgate.example").write(tmp_path, "server")
            await tls.look()
            writer.write(as_block(SECOND))
            assert await acknowledged(reader) == ("AA", "RIS-1002")
        async with rig.engine(trusting(renewed, own)) as (reader, writer):
            writer.write(as_block(RAD_4))
            assert await acknowledged(reader) == ("AA", "RIS-1001")
    assert rig.patients == ["PAT-7", "PAT-8", "PAT-7"]
    assert rig.counted == {"tls": 3, "refused": 1, "taken": 3}
