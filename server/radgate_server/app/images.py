"""What a running server makes of images: pictures, and the same images in other transfer syntaxes."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass

from radgate_server.adapters.imaging.workers.terms import number_of_workers
from radgate_server.app.asking import Asking
from radgate_server.app.spooling import open_spool
from radgate_server.app.tiers import Tiers
from radgate_server.core.imaging.ports import FrameWorkers
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.imaging.derived_instances import DerivedInstances
from radgate_server.services.imaging.frame_room import ROOM_BYTES, FrameRoom
from radgate_server.services.imaging.pictures.representative import Representatives
from radgate_server.services.imaging.pictures.toolset import Pictures, build_pictures
from radgate_server.services.imaging.standalone import LooseImages
from radgate_server.services.imaging.transcode import Transcoder
from radgate_server.services.imaging.uploads import UploadTranscoder
from radgate_server.services.retrieve.instances import InstanceReader
from radgate_server.settings.settings import Settings
from radgate_server.settings.table import MIB

INDEX_THREADS = 2
TRANSCODING_MEMORY_BYTES = 256 * MIB  # for frames that are put together to instances; large instances use the disk
ROOM_BYTES_PER_WORKER = 64 * MIB  # of stored frames that wait, so that no worker does
DERIVED_INSTANCE_BYTES = 64 * MIB  # larger transcoded instances are not kept


@dataclass(frozen=True, slots=True)
class Images:
    """Of instances that are near, and of those that clients send."""

    instances: InstanceReader
    pictures: Pictures
    transcoder: Transcoder
    uploads: UploadTranscoder


def build_images(
    stack: AsyncExitStack, settings: Settings, tiers: Tiers, workers: FrameWorkers, asking: Asking, auditor: Auditor
) -> Images:
    """Put it together; `stack` ends its threads."""
    executor = ThreadPoolExecutor(INDEX_THREADS, thread_name_prefix="index")
    stack.callback(executor.shutdown)
    instances = InstanceReader(tiers.store, executor, asking.places.learn)
    max_pixels = settings.imaging.max_rendered_pixels
    parallel = number_of_workers(settings.imaging)
    room = FrameRoom(max(ROOM_BYTES, parallel * ROOM_BYTES_PER_WORKER), settings.imaging.max_waiting)
    pictures = build_pictures(
        instances,
        workers,
        tiers.derived,
        Representatives(asking.numbered, asking.lister),
        asking.places,
        max_pixels=max_pixels,
        room=room,
    )
    spool = open_spool(settings, TRANSCODING_MEMORY_BYTES)
    kept = DerivedInstances(tiers.derived, max_bytes=DERIVED_INSTANCE_BYTES)
    loose = LooseImages(executor, workers, spool, parallel=parallel, max_pixels=max_pixels, room=room)
    return Images(
        instances,
        pictures,
        Transcoder(instances, pictures.frames, workers, spool, kept, parallel=parallel),
        UploadTranscoder(loose, spool, auditor, max_instance_bytes=settings.store.max_instance_bytes),
    )
