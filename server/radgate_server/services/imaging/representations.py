"""Which representation of an instance or a frame a client gets: stored, else transcoded, else the next it accepts.

Callers say what the client accepts (`Negotiate`); here it is made, and what can't be made is negotiated again.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import NamedTuple, Protocol

from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import GatewayError, NotAcceptableError
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import Priority
from radgate_server.lib.lookahead import Window
from radgate_server.services.imaging.frame_failures import each_frame
from radgate_server.services.imaging.stored_frames import FrameInPieces, StoredFrames
from radgate_server.services.imaging.transcode import Transcoder
from radgate_server.services.imaging.transcoded import TranscodedInstance


class Representation(Protocol):
    """A transfer syntax in which something can be sent; `stored` when that takes no transcoding."""

    @property
    def transfer_syntax_uid(self) -> str:
        """Transfer syntax of the bytes."""
        ...

    @property
    def stored(self) -> bool:
        """Whether the bytes go out as they are stored."""
        ...


type Negotiate[R: Representation] = Callable[[frozenset[str]], R]
"""What the client wants most, without the transfer syntaxes given, which can't be made.

Raises NotAcceptableError when nothing is left.
"""


class AcceptedSyntax(NamedTuple):
    """A Representation of which no more is known than its transfer syntax."""

    transfer_syntax_uid: str
    stored: bool


def first_accepted(accepted: Sequence[str], stored: str, refused: frozenset[str]) -> AcceptedSyntax:
    """The first of `accepted` transfer syntaxes that is not `refused`: a Negotiate, once the others are bound.

    Raises:
        NotAcceptableError: nothing is left.
    """
    for uid in accepted:
        if uid not in refused:
            return AcceptedSyntax(uid, uid == stored)
    raise NotAcceptableError("stored in a transfer syntax that is not among those accepted", stored=stored)


class FrameData(NamedTuple):
    """A frame as it is sent. `notes` say where bytes and data set disagreed, without patient data."""

    data: bytes | FrameInPieces
    notes: tuple[str, ...] = ()

    async def whole(self) -> bytes:
        """All of its bytes; those in pieces are read."""
        data = self.data
        return await data.read(0, data.size_bytes) if isinstance(data, FrameInPieces) else data


class _Negotiation[R: Representation]:
    """What is negotiated, and why transfer syntaxes were given up."""

    def __init__(self, negotiate: Negotiate[R]) -> None:
        self._negotiate = negotiate
        self._refused: dict[str, NotAcceptableError] = {}

    def next(self) -> R:
        """When nothing is left, what first kept a transfer syntax from being made is the better answer."""
        try:
            return self._negotiate(frozenset(self._refused))
        except NotAcceptableError as error:
            raise next(iter(self._refused.values()), error) from None

    def refuse(self, representation: R, error: NotAcceptableError) -> None:
        """It can't be made; something else may do as well. Raises `error` when it was to be sent as stored."""
        if representation.stored:
            raise error
        self._refused[representation.transfer_syntax_uid] = error


class Representations:
    """Gives instances and frames in the first representation that the client accepts and that can be made of them."""

    def __init__(self, frames: StoredFrames, transcoder: Transcoder) -> None:
        self._frames = frames
        self._transcoder = transcoder

    def window(self) -> Window:
        """How far whoever sends many instances may have them made ahead."""
        return self._transcoder.window()

    async def instance[R: Representation](
        self, tenant_id: str, handle: InstanceHandle, negotiate: Negotiate[R]
    ) -> tuple[R, TranscodedInstance | None]:
        """The representation, and the transcoded instance; None with one that goes out as stored.

        Raises:
            NotAcceptableError: the client accepts nothing that can be made.
            GatewayError: see Transcoder.
        """
        negotiation = _Negotiation(negotiate)
        while True:
            chosen = negotiation.next()
            if chosen.stored:
                return chosen, None
            target = EncodeTarget(chosen.transfer_syntax_uid)
            try:
                return chosen, await self._transcoder.instance(tenant_id, handle, target, Priority.INTERACTIVE)
            except NotAcceptableError as error:
                negotiation.refuse(chosen, error)

    async def frames[R: Representation](
        self,
        tenant_id: str,
        handle: InstanceHandle,
        numbers: Sequence[int],
        negotiate: Negotiate[R],
        *,
        pieces_above: int | None = None,
    ) -> AsyncGenerator[tuple[R, int, FrameData | GatewayError]]:
        """Frames (numbers from 1, which exist), all in the representation that the first one can be made.

        Each comes with its number; one that can't be given, with the reason, and the next ones follow all the same.
        Stored frames of more than `pieces_above` bytes are read piece by piece.

        Raises:
            NotAcceptableError: the client accepts nothing that can be made.
            GatewayError: the first frame can't be given, or what follows can't.
        """
        negotiation, begun = _Negotiation(negotiate), False
        while True:
            chosen = negotiation.next()
            stored = partial(self._stored, tenant_id, handle, pieces_above)
            make = stored if chosen.stored else partial(self._transcoded, tenant_id, handle, chosen.transfer_syntax_uid)
            try:
                async with aclosing(each_frame(numbers, make)) as frames:
                    async for number, frame in frames:
                        begun = True
                        yield chosen, number, frame
            except NotAcceptableError as error:
                if begun:
                    raise
                negotiation.refuse(chosen, error)
            else:
                return

    async def _stored(
        self, tenant_id: str, handle: InstanceHandle, pieces_above: int | None, numbers: Sequence[int]
    ) -> AsyncGenerator[FrameData]:
        for number in numbers:
            if pieces_above is not None:
                pieces = await self._frames.in_pieces(tenant_id, handle, number, more_than=pieces_above)
                if pieces is not None:
                    yield FrameData(pieces)
                    continue
            yield FrameData((await self._frames.read(tenant_id, handle, number)).data)

    async def _transcoded(
        self, tenant_id: str, handle: InstanceHandle, transfer_syntax_uid: str, numbers: Sequence[int]
    ) -> AsyncGenerator[FrameData]:
        """A single frame is made once for all who want it at the same time; many travel together."""
        target = EncodeTarget(transfer_syntax_uid)
        if len(numbers) == 1:
            frame = await self._transcoder.frame(tenant_id, handle, numbers[0], target, Priority.INTERACTIVE)
            yield FrameData(frame.data, frame.notes)
            return
        made = self._transcoder.frames(tenant_id, handle, numbers, target, Priority.INTERACTIVE)
        async with aclosing(made) as encoded:
            async for frame in encoded:
                yield FrameData(frame.data, frame.notes)
