"""Sound frames from which damaged ones are made: every encoder's, and those of the sample files."""

from dataclasses import replace
from functools import cache
from io import BytesIO
from typing import Any

import imagecodecs
from PIL import Image

from radgate_server.adapters.imaging.codecs import transcode_frame
from radgate_server.core.dicom import transfer_syntaxes as uids
from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from radgate_server.core.errors import NotAcceptableError
from radgate_server.core.imaging.frames import EncodeTarget, StoredFrame
from tests.fakes.synthetic_frames import samples_of, synthetic_frame
from tests.unit.adapters.imaging.rendering.instances import StoredInstance
from tests.unit.core.dicom import corpus

MAX_SEED_BYTES = 100_000

_NATIVE = (
    synthetic_frame(8),
    synthetic_frame(12),
    synthetic_frame(16, signed=True),
    synthetic_frame(16),
    synthetic_frame(32),
    synthetic_frame(1, bits_allocated=1),
    synthetic_frame(8, photometric_interpretation="RGB"),
    synthetic_frame(8, photometric_interpretation="YBR_FULL"),
    synthetic_frame(8, photometric_interpretation="PALETTE COLOR"),
)


@cache
def seeds() -> tuple[StoredFrame, ...]:
    """All seeds, always in the same order."""
    return (*_generated(), *_unusual(), *_sampled())


def _generated() -> list[StoredFrame]:
    frames = []
    for uid, syntax in TRANSFER_SYNTAXES.items():
        for native in _NATIVE if syntax.encodable and syntax.kind == "image" else ():
            try:
                encoded = transcode_frame(native, EncodeTarget(uid))
            except NotAcceptableError:
                continue
            frames.append(StoredFrame(encoded.data, uid, encoded.image))
    return frames


def _unusual() -> list[StoredFrame]:
    """What other encoders make and ours do not: tiles, boxes, several scans, lossy JPEG XL."""
    gray, colour = synthetic_frame(8), synthetic_frame(8, photometric_interpretation="RGB")
    progressive = BytesIO()
    Image.fromarray(samples_of(colour)).save(progressive, "JPEG", progressive=True, restart_marker_blocks=3)
    one, three = samples_of(gray), samples_of(colour)
    made: tuple[tuple[str, StoredFrame, Any], ...] = (
        (uids.JPEG_2000, gray, imagecodecs.jpeg2k_encode(one, codecformat="jp2", level=0)),
        (uids.HTJ2K_LOSSLESS, gray, imagecodecs.htj2k_encode(one, reversible=True, tile=(16, 16))),
        (uids.HTJ2K_LOSSLESS, gray, imagecodecs.htj2k_encode(one, reversible=True, prog_order="CPRL")),
        (uids.JPEG_PROGRESSIVE, colour, progressive.getvalue()),
        (uids.JPEG_XL, colour, imagecodecs.jpegxl_encode(three, distance=2.0)),
        (uids.JPEG_XL, gray, imagecodecs.jpegxl_encode(one, distance=1.0, usecontainer=True)),
        (uids.JPEG_XL_JPEG_RECOMPRESSION, colour, imagecodecs.jpegxl_encode_jpeg(progressive.getvalue())),
    )
    return [replace(native, data=bytes(data), transfer_syntax_uid=uid) for uid, native, data in made]


def _sampled() -> list[StoredFrame]:
    frames = []
    for path in corpus.SOUND_FILES:
        instance = StoredInstance(path.read_bytes())
        syntax = TRANSFER_SYNTAXES.get(instance.transfer_syntax_uid)
        if syntax is None or not syntax.decodable or syntax.kind != "image" or not instance.number_of_frames:
            continue
        frame = instance.frame(1)
        if len(frame.data) <= MAX_SEED_BYTES:
            frames.append(frame)
    return frames
