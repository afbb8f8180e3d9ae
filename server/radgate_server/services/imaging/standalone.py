"""Images that belong to no PACS, such as a client's own file: transcoded and shown, with nothing kept of them."""

from concurrent.futures import Executor

from radgate_server.core.cache.ports.tiers import CacheKey, CacheMark, TierUsage
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instance_index import InstanceIndex
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import FrameWorkers, Priority
from radgate_server.core.store.ports import Spool
from radgate_server.services.imaging.derived_instances import DerivedInstances
from radgate_server.services.imaging.frame_budget import FrameBudget
from radgate_server.services.imaging.pictures.render import Renderer
from radgate_server.services.imaging.pictures.thumbnails import Thumbnails, ThumbnailTarget
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.imaging.transcode import Transcoder
from radgate_server.services.imaging.transcoded import TranscodedInstance
from radgate_server.services.retrieve.instances import InstanceReader

_NOBODY = ""
"""The tenant of what is nobody's; since nothing is kept, nobody can find it there."""


class StandaloneImages:
    """The tools of the server, laid out again for each instance, so that no two can be mistaken for one another.

    A client may send any UIDs, also those of an instance that is in the caches.
    """

    def __init__(
        self,
        executor: Executor,
        workers: FrameWorkers,
        spool: Spool,
        *,
        parallel: int,
        max_pixels: int,
        room: FrameBudget | None = None,
    ) -> None:
        """`room` is where frames wait for workers."""
        self._executor = executor
        self._workers = workers
        self._spool = spool
        self._parallel = parallel
        self._max_pixels = max_pixels
        self._room = room or FrameBudget()

    async def transcode(self, handle: InstanceHandle, target: EncodeTarget, priority: Priority) -> TranscodedInstance:
        """The instance in another transfer syntax. Raises what Transcoder.instance raises."""
        reader = InstanceReader(_OwnIndex(handle), self._executor)
        kept = DerivedInstances(_Nothing(), max_bytes=0)
        frames = StoredFrames(reader, self._room)
        transcoder = Transcoder(reader, frames, self._workers, self._spool, kept, parallel=self._parallel)
        return await transcoder.instance(_NOBODY, handle, target, priority)

    async def thumbnail(self, handle: InstanceHandle, target: ThumbnailTarget, priority: Priority) -> bytes:
        """A thumbnail of the instance. Raises what Thumbnails.make raises."""
        reader = InstanceReader(_OwnIndex(handle), self._executor)
        frames = StoredFrames(reader, self._room)
        renderer = Renderer(frames, reader, self._workers, max_pixels=self._max_pixels)
        thumbnails = Thumbnails(frames, renderer, self._workers, _Nothing())
        return (await thumbnails.make(_NOBODY, handle, priority, target)).data


class _OwnIndex:
    """IndexStore of one instance, for as long as anything is done to it."""

    def __init__(self, handle: InstanceHandle) -> None:
        self._handle = handle
        self._index: InstanceIndex | None = None

    async def get(self, _tenant_id: str, _ref: InstanceRef) -> InstanceHandle | None:
        return self._handle

    async def load_index(self, _tenant_id: str, _ref: InstanceRef) -> InstanceIndex | None:
        return self._index

    async def save_index(self, _tenant_id: str, _ref: InstanceRef, index: InstanceIndex) -> None:
        self._index = index


class _Nothing:
    """HotCache that keeps nothing."""

    async def get(self, _key: CacheKey) -> bytes | None:
        return None

    def mark(self) -> CacheMark:
        return CacheMark(0)

    async def put(self, mark: CacheMark, key: CacheKey, value: bytes, ttl_s: float | None = None) -> None:
        """Let go of it."""

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """There is nothing to drop."""

    async def usage(self, _tenant_id: str) -> TierUsage:
        return TierUsage("nothing", 0, 0, 0, 0, 0)
