"""What lies inside of an instance: its index, frames, bulk data."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor

from radgate_server.core.cache.ports.tiers import IndexStore
from radgate_server.core.dicom.dataset.byte_order import little_endian_value
from radgate_server.core.dicom.dataset.opened_file import inflated_data_set
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.indexing import build_index, read_spans
from radgate_server.core.dicom.instance_index import BulkItem, InstanceIndex, Span
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.pixel_data.native import read_native_frames
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_BIG_ENDIAN
from radgate_server.core.errors import ObjectNotFoundError
from radgate_server.core.imaging.metadata.reader import LARGE_BYTES
from radgate_server.core.imaging.metadata.served import has_other_metadata, served_metadata
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.services.retrieve.spanned import cut_spans, read_at
from radgate_server.services.retrieve.steady_instance import SteadyInstance

_LONGEST_WORD_BYTES = 8
_CACHED_BYTES = 128 << 20
"""The index of the largest instance that is read (500,000 frames, elements or fragments) has to fit in: it would be
loaded again for every few frames."""
_SPAN_BYTES = 200
"""What a frame's place or a bulk item takes in memory, about."""


type Learn = Callable[[str, InstanceHandle], None]
"""(tenant, instance): takes note of an instance that is cached; returns at once and raises nothing."""


def _learn_nothing(_tenant_id: str, _handle: InstanceHandle) -> None:
    """Learn of a reader beside which nobody searches."""


class InstanceReader:
    """Reads inside of instances. An index is made once, in `executor`'s threads, and kept beside the instance.

    Those used last are at hand, since whoever looks into an instance does so more than once.
    """

    def __init__(self, store: IndexStore, executor: Executor, learn: Learn = _learn_nothing) -> None:
        """`learn` gets each instance of which the index is not at hand."""
        self._learn = learn
        self._store = store
        self._executor = executor
        self._indexes: AnswerCache[tuple[str, InstanceRef, int], InstanceIndex] = AnswerCache(_CACHED_BYTES)

    async def index(self, tenant_id: str, handle: InstanceHandle) -> InstanceIndex:
        """The instance's index.

        Raises:
            InstanceMalformedError: the bytes can't be read as a DICOM object.
        """
        key = (tenant_id, handle.ref, handle.crc32c)
        index = self._indexes.get(key)
        if index is None:
            with self._indexes.loading() as load:
                index = await self._store.load_index(tenant_id, handle.ref)
                if index is None:
                    index = await self._indexes.share(key, lambda: self._make_index(tenant_id, handle))
                load.put(key, index, _weight(index))
            self._learn(tenant_id, handle)
        return index

    def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Drop the indexes of the study, or of all of the tenant, from memory."""
        self._indexes.invalidate(
            lambda key: key[0] == tenant_id and study_instance_uid in (None, key[1].study_instance_uid)
        )

    async def is_current(self, tenant_id: str, handle: InstanceHandle) -> bool:
        """Whether these bytes are still kept: neither replaced, nor thrown away while something was made of them.

        Whatever is made of an instance may be kept only then, for nobody would throw that away any more.
        """
        kept = await self._store.get(tenant_id, handle.ref)
        return kept is not None and kept.crc32c == handle.crc32c

    async def metadata(self, tenant_id: str, handle: InstanceHandle) -> bytes:
        """The index's metadata, with what they say of colour as frames leave (`core.imaging.frame_colour`)."""
        index = await self.index(tenant_id, handle)
        if not has_other_metadata(index):
            return index.metadata
        if len(index.metadata) <= LARGE_BYTES:
            return served_metadata(index)
        return await asyncio.to_thread(served_metadata, index)

    async def pixel_frames(
        self,
        tenant_id: str,
        handle: InstanceHandle,
        image: ImagePixel,
        frame_numbers: Sequence[int],
        *,
        in_place: bool = False,
    ) -> list[bytes | memoryview]:
        """Frames (from 1) as stored when they are encapsulated, fragments joined; native ones in little endian.

        With `in_place` those that lie in memory may come as views of it (InstanceHandle.view), without it all as bytes.

        Raises:
            ObjectNotFoundError: the instance has no such frame.
            InstanceMalformedError: its Pixel Data is not what the header says.
        """
        index = await self.index(tenant_id, handle)
        spans = [self._frame_spans(index, number) for number in frame_numbers]
        if all(spans) and index.transfer_syntax_uid != EXPLICIT_VR_BIG_ENDIAN:
            return [(in_place and _viewed(handle, frame)) or await read_at(handle, frame) for frame in spans]
        return list(await self.in_thread(handle, lambda file: read_native_frames(file, index, image, frame_numbers)))

    async def frame_spans(self, tenant_id: str, handle: InstanceHandle, frame_number: int) -> tuple[Span, ...]:
        """Where a frame lies that can be read in parts; () of one that comes out of the whole file.

        Raises:
            ObjectNotFoundError: the instance has no such frame.
            InstanceMalformedError: its Pixel Data is not what the header says.
        """
        index = await self.index(tenant_id, handle)
        spans = self._frame_spans(index, frame_number)
        return () if index.transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN else spans

    async def frame_bytes(
        self, tenant_id: str, handle: InstanceHandle, image: ImagePixel, frame_numbers: Sequence[int]
    ) -> int:
        """How many bytes `pixel_frames` gives.

        Raises:
            ObjectNotFoundError: the instance has no such frame.
            InstanceMalformedError: its Pixel Data is not what the header says.
        """
        index = await self.index(tenant_id, handle)
        frames = [self._frame_spans(index, number) for number in frame_numbers]
        return sum(sum(span.length for span in spans) or image.decoded_frame_bytes for spans in frames)

    async def bulk_item(self, tenant_id: str, handle: InstanceHandle, path: str) -> BulkItem:
        """Where the element lies to which a BulkDataURI's path leads.

        Raises:
            ObjectNotFoundError: there is none.
        """
        index = await self.index(tenant_id, handle)
        item = index.bulk.get(path)
        if item is None:
            raise ObjectNotFoundError("the instance has no bulk data at this path", kind="bulkdata")
        return item

    async def read_bulk(
        self, tenant_id: str, handle: InstanceHandle, item: BulkItem, offset: int = 0, length: int | None = None
    ) -> bytes:
        """Read `length` bytes (all when None) from `offset` of an element's value, in little endian (PS3.18 8.7.3)."""
        index = await self.index(tenant_id, handle)
        if index.transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN:
            return await _read_swapped(handle, item, offset, length)
        spans = cut_spans(item.spans, offset, length)
        if not index.deflated:
            return await read_at(handle, spans)
        return await self.in_thread(handle, lambda buffer: read_spans(inflated_data_set(buffer), spans))

    async def in_thread[Made](self, handle: InstanceHandle, use: Callable[[memoryview], Made]) -> Made:
        """What `use` makes of the whole DICOM file, in a thread; from a fresh copy when the bytes were lost."""

        def run() -> Made:
            with handle.open_buffer() as buffer:
                return use(buffer)

        loop = asyncio.get_running_loop()
        return await _again_when_lost(handle, lambda: loop.run_in_executor(self._executor, run))

    async def _make_index(self, tenant_id: str, handle: InstanceHandle) -> InstanceIndex:
        index = await self.in_thread(handle, build_index)
        if await self.is_current(tenant_id, handle):  # else it would be the index of other bytes
            await self._store.save_index(tenant_id, handle.ref, index)
        return index

    def _frame_spans(self, index: InstanceIndex, frame_number: int) -> tuple[Span, ...]:
        """The frame's spans, () when it can't be addressed byte by byte."""
        table = index.sound_frames()
        if table is None or not 1 <= frame_number <= table.number_of_frames:
            raise ObjectNotFoundError(f"the instance has no frame {frame_number}", kind="frame")
        return table.frames[frame_number - 1] if table.frames else ()


def _viewed(handle: InstanceHandle, spans: tuple[Span, ...]) -> memoryview | None:
    return handle.view(*spans[0]) if len(spans) == 1 else None


def _weight(index: InstanceIndex) -> int:
    frames = len(index.frame_table.frames) if index.frame_table else 0
    return len(index.metadata) + _SPAN_BYTES * (1 + frames + len(index.bulk))


async def _read_swapped(handle: InstanceHandle, item: BulkItem, offset: int, length: int | None) -> bytes:
    """Read a part of a big endian value in little endian: whole words around it, of which the part is cut."""
    cut = offset % _LONGEST_WORD_BYTES
    words = None if length is None else -(-(cut + length) // _LONGEST_WORD_BYTES) * _LONGEST_WORD_BYTES
    big = await read_at(handle, cut_spans(item.spans, offset - cut, words))
    little = little_endian_value(big, item.vr, little_endian=False)
    return bytes(little[cut:] if length is None else little[cut : cut + length])


async def _again_when_lost[Made](handle: InstanceHandle, make: Callable[[], Awaitable[Made]]) -> Made:
    """Do it again with another copy when a tier has lost the bytes."""
    return await (handle.with_copies(make) if isinstance(handle, SteadyInstance) else make())
