"""What images are to become, from the messages of TranscodeService and JobService."""

from collections.abc import Set

from radgate.v1 import transcode_service_pb2 as messages
from radgate_server.core.dicom.identifiers import parse_uid
from radgate_server.core.dicom.pixel_data.uncompressed import REWRITABLE
from radgate_server.core.errors import InvalidArgumentError, NotAcceptableError
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.render_target import RENDERED_JPEG, RENDERED_PNG, RenderTarget, Viewport
from radgate_server.rpc.v1.streams.sources import CAN_BE_MADE

type FrameTarget = EncodeTarget | RenderTarget | None
"""A frame in another transfer syntax, a picture of it, or the frame as stored."""

_DEFAULT_QUALITY = 90
_PICTURES = (RENDERED_JPEG, RENDERED_PNG)
_VIEWPORTS = {messages.QUALITY_LEVEL_THUMBNAIL: Viewport(128, 128), messages.QUALITY_LEVEL_PREVIEW: Viewport(768, 768)}
_LEVELS = messages.QualityLevel.values()


def encode_target(transfer_syntax_uid: str, quality: int, field: str, makable: Set[str] = CAN_BE_MADE) -> EncodeTarget:
    """Check a transfer syntax, named in the message `field`, and the quality in which it is to be encoded.

    Raises:
        InvalidArgumentError: the UID is malformed, or the quality is not 0 to 100.
        NotAcceptableError: nothing can be transcoded into that transfer syntax.
    """
    uid = parse_uid(transfer_syntax_uid, f"{field}.transfer_syntax_uid")
    if uid not in makable:
        raise NotAcceptableError("nothing can be transcoded into this transfer syntax; the documentation lists others")
    return EncodeTarget(uid, quality=_quality(quality, field))


def instance_target(target: messages.TranscodeTarget) -> EncodeTarget:
    """Read what an instance is to become. Raises as `encode_target`, and for pictures."""
    if target.WhichOneof("target") != "transfer_syntax_uid" or target.quality_level in _VIEWPORTS:
        text = "an instance becomes one in another transfer syntax; pictures are made of frames"
        raise InvalidArgumentError("target", text)
    return encode_target(target.transfer_syntax_uid, target.quality, "target")


def upload_target(target: messages.TranscodeTarget) -> EncodeTarget:
    """Read what an upload is to become: also what only rewriting makes. Raises as `instance_target`."""
    if target.transfer_syntax_uid in REWRITABLE:
        return encode_target(target.transfer_syntax_uid, target.quality, "target", REWRITABLE)
    return instance_target(target)


def frame_target(target: messages.TranscodeTarget) -> FrameTarget:
    """Read what frames are to become. Raises as `encode_target`.

    Raises:
        InvalidArgumentError: also for what contradicts itself, or this server does not know.
    """
    if target.quality_level not in _LEVELS:
        raise InvalidArgumentError("target.quality_level", "this server knows no such level")
    viewport = _VIEWPORTS.get(target.quality_level)
    if target.WhichOneof("target") == "transfer_syntax_uid":
        if viewport is not None:
            text = "thumbnails and previews are pictures; name a media type, or ask for diagnostic quality"
            raise InvalidArgumentError("target.transfer_syntax_uid", text)
        return encode_target(target.transfer_syntax_uid, target.quality, "target")
    quality = _quality(target.quality, "target")
    if viewport is None and not target.media_type:
        return None
    media_type = target.media_type or RENDERED_JPEG
    if media_type not in _PICTURES:
        raise NotAcceptableError(f"pictures of frames are {' or '.join(_PICTURES)}")
    return RenderTarget(media_type, viewport, quality=quality)


def _quality(quality: int, field: str) -> int:
    if not 0 <= quality <= 100:
        raise InvalidArgumentError(f"{field}.quality", "a quality is 1 to 100, or 0 for the usual one")
    return quality or _DEFAULT_QUALITY
