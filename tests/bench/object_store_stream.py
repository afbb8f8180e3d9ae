"""A cold study from the object store through a server: `RetrieveInstances` by gRPC, against bare obstore.

The server has an empty disk each time; SeaweedFS on this machine has the study, in packs. Bare obstore receives the
same objects in pieces of an instance's size, as many at once.
"""

import asyncio
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import grpc
import obstore

from radgate_server.adapters.cache.packs.object_store import open_store
from radgate_server.settings.cache import S3Settings
from tests.bench.bare import LARGE_BYTES
from tests.bench.images import SLICES_PER_SERIES
from tests.bench.rounds import typical_ratio
from tests.bench.scenarios import RETRIEVE_INSTANCES, ct_request
from tests.bench.servers import TENANT
from tests.bench.table import Row
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer
from tests.integration.seaweed import BUCKET, Seaweed, running_seaweed

INSTANCES = 2 * SLICES_PER_SERIES
INSTANCE_BYTES = 512 << 10
MIB = 1 << 20
AT_ONCE = 1
"""Of bare obstore. The server reads up to four instances ahead: the ratio is not one of equal concurrency."""
_MOVED = "radgate_cache_moved_bytes_total"


@dataclass(frozen=True)
class Streamed:
    """How long the study took, and when its first bytes came: after how long, and how much had been read by then.

    The share is what the server's metrics show right after, so that a busy machine lets it seem larger.
    """

    whole_s: float
    first_s: float
    first_share: float


async def object_store_stream(orthanc: OrthancServer, folder: Path, rounds: int) -> list[Row]:
    """Have the study in the object store, then stream it from there in turn with bare obstore."""
    return await asyncio.to_thread(_measured, orthanc, folder, rounds)


def _measured(orthanc: OrthancServer, folder: Path, rounds: int) -> list[Row]:
    with running_seaweed() as seaweed:
        process = RadgateProcess(folder, _settings(seaweed)).tenant(TENANT, dimse(orthanc))
        _upload(process)
        streamed, bare_s = [], []
        for _ in range(rounds):
            shutil.rmtree(process.data_dir / "warm")
            with process:
                streamed.append(_stream(process))
            bare_s.append(asyncio.run(_bare_s(seaweed)))
    whole_s, shares = [one.whole_s for one in streamed], [one.first_share for one in streamed]
    first = f"{median(shares):.1%} (at most {max(shares):.1%}), after {median(one.first_s for one in streamed):.2f} s"
    size_mib = INSTANCES * INSTANCE_BYTES / MIB
    return [
        Row(
            "cold study from S3 by gRPC",
            f"{size_mib / median(whole_s):.0f} MiB/s",
            f"bare obstore, {AT_ONCE} at once, {size_mib / median(bare_s):.0f} MiB/s",
            typical_ratio(bare_s, whole_s),
            0.7,
        ),
        Row("... of which was read when its first bytes came", first, "10%", 0.1 / median(shares), 1),
    ]


def _settings(seaweed: Seaweed) -> dict[str, str]:
    return {
        "RADGATE_CACHE__S3__BUCKET": BUCKET,
        "RADGATE_CACHE__S3__ENDPOINT": seaweed.endpoint,
        "RADGATE_CACHE__S3__ANONYMOUS": "true",
        "RADGATE_CACHE__S3__PAUSE_S": "1",
        "RADGATE_CACHE__S3__TIMEOUT_S": "60",
    }


def _upload(process: RadgateProcess) -> None:
    """Let the server fetch the study from its PACS, and wait until the object store has all of it."""
    size = INSTANCES * INSTANCE_BYTES
    with process:
        for _ in _messages(process):
            continue
        wait_for(lambda: process.metric(_MOVED, tier="s3", direction="written") > size, "all is uploaded", 120)


def _messages(process: RadgateProcess) -> Iterator[bytes]:
    caller = "authorization", f"Bearer {process.keys[TENANT]}"
    with grpc.insecure_channel(process.endpoints["grpc"]) as channel:
        yield from channel.unary_stream(RETRIEVE_INSTANCES)(ct_request(), metadata=[caller])


def _stream(process: RadgateProcess) -> Streamed:
    began_s, first_s, first_bytes, instances = time.perf_counter(), 0.0, 0.0, 0
    for message in _messages(process):
        instances += len(message) > LARGE_BYTES
        if instances and not first_s:
            first_s = time.perf_counter() - began_s
            first_bytes = process.metric(_MOVED, tier="s3", direction="read")
    whole_s = time.perf_counter() - began_s
    read_bytes = process.metric(_MOVED, tier="s3", direction="read")
    if instances < INSTANCES or read_bytes < INSTANCES * INSTANCE_BYTES:
        raise RuntimeError(f"{instances} of {INSTANCES} came, and {read_bytes:.0f} bytes from the object store")
    return Streamed(whole_s, first_s, first_bytes / read_bytes)


async def _bare_s(seaweed: Seaweed) -> float:
    """How long obstore takes for pieces of that many instances."""
    store = open_store(S3Settings(bucket=BUCKET, endpoint=seaweed.endpoint, anonymous=True), "")
    objects = [(one["path"], one["size"]) for page in obstore.list(store) for one in page]
    waiting = iter(
        [(path, start) for path, size in objects for start in range(0, size - INSTANCE_BYTES + 1, INSTANCE_BYTES)]
    )

    async def reader() -> None:
        for path, start in waiting:
            await obstore.get_range_async(store, path, start=start, end=start + INSTANCE_BYTES)

    began_s = time.perf_counter()
    await asyncio.gather(*(reader() for _ in range(AT_ONCE)))
    return time.perf_counter() - began_s
