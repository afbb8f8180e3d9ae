"""Every compressed sample file at hand: the pixels are those of another decoder."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.pixels import pixel_array

from radgate_server.adapters.imaging.bitstreams.detection import Bitstream
from radgate_server.adapters.imaging.codecs import decode_frame
from radgate_server.adapters.imaging.codecs.table import CODECS, load
from radgate_server.core.dicom.indexing import build_index
from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from radgate_server.core.errors import InstanceMalformedError
from radgate_server.core.imaging.frames import StoredFrame
from tests.fakes.synthetic_frames import samples_of
from tests.unit.adapters.imaging.codecs.dcmtk_references import FIRST_FRAMES
from tests.unit.adapters.imaging.rendering.instances import StoredInstance
from tests.unit.core.dicom import corpus

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

DAMAGED = "JPEG2000-embedded-sequence-delimiter.dcm"
"""Its codestream says another size than its data set."""
MOST_FRAMES = 2
"""Of one file; the rest is like them."""

OF_PYDICOM = {
    Bitstream.RLE: "pydicom",
    Bitstream.JPEG_2000: "pylibjpeg",
    Bitstream.HTJ2K: "pylibjpeg",
}
"""Which of pydicom's plug-ins is the other decoder. For JPEG of 8 bits it is Pillow, without its colour conversion."""


def _is_compressed(path: Path) -> bool:
    index = build_index(memoryview(path.read_bytes()))
    syntax = TRANSFER_SYNTAXES[index.transfer_syntax_uid]
    return syntax.kind == "image" and index.frame_table is not None and path.name != DAMAGED


COMPRESSED = [path for path in corpus.SOUND_FILES if _is_compressed(path)]


def frames_of(path: Path) -> Iterator[StoredFrame]:
    instance = StoredInstance(path.read_bytes())
    for number in range(1, min(instance.number_of_frames, MOST_FRAMES) + 1):
        yield instance.frame(number)


def other_pixels(path: Path, frame: StoredFrame, index: int) -> np.ndarray[Any, Any] | None:
    """The frame by another decoder; None where only DCMTK has one."""
    decoding = CODECS[frame.transfer_syntax_uid].decoding
    bitstream = decoding.bitstream if decoding else None
    if bitstream in OF_PYDICOM:
        return pixel_array(path, index=index, raw=True, decoding_plugin=OF_PYDICOM[bitstream])
    if bitstream is Bitstream.JPEG and frame.image.bits_stored == 8:
        return load("pillow_jpeg:decode")(frame.data, frame.image).array  # type: ignore[no-any-return]
    return None


@pytest.mark.parametrize("path", COMPRESSED, ids=[path.name for path in COMPRESSED])
def test_pixels_are_those_of_another_decoder(path: Path) -> None:
    for index, frame in enumerate(frames_of(path)):
        decoded = decode_frame(frame)
        other = other_pixels(path, frame, index)
        if other is not None:
            np.testing.assert_array_equal(samples_of(decoded), other)
        elif not index:
            assert zlib.crc32(decoded.pixels) == FIRST_FRAMES[path.name]


def test_the_damaged_one_is_refused() -> None:
    with pytest.raises(InstanceMalformedError, match="another size"):
        decode_frame(StoredInstance(bytes(corpus.read(DAMAGED))).frame(1))
