"""The tier of packs on a real SeaweedFS: what one server puts there another reads, and what goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from threading import Thread

import httpx
import pytest

from radgate_server.adapters.cache.disk.layout import study_hash
from radgate_server.adapters.cache.disk.sealed_bytes import SealedForm
from radgate_server.adapters.cache.packs.care import ORPHAN_AGE, PackCare
from radgate_server.adapters.cache.packs.chain import ChainedInstanceStore
from radgate_server.adapters.cache.packs.object_store import ObjectStore
from radgate_server.adapters.cache.packs.tier import PackParts, PackTier
from radgate_server.adapters.cache.packs.writer import PackWriter
from radgate_server.adapters.cache.tenant_shares import EQUAL_SHARES
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.core.cache.ports.tiers import InstanceStore
from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.errors import ConfigurationError, CorruptEntryError
from radgate_server.settings.cache import S3Settings
from tests.conformance.instance_store_suite import REF, InstanceStoreSuite, got, pattern, received, whole
from tests.fakes.clock import FakeClock
from tests.fakes.packs import MemoryPackIndex
from tests.fakes.study_keys import MemoryStudyKeys
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.ports import free_port
from tests.integration.seaweed import BUCKET, Seaweed, running_seaweed

MIB = 1 << 20
STUDY = REF.study_instance_uid


@dataclass
class RecordedStates:
    """PackVouching of a server that has one state of all studies."""

    known: bytes | None = b"as it is"
    seen: int = 0

    def state(self, _tenant_id: str, _study_instance_uid: str, _pacs: str) -> bytes | None:
        return self.known

    def vouches(self, _tenant_id: str, _study_instance_uid: str, state: bytes) -> bool:
        return state == self.known


@dataclass
class Machine:
    """One server's chain of tiers."""

    disk: DiskInstanceStore
    tier: PackTier
    writer: PackWriter
    chain: ChainedInstanceStore
    telemetry: RecordingTelemetry


@dataclass
class Cluster:
    """What machines share."""

    settings: S3Settings
    folder: Path
    clock: FakeClock
    index: MemoryPackIndex
    keys: MemoryStudyKeys

    @asynccontextmanager
    async def machine(
        self,
        limit_bytes: int = 1 << 40,
        disk_bytes: int = 512 * MIB,
        states: "RecordedStates | None" = None,
        endpoint: str = "",
    ) -> AsyncIterator[Machine]:
        async with AsyncExitStack() as stack:
            telemetry = RecordingTelemetry()
            disk = await stack.enter_async_context(
                DiskInstanceStore(
                    self.folder / token_hex(4),
                    limit_bytes=disk_bytes,
                    clock=self.clock,
                    telemetry=telemetry,
                    keys=self.keys,
                )
            )
            settings = self.settings.model_copy(update={"endpoint": endpoint or self.settings.endpoint})
            objects = ObjectStore(settings, "installation", telemetry)
            parts = PackParts(objects, self.index, disk, SealedForm(self.keys), self.clock, telemetry)
            tier = PackTier(parts, limit_bytes)
            tier.vouch_by(states or RecordedStates())
            stack.push_async_callback(tier.close)
            writer = PackWriter(tier, bytes(32), pack_bytes=4 * MIB, pause_s=self.settings.pause_s)
            writer.start()
            stack.push_async_callback(writer.close)
            yield Machine(disk, tier, writer, ChainedInstanceStore(disk, tier, writer), telemetry)

    @property
    def object_url(self) -> str:
        """Of the one pack."""
        (object_key,) = self.index.packs
        return f"{self.settings.endpoint}/{BUCKET}/{self.settings.prefix}/installation/{object_key}"


@contextmanager
def overloaded_store() -> Iterator[str]:
    """The endpoint of a store that answers all with 503 SlowDown."""

    class SlowDown(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
            self.send_response(503)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Not to stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), SlowDown) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def seaweed() -> Iterator[Seaweed]:
    with running_seaweed() as server:
        yield server


@pytest.fixture
def cluster(seaweed: Seaweed, tmp_path: Path) -> Cluster:
    clock = FakeClock()
    settings = S3Settings(
        bucket=BUCKET, endpoint=seaweed.endpoint, prefix=token_hex(4), anonymous=True, timeout_s=20, pause_s=60
    )
    return Cluster(settings, tmp_path, clock, MemoryPackIndex(clock.now), MemoryStudyKeys())


class TestChainedInstanceStore(InstanceStoreSuite):
    """The chain is an InstanceStore as the disk is."""

    @pytest.fixture
    async def store(self, cluster: Cluster) -> AsyncIterator[InstanceStore]:
        async with cluster.machine() as machine:
            yield machine.chain


async def test_what_one_machine_has_put_there_another_reads(cluster: Cluster) -> None:
    refs = [REF._replace(sop_instance_uid=f"1.2.{number}") for number in range(12)]
    blobs = [pattern(MIB + number, number) for number in range(12)]
    async with cluster.machine() as one, cluster.machine() as two:
        for ref, blob in zip(refs, blobs, strict=True):
            await one.chain.put("alpha", received(blob, ref))
        assert await two.chain.get("alpha", refs[0]) is None
        await one.writer.settle()
        assert 3 <= len(cluster.index.packs) <= 5
        cluster.clock.advance(10)
        for ref, blob in zip(refs, blobs, strict=True):
            handle = await got(two.chain, "alpha", ref)
            assert (handle.size_bytes, handle.sop_class_uid) == (len(blob), "1.2.840.10008.5.1.4.1.1.2")
            assert await whole(handle) == blob
            assert await two.disk.get("alpha", ref) is not None, "it came to the local disk as it was read"
        assert await two.chain.get("beta", refs[0]) is None
        moved = two.telemetry.cache_moved["s3", "read"]
        assert sum(map(len, blobs)) < moved < 1.01 * sum(map(len, blobs))
        usage = await two.tier.usage("alpha")
        assert (usage.tier, usage.entries, usage.hits) == ("s3", 12, 12)


async def test_the_first_bytes_of_a_large_instance_come_before_a_tenth_is_read(cluster: Cluster) -> None:
    data = pattern(12 * MIB)
    async with cluster.machine() as one, cluster.machine(disk_bytes=MIB) as two:
        await one.chain.put("alpha", received(data))
        await one.writer.settle()
        handle = await got(two.chain)
        assert await handle.read(0, 1000) == data[:1000]
        assert two.telemetry.cache_moved["s3", "read"] < len(data) / 10
        assert await handle.read(7 * MIB + 5, 2 * MIB) == data[7 * MIB + 5 : 9 * MIB + 5]


async def test_an_instance_of_several_parts_is_read_as_it_was(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uploaded in two parts, without being in memory, and read in two pieces."""
    monkeypatch.setattr("radgate_server.adapters.cache.packs.writer.WHOLE_BYTES", 4 * MIB)
    data = pattern(9 * MIB)
    async with cluster.machine() as one, cluster.machine() as two:
        await one.chain.put("alpha", received(data))
        await one.writer.settle()
        handle = await got(two.chain)

        def at_once() -> bytes:
            with handle.open_buffer() as buffer:
                return bytes(buffer)

        assert await asyncio.to_thread(at_once) == data
        assert [row for row in two.telemetry.cache_operations if row[1] == "get"] == [("s3", "get", "ok")] * 2


async def test_no_uid_and_no_tenant_is_in_a_key_and_nothing_in_the_clear(cluster: Cluster) -> None:
    async with cluster.machine() as one:
        await one.chain.put("alpha", received(b"PATIENT^NAME" * 100))
        await one.writer.settle()
    body = httpx.get(cluster.object_url).content
    assert b"PATIENT" not in body
    assert STUDY.encode() not in body
    assert not any(word in cluster.object_url for word in ("alpha", STUDY, study_hash(STUDY)))


@pytest.mark.parametrize("harm", ["overwritten", "deleted", "cut"])
async def test_a_damaged_object_is_dropped_and_counted(cluster: Cluster, harm: str) -> None:
    async with cluster.machine() as one, cluster.machine() as two:
        await one.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        body = httpx.get(cluster.object_url).content
        if harm == "deleted":
            httpx.delete(cluster.object_url)
        else:
            changed = body[:2000] if harm == "cut" else body[:3000] + b"!" + body[3001:]
            httpx.put(cluster.object_url, content=changed)
        handle = await got(two.chain)
        with pytest.raises(CorruptEntryError):
            await whole(handle)
        assert ("s3", "missing" if harm == "deleted" else "damaged") in two.telemetry.cache_failures
        assert await two.chain.get("alpha", REF) is None
        assert await cluster.index.of_study("alpha", study_hash(STUDY)) == {}


async def test_erasing_the_key_erases_what_is_there(cluster: Cluster) -> None:
    async with cluster.machine() as one, cluster.machine() as two:
        await one.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        assert (await two.tier.held("alpha", STUDY)).entries == 1
        cluster.keys.keys.clear()
        handle = await got(two.chain)
        with pytest.raises(CorruptEntryError):
            await whole(handle)
        assert await two.chain.get("alpha", REF) is None


async def test_of_two_writers_of_one_instance_the_first_owns_it(cluster: Cluster) -> None:
    async with cluster.machine() as one, cluster.machine() as two:
        for machine in (one, two):
            await machine.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        await two.writer.settle()
        assert len(cluster.index.packs) == 1
        objects = [stored async for page in two.tier.parts.objects.pages() for stored in page]
        assert [stored.object_key for stored in objects] == list(cluster.index.packs), "the loser deleted its own"


async def test_an_invalidation_is_for_packs_too(cluster: Cluster) -> None:
    async with cluster.machine() as one, cluster.machine() as two:
        await one.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        old = await got(two.chain)
        assert await one.chain.invalidate("alpha", STUDY) == 1
        await one.chain.put("alpha", received(pattern(6000, 1)))
        await one.chain.invalidate("alpha", STUDY)
        await one.writer.settle()
        assert cluster.index.packs == {}, "what was waiting to be uploaded is uploaded no more"
        cluster.clock.advance(10)
        assert await two.chain.get("alpha", REF) is None
        with pytest.raises(CorruptEntryError):
            await whole(old)


async def test_limits_are_kept_and_orphans_swept(cluster: Cluster) -> None:
    async with cluster.machine(limit_bytes=2_500_000) as one:
        for number in range(3):
            ref = InstanceRef(f"1.9.{number}", "1.1", "1.1.1")
            await one.chain.put("alpha", received(pattern(MIB), ref))
            await one.writer.settle()
            cluster.clock.advance(60)
        care = PackCare(one.tier, EQUAL_SHARES, timedelta(days=30))
        await care.look()
        assert [pack.study for pack in cluster.index.packs.values()] == [study_hash(f"1.9.{n}") for n in (1, 2)]
        assert one.tier.used_bytes < 2_500_000
        await cluster.index.drop_packs(list(cluster.index.packs)[:1])
        assert await care.sweep() == 0, "it may be an upload that is not entered yet"
        cluster.clock.advance(3650 * 86_400 + ORPHAN_AGE.total_seconds())
        assert await care.sweep() == 1
        await care.look()
        assert cluster.index.packs == {}, "too old"


async def test_a_bucket_that_is_not_there_is_reported_at_the_start(cluster: Cluster) -> None:
    objects = ObjectStore(cluster.settings.model_copy(update={"bucket": "no-such-bucket"}), "x", RecordingTelemetry())
    with pytest.raises(ConfigurationError, match="there is no bucket 'no-such-bucket'"):
        await objects.check()


@pytest.mark.parametrize("why", ["dead", "overloaded"])
async def test_a_store_that_is_away_costs_three_tries(cluster: Cluster, why: str) -> None:
    """What it was asked for comes from the PACS, and nothing that is there is forgotten."""
    refs = [REF._replace(sop_instance_uid=f"1.2.{number}") for number in range(6)]
    with overloaded_store() as overloaded:
        endpoint = overloaded if why == "overloaded" else f"http://127.0.0.1:{free_port()}"
        async with cluster.machine() as one, cluster.machine(endpoint=endpoint) as two:
            for ref in refs:
                await one.chain.put("alpha", received(pattern(5000), ref))
            await one.writer.settle()
            for handle in [await got(two.chain, "alpha", ref) for ref in refs]:
                with pytest.raises(CorruptEntryError, match="can't be read now"):
                    await whole(handle)
            assert two.telemetry.cache_operations == [("s3", "get", "failed")] * 3, "then the breaker is open"
            assert await two.chain.get("alpha", refs[5]) is None, "a miss"
            assert len(await cluster.index.of_study("alpha", study_hash(STUDY))) == 6


async def test_what_was_fetched_under_another_state_is_not_served(cluster: Cluster) -> None:
    states = RecordedStates()
    async with cluster.machine() as one, cluster.machine(states=states) as two:
        await one.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        handle = await got(two.chain)
        states.known = b"corrected since"
        with pytest.raises(CorruptEntryError, match="invalidated"):
            await whole(handle)
        assert await two.chain.get("alpha", REF) is None
        assert ("s3", "unconfirmed") in two.telemetry.cache_failures
        assert await two.disk.get("alpha", REF) is None
        await two.chain.put("alpha", received(pattern(5000)))
        await two.writer.settle()
        cluster.clock.advance(10)
        assert await one.chain.get("alpha", REF) is not None, "its own copy"
        (row,) = (await cluster.index.of_study("alpha", study_hash(STUDY))).values()
        assert row.state == b"corrected since", "the newer one is what is shared"


async def test_without_a_state_nothing_is_shared(cluster: Cluster) -> None:
    async with cluster.machine(states=RecordedStates(None)) as one:
        await one.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        assert cluster.index.packs == {}


async def test_an_invalidation_that_was_not_heard_yet_wins_over_an_upload(cluster: Cluster) -> None:
    states = RecordedStates(seen=7)
    async with cluster.machine(states=states) as one:
        await one.chain.put("alpha", received(pattern(5000)))
        cluster.index.invalidated.append((8, "alpha", STUDY))
        await one.writer.settle()
        assert cluster.index.packs == {}
        assert [stored async for page in one.tier.parts.objects.pages() for stored in page] == []


async def test_an_invalidation_that_is_heard_late_leaves_what_was_fetched_since(cluster: Cluster) -> None:
    late = RecordedStates(seen=7)
    async with cluster.machine(states=RecordedStates(seen=8)) as one, cluster.machine(states=late) as two:
        await one.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        await two.chain.invalidate("alpha", STUDY)
        assert await whole(await got(two.chain)) == pattern(5000)
        late.seen = 8
        await two.chain.invalidate("alpha", STUDY)
        assert cluster.index.packs == {}


async def test_a_part_that_is_invalidated_takes_the_packs_of_its_study(cluster: Cluster) -> None:
    other = REF._replace(sop_instance_uid="1.2.9")
    async with cluster.machine() as one:
        for ref in (REF, other):
            await one.chain.put("alpha", received(pattern(5000), ref))
        await one.writer.settle()
        assert await one.chain.count(CacheScope("alpha", STUDY)) == 2
        assert await one.chain.invalidate_part(CacheScope("alpha", *REF)) == 1
        assert cluster.index.packs == {}
        assert await one.disk.get("alpha", other) is not None
