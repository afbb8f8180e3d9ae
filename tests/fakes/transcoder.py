"""The production transcoder over an instance store in memory, with the codecs in threads of this process."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from radgate_server.adapters.cache.memory.answers import MemoryHotCache
from radgate_server.adapters.store.spool import DiskSpool
from radgate_server.core.cache.ports.tiers import HotCache
from radgate_server.services.imaging.derived_instances import DerivedInstances
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.imaging.transcode import Transcoder
from radgate_server.services.retrieve.instances import InstanceReader
from tests.fakes.clock import FakeClock
from tests.fakes.frame_workers import InProcessFrameWorkers
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.telemetry import RecordingTelemetry

MIB = 1 << 20


@dataclass
class TranscodingBench:
    """A transcoder and what it works with."""

    executor: ThreadPoolExecutor
    folder: Path
    spool_memory_bytes: int
    store: MemoryInstanceStore = field(default_factory=MemoryInstanceStore)
    workers: InProcessFrameWorkers = field(default_factory=InProcessFrameWorkers)
    parallel: int = 2

    def __post_init__(self) -> None:
        self.derived: HotCache = MemoryHotCache(
            limit_bytes=64 * MIB, entry_limit_bytes=32 * MIB, clock=FakeClock(), telemetry=RecordingTelemetry()
        )
        self.reader = InstanceReader(self.store, self.executor)
        self.frames = StoredFrames(self.reader)
        self.spool = DiskSpool(self.folder, memory_bytes=self.spool_memory_bytes)
        kept = DerivedInstances(self.derived, max_bytes=32 * MIB)
        self.transcoder = Transcoder(self.reader, self.frames, self.workers, self.spool, kept, parallel=self.parallel)


@contextmanager
def transcoding_bench(
    *, spool_memory_bytes: int = 64 * MIB, workers: InProcessFrameWorkers | None = None, parallel: int = 2
) -> Iterator[TranscodingBench]:
    workers = workers or InProcessFrameWorkers()
    with ThreadPoolExecutor(1) as executor, TemporaryDirectory() as folder:
        yield TranscodingBench(executor, Path(folder), spool_memory_bytes, workers=workers, parallel=parallel)
