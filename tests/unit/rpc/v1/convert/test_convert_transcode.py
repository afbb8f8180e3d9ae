import pytest

from radgate.v1.transcode_service_pb2 import (
    QUALITY_LEVEL_DIAGNOSTIC,
    QUALITY_LEVEL_PREVIEW,
    QUALITY_LEVEL_THUMBNAIL,
    QUALITY_LEVEL_UNSPECIFIED,
    TranscodeTarget,
)
from radgate_server.core.dicom.transfer_syntaxes import HTJ2K, JPEG_2000, JPEG_LOSSLESS_SV1
from radgate_server.core.errors import InvalidArgumentError, NotAcceptableError
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.render_target import RENDERED_JPEG, RENDERED_PNG, RenderTarget, Viewport
from radgate_server.rpc.v1.convert.transcode import FrameTarget, frame_target, instance_target

MPEG2 = "1.2.840.10008.1.2.4.100"


@pytest.mark.parametrize(
    ("target", "made"),
    [
        (TranscodeTarget(), None),
        (TranscodeTarget(quality_level=QUALITY_LEVEL_DIAGNOSTIC), None),
        (TranscodeTarget(transfer_syntax_uid=JPEG_LOSSLESS_SV1), EncodeTarget(JPEG_LOSSLESS_SV1)),
        (TranscodeTarget(transfer_syntax_uid=JPEG_2000, quality=40), EncodeTarget(JPEG_2000, quality=40)),
        (TranscodeTarget(media_type=RENDERED_PNG), RenderTarget(RENDERED_PNG)),
        (TranscodeTarget(quality_level=QUALITY_LEVEL_THUMBNAIL), RenderTarget(RENDERED_JPEG, Viewport(128, 128))),
        (
            TranscodeTarget(quality_level=QUALITY_LEVEL_PREVIEW, media_type=RENDERED_PNG, quality=50),
            RenderTarget(RENDERED_PNG, Viewport(768, 768), quality=50),
        ),
    ],
)
def test_what_frames_are_to_become(target: TranscodeTarget, made: FrameTarget) -> None:
    assert frame_target(target) == made


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (TranscodeTarget(transfer_syntax_uid=HTJ2K, quality_level=QUALITY_LEVEL_THUMBNAIL), InvalidArgumentError),
        (TranscodeTarget(transfer_syntax_uid="jpeg"), InvalidArgumentError),
        (TranscodeTarget(transfer_syntax_uid=HTJ2K, quality=101), InvalidArgumentError),
        (TranscodeTarget(media_type=RENDERED_JPEG, quality=-1), InvalidArgumentError),
        (TranscodeTarget(quality_level=99), InvalidArgumentError),  # type: ignore[arg-type]
        (TranscodeTarget(transfer_syntax_uid=MPEG2), NotAcceptableError),
        (TranscodeTarget(transfer_syntax_uid="1.2.3"), NotAcceptableError),
        (TranscodeTarget(media_type="image/webp"), NotAcceptableError),
    ],
)
def test_what_frames_can_not_become(target: TranscodeTarget, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        frame_target(target)


def test_an_instance_becomes_one_in_another_transfer_syntax() -> None:
    for level in (QUALITY_LEVEL_UNSPECIFIED, QUALITY_LEVEL_DIAGNOSTIC):
        target = TranscodeTarget(transfer_syntax_uid=HTJ2K, quality_level=level, quality=60)
        assert instance_target(target) == EncodeTarget(HTJ2K, quality=60)


@pytest.mark.parametrize(
    "target",
    [
        TranscodeTarget(),
        TranscodeTarget(media_type=RENDERED_JPEG),
        TranscodeTarget(transfer_syntax_uid=HTJ2K, quality_level=QUALITY_LEVEL_PREVIEW),
    ],
)
def test_an_instance_becomes_no_picture(target: TranscodeTarget) -> None:
    with pytest.raises(InvalidArgumentError):
        instance_target(target)
