"""Frames and instances in another transfer syntax: read, re-encoded by the workers, put together, kept."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import batched

from radgate_server.core.dicom.dataset.opened_file import open_file
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceContent, InstanceHandle, MemoryContent
from radgate_server.core.dicom.pixel_data.uncompressed import REWRITABLE, rewrite_native
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from radgate_server.core.errors import ImageTooLargeError, NotAcceptableError
from radgate_server.core.imaging.derivation import Source
from radgate_server.core.imaging.frames import EncodedFrame, EncodeTarget
from radgate_server.core.imaging.ports import FrameWorkers, Priority
from radgate_server.core.imaging.transcoded_file import (
    EncodedPixels,
    FileEnvelope,
    write_envelope,
    write_explicit_little_endian,
)
from radgate_server.core.store.ports import Spool
from radgate_server.lib.lookahead import Window, each, in_order
from radgate_server.lib.single_flight import SingleFlight
from radgate_server.services.imaging.assembly import assembled
from radgate_server.services.imaging.derived_instances import DerivedInstances
from radgate_server.services.imaging.encodable import require_encodable
from radgate_server.services.imaging.small_files import SmallFileTranscoder
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.imaging.transcoded import TranscodedInstance
from radgate_server.services.retrieve.instances import InstanceReader

MAX_PIXEL_BYTES = 2 << 30
"""Decoded Pixel Data of one instance; the standard itself ends at 4 GiB (PS3.5 7.1)."""

MAX_FRAMES = 100_000
"""Of an instance that is made as a whole. So many are there in no image of that size; a header may still say so, and
frames of one pixel would each cost what larger ones do."""

_BATCH_BYTES = 4 << 20
_MAX_BATCH_FRAMES = 32
_MAX_QUEUED_FRAMES = 256
"""Frames that all calls of one priority have waiting for workers at most: these refuse whom they can't serve soon, and
nobody shall be refused because of what he had made ahead himself."""
_WINDOW_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20

# Whoever waits for it must not be tied to what is made when there is nothing better to do: the priority counts.
type _InstanceKey = tuple[str, InstanceRef, int, EncodeTarget, Priority]
type _FrameKey = tuple[str, InstanceRef, int, int, EncodeTarget, Priority]


@dataclass(frozen=True, slots=True)
class _Making:
    """What is made for whom."""

    tenant_id: str
    handle: InstanceHandle
    target: EncodeTarget
    priority: Priority

    @property
    def source(self) -> Source:
        """The instance that it is made of."""
        return Source(self.handle.sop_class_uid, self.handle.ref.sop_instance_uid)

    @property
    def source_is_native(self) -> bool:
        """Whether its transfer syntax is one without encapsulated pixels."""
        row = TRANSFER_SYNTAXES.get(self.handle.transfer_syntax_uid)
        return row is not None and row.kind == "native"


class Transcoder:
    """Makes frames and instances in the transfer syntax that a client wants.

    The same at the same time is made once for all who want it with the same priority.
    Whatever has no compressed pixels is brought into Explicit VR Little Endian here, in a thread; everything else goes
    through the workers, of which `parallel` batches are kept busy for one instance.
    """

    def __init__(
        self,
        instances: InstanceReader,
        frames: StoredFrames,
        workers: FrameWorkers,
        spool: Spool,
        kept: DerivedInstances,
        *,
        parallel: int,
    ) -> None:
        self._instances = instances
        self._frames = frames
        self._workers = workers
        self._spool = spool
        self._kept = kept
        self._parallel = parallel
        self._turns = {priority: asyncio.Semaphore(2 * parallel) for priority in Priority}
        self._at_once = SmallFileTranscoder(instances, workers, spool)
        self._making: SingleFlight[_InstanceKey, TranscodedInstance] = SingleFlight()
        self._encoding: SingleFlight[_FrameKey, EncodedFrame] = SingleFlight()

    def window(self) -> Window:
        """How far whoever sends many things may have them made ahead: the workers are to have no pause."""
        return Window(2 * self._parallel, _WINDOW_BYTES)

    async def frame(
        self, tenant_id: str, handle: InstanceHandle, frame_number: int, target: EncodeTarget, priority: Priority
    ) -> EncodedFrame:
        """One frame (from 1).

        Raises:
            ObjectNotFoundError: the instance has no such frame.
            NotAcceptableError: its pixels can't be made that.
            GatewayError: see FrameWorkers.
        """
        target = replace(target, bare=True)
        making = _Making(tenant_id, handle, target, priority)
        key = (tenant_id, handle.ref, handle.crc32c, frame_number, target, priority)
        return await self._encoding.run(key, lambda: self._first(making, frame_number))

    async def frames(
        self,
        tenant_id: str,
        handle: InstanceHandle,
        frame_numbers: Sequence[int],
        target: EncodeTarget,
        priority: Priority,
    ) -> AsyncGenerator[EncodedFrame]:
        """Frames (from 1) in the order asked for, many in one journey to a worker, the next ones made meanwhile.

        Raises what `frame` raises, after the frames that came before.
        """
        making = _Making(tenant_id, handle, replace(target, bare=True), priority)
        async with aclosing(self._each(making, frame_numbers)) as made:
            async for frame in made:
                yield frame

    async def _each(self, making: _Making, frame_numbers: Sequence[int]) -> AsyncGenerator[EncodedFrame]:
        image = await self._frames.image(making.tenant_id, making.handle)
        most_frames = min(_MAX_BATCH_FRAMES, _MAX_QUEUED_FRAMES // (2 * self._parallel))
        batch_frames = max(1, min(most_frames, _BATCH_BYTES // max(1, image.native_frame_bits // 8)))
        if len(frame_numbers) <= batch_frames:
            for frame in await self._encode(making, frame_numbers):
                yield frame
            return
        batch_bytes = image.native_frame_bits // 8 * batch_frames
        batches = in_order(
            each(batched(frame_numbers, batch_frames)),
            lambda batch: self._encode_in_turn(making, batch),
            lambda _: batch_bytes,
            self.window(),
        )
        async with aclosing(batches) as made:
            async for _, batch in made:
                for frame in await batch:
                    yield frame

    async def instance(
        self, tenant_id: str, handle: InstanceHandle, target: EncodeTarget, priority: Priority
    ) -> TranscodedInstance:
        """A whole DICOM file. What was lost with a lossy target makes it another instance, with a UID of its own.

        Raises:
            NotAcceptableError: it can't be transcoded to that; `stored` is the transfer syntax that it is in.
            ImageTooLargeError: it has more than MAX_FRAMES.
            GatewayError: see FrameWorkers.
        """
        making = _Making(tenant_id, handle, target, priority)
        key = (tenant_id, handle.ref, handle.crc32c, target, priority)
        return await self._making.run(key, lambda: self._kept_or_made(making))

    async def _kept_or_made(self, making: _Making) -> TranscodedInstance:
        if making.target.transfer_syntax_uid in REWRITABLE:
            return await self._with_native_pixels(making)
        mark = self._kept.mark()
        kept = await self._kept.get(making.tenant_id, making.handle, making.target)
        if kept is not None:
            return kept
        made = await self._at_once.made(making.handle, making.source, making.target, making.priority)
        if made is None and await self._is_rewritten_only(making):
            return await self._rewritten(making)
        made = made or await self._made(making)
        if await self._instances.is_current(making.tenant_id, making.handle):
            await self._kept.put(mark, making.tenant_id, making.handle, making.target, made)
        return made

    async def _is_rewritten_only(self, making: _Making) -> bool:
        """Whether no codec has to run.

        Raises:
            NotAcceptableError: a codec would have to, and can't.
        """
        index = await self._instances.index(making.tenant_id, making.handle)
        # Native pixels that are too few are rewritten as they are; nobody has to know where a frame lies.
        table = index.frame_table if making.source_is_native else index.sound_frames()
        native = table is None or not table.encapsulated
        if making.target.transfer_syntax_uid == EXPLICIT_VR_LITTLE_ENDIAN and native:
            return True
        require_encodable(making.handle, index, making.target)
        return False

    async def _rewritten(self, making: _Making) -> TranscodedInstance:
        source = making.source
        parts = await self._instances.in_thread(making.handle, lambda file: write_explicit_little_endian(file, source))
        return TranscodedInstance(MemoryContent(parts), source.sop_instance_uid, EXPLICIT_VR_LITTLE_ENDIAN)

    async def _with_native_pixels(self, making: _Making) -> TranscodedInstance:
        """What is like Explicit VR Little Endian but for the data set's encoding is made of it."""
        explicit = await self._kept_or_made(replace(making, target=EncodeTarget(EXPLICIT_VR_LITTLE_ENDIAN)))
        uid = making.target.transfer_syntax_uid
        content = await asyncio.to_thread(_encoded_otherwise, explicit.content, uid)
        return replace(explicit, content=content, transfer_syntax_uid=uid)

    async def _made(self, making: _Making) -> TranscodedInstance:
        """Encode all frames into the spool, then write what stands around them."""
        image = await self._frames.image(making.tenant_id, making.handle)
        count = await self._frames.number_of_frames(making.tenant_id, making.handle)
        if image.decoded_frame_bytes * count > MAX_PIXEL_BYTES:
            raise NotAcceptableError(
                "the instance is too large to be made again as a whole", stored=making.handle.transfer_syntax_uid
            )
        if count > MAX_FRAMES:
            text = f"an instance of more than {MAX_FRAMES} frames is not made again as a whole; ask for frames"
            raise ImageTooLargeError(text, max_frames=str(MAX_FRAMES))

        async def write(pixels: EncodedPixels) -> FileEnvelope:
            return await self._instances.in_thread(
                making.handle, lambda file: write_envelope(open_file(file), making.source, pixels)
            )

        async with aclosing(self._each(making, range(1, count + 1))) as encoded:
            return await assembled(self._spool, making.source, making.target, image, encoded, write)

    async def _first(self, making: _Making, frame_number: int) -> EncodedFrame:
        return (await self._encode(making, (frame_number,)))[0]

    async def _encode_in_turn(self, making: _Making, frame_numbers: Sequence[int]) -> list[EncodedFrame]:
        async with self._turns[making.priority]:
            return await self._encode(making, frame_numbers)

    async def _encode(self, making: _Making, frame_numbers: Sequence[int]) -> list[EncodedFrame]:
        async with self._frames.at_work(making.tenant_id, making.handle, frame_numbers, making.priority) as stored:
            if (
                {frame.transfer_syntax_uid for frame in stored}
                == {making.target.transfer_syntax_uid}
                == {EXPLICIT_VR_LITTLE_ENDIAN}
            ):
                native = EXPLICIT_VR_LITTLE_ENDIAN
                return [EncodedFrame(bytes(frame.data), native, frame.image, lossy=False) for frame in stored]
            index = await self._instances.index(making.tenant_id, making.handle)
            require_encodable(making.handle, index, making.target)
            return await self._workers.transcode(stored, making.target, priority=making.priority)


def _encoded_otherwise(explicit: InstanceContent, transfer_syntax_uid: str) -> MemoryContent:
    """Blocks: call it from a thread."""
    file = memoryview(b"".join(explicit.pieces(_PIECE_BYTES)))
    return MemoryContent((b"".join(rewrite_native(file, transfer_syntax_uid)),))
