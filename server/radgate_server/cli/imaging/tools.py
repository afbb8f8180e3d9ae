"""The server's tools for images, laid out for one command: workers, a spool that vanishes, files as instances."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import google_crc32c

from radgate_server.adapters.imaging.workers import ImageWorkers
from radgate_server.adapters.imaging.workers.worker_policy import number_of_workers
from radgate_server.adapters.store.spool import DiskSpool
from radgate_server.adapters.telemetry import PrometheusTelemetry
from radgate_server.core.dicom.dataset.file_meta import identify, read_file_meta
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.memory_instance import MemoryInstance
from radgate_server.core.errors import InstanceMalformedError
from radgate_server.services.imaging.standalone import StandaloneImages
from radgate_server.settings.settings import Settings
from radgate_server.settings.shared.table import MIB

_INDEX_THREADS = 2
_SPOOL_MEMORY_BYTES = 256 * MIB


@dataclass(frozen=True, slots=True)
class Tools:
    """What a command works with. `parallel` files at the same time keep all processors busy."""

    images: StandaloneImages
    parallel: int

    async def read(self, path: Path) -> MemoryInstance:
        """Read a DICOM file as an instance. Raises InstanceMalformedError, OSError."""
        return await asyncio.to_thread(_read_instance, path)


@asynccontextmanager
async def open_tools(settings: Settings) -> AsyncIterator[Tools]:
    """Start the workers; leaving stops them."""
    workers, count = ImageWorkers(settings.imaging, PrometheusTelemetry()), number_of_workers(settings.imaging)
    await workers.start()
    try:
        with TemporaryDirectory(prefix="radgate-") as folder, ThreadPoolExecutor(_INDEX_THREADS) as executor:
            images = StandaloneImages(
                executor,
                workers,
                DiskSpool(Path(folder), memory_bytes=_SPOOL_MEMORY_BYTES),
                parallel=count,
                max_pixels=settings.imaging.max_rendered_pixels,
            )
            yield Tools(images, 2 * count)
    finally:
        await workers.close()


def _read_instance(path: Path) -> MemoryInstance:
    data = path.read_bytes()
    view = memoryview(data)
    meta = read_file_meta(view)
    try:
        ref, sop_class_uid, _ = identify(view)
    except InstanceMalformedError:  # a file of one's own may lack what an archive needs
        ref, sop_class_uid = InstanceRef("", "", meta.sop_instance_uid), meta.sop_class_uid
    return MemoryInstance(ref, sop_class_uid, meta.transfer_syntax_uid, data, google_crc32c.value(data))
