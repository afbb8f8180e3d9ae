"""Frames as instances hold them, ready to be handed to a codec: their bytes, and what the data set says of them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, cast

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel, image_pixel
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.imaging.frame_colour import served_frame, served_image
from radgate_server.core.imaging.frames import StoredFrame
from radgate_server.core.imaging.metadata.instance_content import Frames, InstanceContent, content_of
from radgate_server.core.imaging.metadata.reader import LARGE_BYTES, read_metadata
from radgate_server.core.imaging.ports import Priority
from radgate_server.core.imaging.thinning import Thinning
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.services.imaging.frame_budget import FrameBudget
from radgate_server.services.retrieve.instances import InstanceReader
from radgate_server.services.retrieve.spanned import SpannedValue

_CACHED_IMAGES = 4096
_CACHED_METADATA_BYTES = 4 << 20
"""Of JSON that is parsed. What is larger, without the groups of single frames, is parsed whenever it is asked for."""
_PARSED_FACTOR = 10
"""Memory of parsed JSON against that of its text."""
_STRIP_BYTES = 2 << 20
"""Of a frame that is thinned, read at once: with more, memory costs more than the reading."""


class _InstanceKey(NamedTuple):
    """Whose instance, which one, and which bytes of it (CRC-32C of the file)."""

    tenant_id: str
    ref: InstanceRef
    crc32c: int


class _Pixels(NamedTuple):
    """How an instance's frames are to be read, how they are given, and in which transfer syntax they come."""

    image: ImagePixel
    served: ImagePixel
    transfer_syntax_uid: str

    @property
    def rearranged(self) -> bool:
        """Whether frames are given otherwise than they lie in the file: native ones by plane, or with half the chroma.

        What metadata says of encapsulated ones changes nothing in their bytes.
        """
        return self.served != self.image and self.transfer_syntax_uid == EXPLICIT_VR_LITTLE_ENDIAN


class FrameInPieces(NamedTuple):
    """A large frame as it is stored: its size, and what reads `length` bytes from `offset`."""

    size_bytes: int
    read: Callable[[int, int], Awaitable[bytes]]


class StoredFrames:
    """Reads frames one by one or many at once.

    What of an instance's metadata every frame needs is taken out of it once, so that those of a multi-frame instance
    are not parsed again for each frame. Every method raises InstanceMalformedError for what can't be read.
    """

    def __init__(self, instances: InstanceReader, room: FrameBudget | None = None) -> None:
        """`room` is for the frames that are worked at; one of its own unless it is shared."""
        self._instances = instances
        self._room = room or FrameBudget()
        self._pixels: AnswerCache[_InstanceKey, _Pixels] = AnswerCache(_CACHED_IMAGES)
        self._contents: AnswerCache[_InstanceKey, Frames] = AnswerCache(_CACHED_IMAGES)
        self._models: AnswerCache[_InstanceKey, DicomJson] = AnswerCache(_CACHED_METADATA_BYTES)

    def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Drop what the data sets of the study, or of all of the tenant, say from memory."""

        def is_of_study(key: _InstanceKey) -> bool:
            return key.tenant_id == tenant_id and study_instance_uid in (None, key.ref.study_instance_uid)

        for cache in (self._pixels, self._contents, self._models):
            cache.invalidate(is_of_study)

    async def is_current(self, tenant_id: str, handle: InstanceHandle) -> bool:
        """Whether what was made of the instance's frames may be kept: see InstanceReader."""
        return await self._instances.is_current(tenant_id, handle)

    async def attributes(self, tenant_id: str, handle: InstanceHandle) -> DicomJson:
        """The instance's metadata (PS3.18 annex F), bulk data by reference. It is shared: change nothing in it."""
        key = _InstanceKey(tenant_id, handle.ref, handle.crc32c)
        model = self._models.get(key)
        return await self._models.share(key, lambda: self._parsed(key, handle)) if model is None else model

    async def _parsed(self, key: _InstanceKey, handle: InstanceHandle) -> DicomJson:
        """The metadata as they are parsed: large ones in a thread."""
        with self._models.loading() as load:
            metadata = (await self._instances.index(key.tenant_id, handle)).metadata
            if len(metadata) <= LARGE_BYTES:
                model = read_metadata(metadata).model
                load.put(key, model, len(metadata))
                return model
            model, parsed_bytes, packed_bytes = await asyncio.to_thread(read_metadata, metadata)
            # Frames are asked for one by one: however many there are, their instance is cached, if need be alone.
            weight = min(parsed_bytes + packed_bytes // _PARSED_FACTOR, _CACHED_METADATA_BYTES)
            load.put(key, model, max(parsed_bytes, weight))
            return model

    async def image(self, tenant_id: str, handle: InstanceHandle) -> ImagePixel:
        """The attributes that say how the pixels lie in the file."""
        return (await self._pixels_of(tenant_id, handle)).image

    async def rearranged(self, tenant_id: str, handle: InstanceHandle) -> ImagePixel | None:
        """How native frames are given that lie otherwise in the file (`served_image`); None when they are as stored."""
        pixels = await self._pixels_of(tenant_id, handle)
        if not pixels.rearranged:
            return None
        return pixels.served._replace(number_of_frames=await self.number_of_frames(tenant_id, handle))

    async def content(self, tenant_id: str, handle: InstanceHandle) -> InstanceContent:
        """What the instance shows."""
        key = _InstanceKey(tenant_id, handle.ref, handle.crc32c)
        content: InstanceContent | None = self._contents.get(key)
        if content is None:
            with self._contents.loading() as load:
                model = await self.attributes(tenant_id, handle)
                count = await self.number_of_frames(tenant_id, handle)
                content = content_of(model, handle.transfer_syntax_uid, count)
                if isinstance(content, Frames):
                    load.put(key, content)
        return content

    async def number_of_frames(self, tenant_id: str, handle: InstanceHandle) -> int:
        """How many frames can be read; 0 when the instance has no Pixel Data.

        Raises:
            InstanceMalformedError: its Pixel Data is not what the header says.
        """
        table = (await self._instances.index(tenant_id, handle)).sound_frames()
        return table.number_of_frames if table else 0

    async def read(self, tenant_id: str, handle: InstanceHandle, frame_number: int) -> StoredFrame:
        """One frame (from 1).

        Raises:
            ObjectNotFoundError: the instance has no such frame.
        """
        return (await self.read_many(tenant_id, handle, (frame_number,)))[0]

    async def in_pieces(
        self, tenant_id: str, handle: InstanceHandle, frame_number: int, *, more_than: int
    ) -> FrameInPieces | None:
        """A stored frame (from 1) of more than so many bytes, for who needs no more than a piece of it at a time.

        None for a smaller one, and one that can't be read but as a whole, or is rearranged.

        Raises:
            ObjectNotFoundError: the instance has no such frame.
        """
        spans = await self._instances.frame_spans(tenant_id, handle, frame_number)
        if (await self._pixels_of(tenant_id, handle)).rearranged:
            return None
        size_bytes = sum(span.length for span in spans)
        return FrameInPieces(size_bytes, SpannedValue(handle, spans).read) if size_bytes > more_than else None

    @asynccontextmanager
    async def at_work(
        self, tenant_id: str, handle: InstanceHandle, frame_numbers: Sequence[int], priority: Priority
    ) -> AsyncGenerator[list[StoredFrame]]:
        """Frames as `read_many` gives them, to be handed to the workers within the block, once there is room for them.

        Their data may be views of what is in memory: whoever keeps them longer copies them.

        Raises:
            ObjectNotFoundError: the instance has no such frame.
            ImageWorkersBusyError: too many wait for room.
        """
        pixels = await self._pixels_of(tenant_id, handle)
        size_bytes = await self._instances.frame_bytes(tenant_id, handle, pixels.image, frame_numbers)
        async with self._room.taken(size_bytes, priority):
            yield await self._read(tenant_id, handle, pixels, frame_numbers, in_place=True)

    @asynccontextmanager
    async def thinned_at_work(
        self, tenant_id: str, handle: InstanceHandle, frame_number: int, step: int, priority: Priority
    ) -> AsyncGenerator[StoredFrame | None]:
        """Every `step`-th pixel of every `step`-th row of a native frame (from 1), as `at_work` gives whole frames.

        None where a frame is encapsulated, or has to be read as a whole.

        Raises what `at_work` raises.
        """
        image, _, syntax = await self._pixels_of(tenant_id, handle)
        pieces = await self.in_pieces(tenant_id, handle, frame_number, more_than=0)
        thinning = pieces and Thinning.of(image, step, pieces.size_bytes)
        if not pieces or not thinning or syntax != EXPLICIT_VR_LITTLE_ENDIAN:
            yield None
            return
        thinned = thinning.thinned_image
        async with self._room.taken(_STRIP_BYTES + thinned.decoded_frame_bytes, priority):
            rows = [thinning.thin(await pieces.read(*strip)) for strip in thinning.strips(_STRIP_BYTES)]
            yield StoredFrame(b"".join(rows), syntax, thinned)

    async def read_rearranged(
        self, tenant_id: str, handle: InstanceHandle, served: ImagePixel, offset: int, length: int
    ) -> bytes:
        """A part of all frames, of which `rearranged` gives `served`: side by side, padded to an even length."""
        first, skipped = divmod(offset, served.decoded_frame_bytes)
        last = -(-(offset + length) // served.decoded_frame_bytes)
        numbers = range(first + 1, min(last, served.number_of_frames) + 1)
        parts = [(await self.read(tenant_id, handle, number)).data for number in numbers]
        return b"".join((*parts, b"\0"))[skipped : skipped + length]

    async def read_many(
        self, tenant_id: str, handle: InstanceHandle, frame_numbers: Sequence[int]
    ) -> list[StoredFrame]:
        """Frames (from 1), in the order asked for.

        Encapsulated ones come as stored. Native ones come in little endian whatever the instance is stored in, colour
        as `served_image` has it, and say that their transfer syntax is Explicit VR Little Endian.

        Raises:
            ObjectNotFoundError: the instance has no such frame.
        """
        return await self._read(tenant_id, handle, await self._pixels_of(tenant_id, handle), frame_numbers)

    async def _read(
        self,
        tenant_id: str,
        handle: InstanceHandle,
        pixels: _Pixels,
        frame_numbers: Sequence[int],
        *,
        in_place: bool = False,
    ) -> list[StoredFrame]:
        image, served, syntax = pixels
        frames = await self._instances.pixel_frames(tenant_id, handle, image, frame_numbers, in_place=in_place)
        if not pixels.rearranged:
            return [StoredFrame(cast("bytes", frame), syntax, image) for frame in frames]
        rearranged = await asyncio.to_thread(lambda: [served_frame(frame, image) for frame in frames])
        return [StoredFrame(frame, syntax, served) for frame in rearranged]

    async def _pixels_of(self, tenant_id: str, handle: InstanceHandle) -> _Pixels:
        key = _InstanceKey(tenant_id, handle.ref, handle.crc32c)
        pixels = self._pixels.get(key)
        if pixels is None:
            with self._pixels.loading() as load:
                index = await self._instances.index(tenant_id, handle)
                table = index.sound_frames()
                image = image_pixel(await self.attributes(tenant_id, handle)).of_native(index.native_pixel_bytes)
                encapsulated = table is not None and table.encapsulated
                syntax = handle.transfer_syntax_uid if encapsulated else EXPLICIT_VR_LITTLE_ENDIAN
                pixels = _Pixels(image, served_image(image, handle.transfer_syntax_uid), syntax)
                load.put(key, pixels)
        return pixels
