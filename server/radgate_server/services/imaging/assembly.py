"""Frames that were re-encoded, put together to an instance."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from radgate_server.core.dicom.pixel_data.encapsulation import frame_item
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from radgate_server.core.imaging.derivation import Derivation, Source
from radgate_server.core.imaging.frames import EncodedFrame, EncodeTarget
from radgate_server.core.imaging.transcoded_file import EncodedPixels, FileEnvelope
from radgate_server.core.store.ports import Spool
from radgate_server.services.imaging.frame_spool import FrameSpool
from radgate_server.services.imaging.transcoded import TranscodedInstance

type WriteAround = Callable[[EncodedPixels], Awaitable[FileEnvelope]]
"""Writes what stands around frames of which all is known now."""


async def assembled(
    spool: Spool,
    source: Source,
    target: EncodeTarget,
    image: ImagePixel,
    frames: AsyncIterator[EncodedFrame],
    write_envelope: WriteAround,
) -> TranscodedInstance:
    """The instance that `source`, whose frames were as `image` says, has become. Raises what FrameSpool.add raises."""
    encapsulated = TRANSFER_SYNTAXES[target.transfer_syntax_uid].kind != "native"
    async with FrameSpool(spool) as spooled:
        async for frame in frames:
            await spooled.add(frame, frame_item(frame.data) if encapsulated else (frame.data,))
        pixels = EncodedPixels(target.transfer_syntax_uid, image, spooled.image, spooled.frame_bytes)
        if spooled.lossy:
            ratio = image.native_frame_bits // 8 * len(pixels.frame_bytes) / max(1, sum(pixels.frame_bytes))
            pixels = replace(pixels, derivation=Derivation(source, target, ratio))
        content = await spooled.within(*await write_envelope(pixels))
    uid = source.sop_instance_uid if pixels.derivation is None else pixels.derivation.sop_instance_uid
    return TranscodedInstance(content, uid, target.transfer_syntax_uid, spooled.lossy, spooled.notes)
