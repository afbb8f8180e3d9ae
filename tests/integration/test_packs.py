"""The tier of packs on a real SeaweedFS: what one server puts there another reads, and what goes wrong."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from threading import Thread

import httpx
import pytest

from radgate_server.adapters.cache.disk.layout import study_hash
from radgate_server.adapters.cache.packs.object_store import ObjectStore
from radgate_server.core.errors import ConfigurationError, CorruptEntryError
from radgate_server.settings.cache import S3Settings
from tests.conformance.instance_store_suite import REF, got, pattern, received, whole
from tests.fakes.clock import FakeClock
from tests.fakes.pack_machines import MIB, PackCluster
from tests.fakes.packs import MemoryPackIndex
from tests.fakes.study_keys import MemoryStudyKeys
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.ports import free_port
from tests.integration.seaweed import BUCKET, Seaweed, running_seaweed

STUDY = REF.study_instance_uid


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
def cluster(seaweed: Seaweed, tmp_path: Path) -> PackCluster:
    clock = FakeClock()
    settings = S3Settings(
        bucket=BUCKET, endpoint=seaweed.endpoint, prefix=token_hex(4), anonymous=True, timeout_s=20, pause_s=60
    )
    return PackCluster(settings, tmp_path, clock, MemoryPackIndex(clock.now), MemoryStudyKeys())


async def test_what_one_machine_has_put_there_another_reads(cluster: PackCluster) -> None:
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


async def test_the_first_bytes_of_a_large_instance_come_before_a_tenth_is_read(cluster: PackCluster) -> None:
    data = pattern(12 * MIB)
    async with cluster.machine() as one, cluster.machine(disk_bytes=MIB) as two:
        await one.chain.put("alpha", received(data))
        await one.writer.settle()
        handle = await got(two.chain)
        assert await handle.read(0, 1000) == data[:1000]
        assert two.telemetry.cache_moved["s3", "read"] < len(data) / 10
        assert await handle.read(7 * MIB + 5, 2 * MIB) == data[7 * MIB + 5 : 9 * MIB + 5]


async def test_an_instance_of_several_parts_is_read_as_it_was(
    cluster: PackCluster, monkeypatch: pytest.MonkeyPatch
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


async def test_no_uid_and_no_tenant_is_in_a_key_and_nothing_in_the_clear(cluster: PackCluster) -> None:
    async with cluster.machine() as one:
        await one.chain.put("alpha", received(b"PATIENT^NAME" * 100))
        await one.writer.settle()
    body = httpx.get(cluster.object_url).content
    assert b"PATIENT" not in body
    assert STUDY.encode() not in body
    assert not any(word in cluster.object_url for word in ("alpha", STUDY, study_hash(STUDY)))


@pytest.mark.parametrize("harm", ["overwritten", "deleted", "cut"])
async def test_a_damaged_object_is_dropped_and_counted(cluster: PackCluster, harm: str) -> None:
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


async def test_a_bucket_that_is_not_there_is_reported_at_the_start(cluster: PackCluster) -> None:
    objects = ObjectStore(cluster.settings.model_copy(update={"bucket": "no-such-bucket"}), "x", RecordingTelemetry())
    with pytest.raises(ConfigurationError, match="there is no bucket 'no-such-bucket'"):
        await objects.check()


@pytest.mark.parametrize("why", ["dead", "overloaded"])
async def test_a_store_that_is_away_costs_three_tries(cluster: PackCluster, why: str) -> None:
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
