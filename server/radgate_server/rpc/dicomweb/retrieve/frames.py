"""WADO-RS Retrieve Frames (PS3.18 10.4.1.1.6)."""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.cache.ports.tiers import CacheKey, CacheMark, HotCache
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import GatewayError
from radgate_server.core.imaging.annotated_bytes import AnnotatedBytes
from radgate_server.rpc.access.audited import record_stream
from radgate_server.rpc.dicomweb.answers.cached_answer import give_kept
from radgate_server.rpc.dicomweb.answers.multipart import Envelope, envelope_of, located, part_messages, read_messages
from radgate_server.rpc.dicomweb.answers.warnings import Notes
from radgate_server.rpc.dicomweb.negotiation.accept import acceptables
from radgate_server.rpc.dicomweb.negotiation.media_types import negotiate_frames
from radgate_server.rpc.dicomweb.negotiation.offers import MULTIPART_FIRST, MULTIPART_ONLY, Offer
from radgate_server.rpc.dicomweb.retrieve.frame_paths import parse_frame_list, parse_ref, require_frames
from radgate_server.rpc.pipeline.call import Call
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.imaging.representations import Representations
from radgate_server.services.imaging.stored_frames import FrameInPieces, StoredFrames
from radgate_server.services.retrieve.retrieval import RetrieveService

_MAX_DETAIL_LENGTH = 200
_MAX_KEY_LENGTH = 2048

type _Keep = Callable[[Sequence[bytes], Notes], Awaitable[bytes]]
"""Caches the messages of an answer if it may be; returns the answer."""

type _Record = Callable[[int | None], Awaitable[None]]
"""Puts the access into the audit trail, which comes before the first byte; with the bytes to be sent, if known."""


class FramesResource:
    """Sends frames as they are stored, or encoded again. Answers are kept ready to be sent again.

    A cached answer is found by the request as it came, before Accept is parsed: this is the busiest way of all.
    """

    def __init__(
        self,
        retrieve: RetrieveService,
        frames: StoredFrames,
        representations: Representations,
        auditor: Auditor,
        hot: HotCache,
        *,
        chunk_bytes: int,
        max_kept_bytes: int,
    ) -> None:
        self._retrieve = retrieve
        self._frames = frames
        self._representations = representations
        self._auditor = auditor
        self._hot = hot
        self._chunk_bytes = chunk_bytes
        self._max_kept_bytes = max_kept_bytes

    async def retrieve(self, study: str, series: str, instance: str, frames: str, call: Call) -> AsyncGenerator[bytes]:
        """Encoded HttpBody messages: the frames in the order in which they are asked for."""
        ref = parse_ref(study, series, instance)
        numbers = parse_frame_list(frames)
        accept, query = call.header("accept"), call.header("x-envoy-original-path").partition("?")[2]
        detail = f"{series}/{instance}/{frames}?{query}\n{accept}"
        key = CacheKey(call.caller.tenant_id, study, "frames", detail)
        record = partial(self._record, call, RetrieveScope(study, series, instance), frames)
        mark = self._hot.mark()
        kept = await self._hot.get(key)
        if kept is not None:
            await record(len(kept))
            for message in await give_kept(kept, call, ranges=len(numbers) == 1):
                yield message
            return
        handle = await self._retrieve.instance(call.caller.tenant_id, ref)
        require_frames(await self._frames.number_of_frames(call.caller.tenant_id, handle), numbers)
        give = self._give_one if len(numbers) == 1 else self._give_list
        keep = partial(self._keep, mark, key, handle)
        async with aclosing(give(handle, numbers, keep, call, record)) as messages:
            async for message in messages:
                yield message

    async def _give_one(
        self, handle: InstanceHandle, numbers: Sequence[int], keep: _Keep, call: Call, record: _Record
    ) -> AsyncGenerator[bytes]:
        """A single frame is in memory as a whole mostly; its length can be determined, and a range of it be given.

        One that is too large to be kept would be there twice, and goes out as it comes: as stored, piece by piece.
        """
        made: deque[bytes] = deque()
        size_bytes, notes = 0, Notes()
        async with aclosing(self.stream(handle, numbers, call, notes)) as messages:
            async for message in messages:
                made.append(message)
                size_bytes += len(message)
                if size_bytes > self._max_kept_bytes:
                    break
            await record(size_bytes if size_bytes <= self._max_kept_bytes else None)
            if size_bytes <= self._max_kept_bytes:
                for message in await give_kept(await keep(made, notes), call, ranges=True):
                    yield message
                return
            await notes.send(call)
            while made:  # what is sent is released: the client may be slow
                yield made.popleft()
            async for message in messages:
                yield message

    async def _give_list(
        self, handle: InstanceHandle, numbers: Sequence[int], keep: _Keep, call: Call, record: _Record
    ) -> AsyncGenerator[bytes]:
        """Each frame as soon as it is there; the answer is kept when it is small enough.

        Warnings come before all frames, and so are about the first ones; those of a cached answer are about all.
        """
        made: list[bytes] = []
        size_bytes, notes = 0, Notes()
        async with aclosing(self.stream(handle, numbers, call, notes)) as messages:
            async for message in messages:
                if not size_bytes:
                    await record(None)
                    await notes.send(call)
                size_bytes += len(message)
                if size_bytes <= self._max_kept_bytes:
                    made.append(message)
                yield message
        if size_bytes <= self._max_kept_bytes:
            await keep(made, notes)

    async def _keep(
        self, mark: CacheMark, key: CacheKey, handle: InstanceHandle, messages: Sequence[bytes], notes: Notes
    ) -> bytes:
        """The answer, kept unless what it was made of was thrown away meanwhile."""
        kept = AnnotatedBytes.of(messages[0] if len(messages) == 1 else b"".join(messages), notes).joined()
        if len(key.detail) <= _MAX_KEY_LENGTH and await self._frames.is_current(key.tenant_id, handle):
            await self._hot.put(mark, key, kept)
        return kept

    async def stream(
        self, handle: InstanceHandle, numbers: Sequence[int], call: Call, notes: Notes
    ) -> AsyncGenerator[bytes]:
        """The messages of frames that are known to exist; nothing is recorded here. `notes` grow with the frames.

        A frame that can't be given ends the stream with its error after all others, with no closing boundary, since
        the status has gone long before; when it is the first, that error is the answer.

        Raises:
            NotAcceptableError: the client takes nothing that can be made.
        """
        around: Envelope | None = None
        failure: GatewayError | None = None
        negotiate = partial(choose_offer, handle, numbers, call)
        served = self._representations.frames(
            call.caller.tenant_id, handle, numbers, negotiate, pieces_above=self._max_kept_bytes
        )
        first, remaining = True, len(numbers)
        async with aclosing(served) as frames:
            async for offer, number, frame in frames:
                remaining -= 1
                if isinstance(frame, GatewayError):
                    failure = failure or frame
                    continue
                if frame.notes:
                    notes.add(frame.notes)
                around = around or envelope_of(offer)
                envelope = located(around, f"../frames/{number}")
                last = not remaining and failure is None
                if isinstance(frame.data, FrameInPieces):
                    read = read_messages(envelope, *frame.data, first=first, last=last, chunk_bytes=self._chunk_bytes)
                    async with aclosing(read):
                        async for message in read:
                            yield message
                else:
                    for message in part_messages(
                        envelope, frame.data, first=first, last=last, chunk_bytes=self._chunk_bytes
                    ):
                        yield message
                first = False
        if failure is not None:
            raise failure

    async def _record(self, call: Call, scope: RetrieveScope, frames: str, size_bytes: int | None) -> None:
        action, frames = AuditAction.RETRIEVE_FRAMES, frames[:_MAX_DETAIL_LENGTH]
        if size_bytes is None:
            await record_stream(self._auditor, call, action, scope, frames)
        else:
            await self._auditor.record(call.caller, action, scope, frames, size_bytes=size_bytes)


def choose_offer(
    handle: InstanceHandle, numbers: Sequence[int], call: Call, refused: frozenset[str] = frozenset()
) -> Offer:
    """What the client gets of these frames; only a single one can come without multipart.

    `refused` are transfer syntaxes that could not be made of them.

    Raises:
        NotAcceptableError: the client takes nothing that can be made.
    """
    accepted = acceptables(call.header("accept"), call.header("x-envoy-original-path"))
    framings = MULTIPART_FIRST if len(numbers) == 1 else MULTIPART_ONLY
    return negotiate_frames(accepted, handle.transfer_syntax_uid, framings, refused=refused)
