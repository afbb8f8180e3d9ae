"""One server asks another for a study over a real port; what is not right is refused."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace

import google_crc32c
import pytest

from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import (
    Arrival,
    FailedInstance,
    InstanceHandle,
    ListedInstance,
    MemoryContent,
    ReceivedInstance,
)
from radgate_server.core.dicom.memory_instance import MemoryInstance
from radgate_server.core.errors import InstanceNotSentError, PacsUnreachableError
from radgate_server.core.gateway.ports import TlsMaterial, TlsSource
from radgate_server.core.servers.peers import PeerFailedError, PeerRequest, PriorityOutcome, ViewPriority
from radgate_server.lib.sealed_file import SealedFile
from radgate_server.rpc.peers.client import GrpcPeers, PeerTimeouts
from radgate_server.rpc.peers.secret import LOCATING, PRIORITIZING, TOLERANCE_S, PeerSecret
from radgate_server.rpc.peers.server import OwnMemory, PeerServer
from radgate_server.settings.shared.table import MIB
from tests.conformance.members_suite import FIRST
from tests.fakes.authority import Authority

STUDY = "2.25.1"
SECRET, ANOTHER = PeerSecret(bytes(32)), PeerSecret(b"x" * 32)
REFS = [InstanceRef(STUDY, "2.25.2", f"2.25.2.{number}") for number in range(3)]
REQUEST = PeerRequest("east", "main", RetrieveScope(STUDY), tuple(ListedInstance(ref, "1.2.3", "ID") for ref in REFS))


def handle(ref: InstanceRef, size_bytes: int = 1_300_000) -> MemoryInstance:
    content = MemoryContent((ref.sop_instance_uid.encode() * (size_bytes // 10),))
    return MemoryInstance.from_received(ReceivedInstance(ref, "1.2.3", "1.2.840.10008.1.2.1", content))


class Cut(MemoryInstance):
    """Its bytes are fewer than it says."""

    async def read(self, offset: int, length: int) -> bytes:
        return (await super().read(offset, length))[:-1]


class Changed(MemoryInstance):
    """Its bytes are others than it says."""

    async def read(self, offset: int, length: int) -> bytes:
        return bytes(length)


@dataclass
class Held:
    """HeldStudies of these, after which `failure` is raised."""

    deliveries: Sequence[InstanceHandle | FailedInstance]
    failure: Exception | None = None
    requests: list[PeerRequest] = field(default_factory=list)

    @asynccontextmanager
    async def open(self, request: PeerRequest) -> AsyncIterator[AsyncIterator[InstanceHandle | FailedInstance]]:
        self.requests.append(request)

        async def deliver() -> AsyncIterator[InstanceHandle | FailedInstance]:
            for delivery in self.deliveries:
                yield delivery
            if self.failure is not None:
                raise self.failure

        yield deliver()


def place_of(tenant_id: str, sop_instance_uid: str) -> InstanceRef | None:
    """What the asked server knows of where instances lie."""
    return REFS[0] if (tenant_id, sop_instance_uid) == ("east", REFS[0].sop_instance_uid) else None


PRIORITY = ViewPriority("east", "key", "a.b", "2.25.2", REFS[0].sop_instance_uid, whole=True)


def prioritized(priority: ViewPriority) -> PriorityOutcome:
    """What becomes of a priority at the asked server."""
    return PriorityOutcome.DONE if priority == PRIORITY else PriorityOutcome.ENDED


@asynccontextmanager
async def asking(
    held: Held,
    *,
    server: PeerSecret = SECRET,
    client: PeerSecret = SECRET,
    tls: TlsSource | None = None,
    clients_tls: TlsSource | None = None,
    max_instance_bytes: int = 1 << 22,
) -> AsyncIterator[Callable[[PeerRequest], AsyncIterator[Arrival]]]:
    """Asks a server that holds this."""
    listener = PeerServer("127.0.0.1", 0, server, tls)
    await listener.start(FIRST.member_id, held, OwnMemory(place_of, prioritized))
    peers = GrpcPeers(client, PeerTimeouts(20, 20), max_instance_bytes, clients_tls)
    holder = replace(FIRST, address=f"127.0.0.1:{listener.port}")

    async def ask(request: PeerRequest) -> AsyncIterator[Arrival]:
        async with peers.fetch(holder, request) as instances:
            async for instance in instances:
                yield instance

    try:
        yield ask
    finally:
        await peers.close()
        await listener.close()


async def test_instances_arrive_whole_and_of_what_failed_the_reason() -> None:
    held = Held(
        [handle(REFS[2]), FailedInstance(REFS[1], InstanceNotSentError("not sent", pacs="main")), handle(REFS[0])]
    )
    async with asking(held) as ask:
        came = [instance async for instance in ask(REQUEST)]
    assert [one.ref for one in came] == [REFS[2], REFS[1], REFS[0]]
    (failed,) = (one for one in came if isinstance(one, FailedInstance))
    assert (type(failed.error), failed.error.message) == (InstanceNotSentError, "not sent")
    whole = [one for one in came if isinstance(one, ReceivedInstance)]
    assert [b"".join(one.content.pieces(1 << 20)) for one in whole] == [
        bytes(await handle(ref).read(0, handle(ref).size_bytes)) for ref in (REFS[2], REFS[0])
    ]
    assert held.requests == [REQUEST]


@pytest.mark.parametrize(
    ("deliver", "reason"),
    [
        (lambda: Cut.from_received(_received(REFS[0])), "checksum|cut an instance short"),
        (lambda: Changed.from_received(_received(REFS[0])), "checksum"),
        (lambda: handle(InstanceRef(STUDY, "2.25.2", "2.25.9")), "was not asked for"),
        (lambda: handle(InstanceRef(STUDY, "2.25.8", "2.25.2.0")), "was not asked for"),
        (lambda: handle(REFS[0], 9_000_000), "impossible size"),
    ],
)
async def test_a_peer_that_lies_is_refused(deliver: Callable[[], InstanceHandle], reason: str) -> None:
    async with asking(Held([deliver()])) as ask:
        with pytest.raises(PeerFailedError, match=reason):
            [instance async for instance in ask(REQUEST)]


def _received(ref: InstanceRef) -> ReceivedInstance:
    return ReceivedInstance(ref, "1.2.3", "1.2.840.10008.1.2.1", MemoryContent((b"dicom" * 1000,)))


async def test_who_does_not_know_the_secret_gets_nothing() -> None:
    held = Held([handle(REFS[0])])
    async with asking(held, client=ANOTHER) as ask:
        with pytest.raises(PeerFailedError, match="UNAUTHENTICATED"):
            [instance async for instance in ask(REQUEST)]
    assert held.requests == []


async def test_what_the_holder_can_not_fetch_ends_the_stream() -> None:
    failure = PacsUnreachableError("out of reach", pacs="main")
    async with asking(Held([handle(REFS[0])], failure)) as ask:
        instances = aiter(ask(REQUEST))
        assert (await anext(instances)).ref == REFS[0]
        with pytest.raises(PeerFailedError, match="UNAVAILABLE"):
            await anext(instances)


@dataclass
class Certificates:
    """TlsSource of certificates that this authority signs."""

    authority: Authority

    def __post_init__(self) -> None:
        self.renew(self.authority)

    def renew(self, authority: Authority) -> None:
        pair = authority.sign("IP:127.0.0.1")
        self.current = TlsMaterial(pair.certificate, pair.key, authority.certificate)


async def test_peers_speak_tls_with_certificates_of_one_authority_also_renewed_ones() -> None:
    authority, renewed = Authority("servers"), Authority("renewed")
    one, other = Certificates(authority), Certificates(authority)
    held = Held([handle(REFS[0])])
    async with asking(held, tls=one, clients_tls=other) as ask:
        assert [each.ref async for each in ask(REQUEST)] == [REFS[0]]
        one.renew(renewed)
        other.renew(renewed)
        assert [each.ref async for each in ask(REQUEST)] == [REFS[0]]
    assert len(held.requests) == 2


@pytest.mark.parametrize("client", [None, Certificates(Authority("strangers"))])
async def test_who_has_no_certificate_of_the_installation_gets_nothing(client: Certificates | None) -> None:
    held = Held([handle(REFS[0])])
    async with asking(held, tls=Certificates(Authority("servers")), clients_tls=client) as ask:
        with pytest.raises(PeerFailedError):
            [instance async for instance in ask(REQUEST)]
    assert held.requests == []


class Large:
    """InstanceHandle of zeros, which takes no memory; counts what is read of it."""

    ref, sop_class_uid, transfer_syntax_uid = REFS[0], "1.2.3", "1.2.840.10008.1.2.1"

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.crc32c = self.read_bytes = 0
        for _ in range(size_bytes // MIB):
            self.crc32c = google_crc32c.extend(self.crc32c, bytes(MIB))

    async def read(self, _offset: int, length: int) -> bytes:
        self.read_bytes += length
        return bytes(length)

    def view(self, _offset: int, _length: int) -> memoryview | None:
        return None

    def open_buffer(self) -> AbstractContextManager[memoryview]:
        raise AssertionError("nobody wants all of it at once")


async def test_a_large_instance_passes_through_little_memory() -> None:
    size_bytes = 64 * MIB
    async with asking(Held([Large(size_bytes)]), max_instance_bytes=size_bytes) as ask:
        tracemalloc.start()
        try:
            (instance,) = [instance async for instance in ask(REQUEST)]
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert isinstance(instance, ReceivedInstance)
    assert isinstance(instance.content, SealedFile)
    assert instance.content.size_bytes == size_bytes
    assert peak_bytes < 32 * MIB


async def test_a_holder_reads_no_further_than_the_window_ahead_of_who_does_not_take_it() -> None:
    size_bytes = 256 * MIB
    large = Large(size_bytes)
    async with asking(Held([handle(REFS[1]), large]), max_instance_bytes=size_bytes) as ask:
        instances = aiter(ask(REQUEST))
        assert (await anext(instances)).ref == REFS[1]
        before = -1
        while before < large.read_bytes or not large.read_bytes:
            before = large.read_bytes
            await asyncio.sleep(0.3)
        assert large.read_bytes <= 16 * MIB


async def test_nobody_listens() -> None:
    peers = GrpcPeers(SECRET, PeerTimeouts(20, 20), 1 << 20)
    with pytest.raises(PeerFailedError, match="UNAVAILABLE"):
        async with peers.fetch(replace(FIRST, address="127.0.0.1:1"), REQUEST):
            pytest.fail("it was accepted")
    await peers.close()


async def test_a_server_answers_from_its_memory_servers_alone() -> None:
    listener = PeerServer("127.0.0.1", 0, SECRET)
    await listener.start(FIRST.member_id, Held([]), OwnMemory(place_of, prioritized))
    member = replace(FIRST, address=f"127.0.0.1:{listener.port}")
    peers, strangers = (GrpcPeers(secret, PeerTimeouts(20, 20), 1 << 20) for secret in (SECRET, ANOTHER))
    try:
        assert await peers.locate(member, "east", REFS[0].sop_instance_uid) == REFS[0]
        assert await peers.locate(member, "west", REFS[0].sop_instance_uid) is None
        assert await peers.locate(member, "east", REFS[1].sop_instance_uid) is None
        assert await peers.prioritize(member, PRIORITY) is PriorityOutcome.DONE
        assert await peers.prioritize(member, replace(PRIORITY, key_id="other")) is PriorityOutcome.ENDED
        with pytest.raises(PeerFailedError, match="UNAUTHENTICATED"):
            await strangers.locate(member, "east", REFS[0].sop_instance_uid)
        with pytest.raises(PeerFailedError, match="UNAUTHENTICATED"):
            await strangers.prioritize(member, PRIORITY)
        with pytest.raises(PeerFailedError, match="UNAVAILABLE"):
            await peers.locate(replace(member, address="127.0.0.1:1"), "east", REFS[0].sop_instance_uid)
    finally:
        await asyncio.gather(peers.close(), strangers.close(), listener.close())


@dataclass(frozen=True, slots=True)
class Credulous(PeerSecret):
    """Of a server that takes any request, without the installation's secret."""

    def verify(self, *_: object) -> bool:
        return True


async def test_an_impostor_that_reports_a_place_is_not_believed() -> None:
    listener = PeerServer("127.0.0.1", 0, Credulous(b"x" * 32))
    await listener.start(FIRST.member_id, Held([]), OwnMemory(place_of, prioritized))
    peers = GrpcPeers(SECRET, PeerTimeouts(20, 20), 1 << 20)
    with pytest.raises(PeerFailedError, match="no server of this installation"):
        await peers.locate(replace(FIRST, address=f"127.0.0.1:{listener.port}"), "east", REFS[0].sop_instance_uid)
    await asyncio.gather(peers.close(), listener.close())


def test_a_signature_holds_for_one_member_one_request_and_a_while() -> None:
    moment = 1_000_000.0
    signer = PeerSecret(bytes(32), lambda: moment)
    signature = signer.sign("a", b"tenant east")
    assert signer.verify(signature, "a", b"tenant east")
    assert not signer.verify(signature, "b", b"tenant east")
    assert not any(signer.verify(signature, "a", b"tenant east", other) for other in (LOCATING, PRIORITIZING))
    assert not signer.verify(signature, "a", b"tenant west")
    assert not PeerSecret(b"x" * 32, lambda: moment).verify(signature, "a", b"tenant east")
    assert not PeerSecret(bytes(32), lambda: moment + TOLERANCE_S + 1).verify(signature, "a", b"tenant east")
    assert [signer.verify(bad, "a", b"tenant east") for bad in ("", ".", "1", "\u0663.x", "9" * 99)] == [False] * 5
    assert signer.verify_answer(signer.answer(signature), signature)
    assert not signer.verify_answer(PeerSecret(b"x" * 32).answer(signature), signature)
