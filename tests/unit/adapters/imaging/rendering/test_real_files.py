"""Every real file at hand that has pixels: as rendered, and by the letter of PS3.3."""

from pathlib import Path

import numpy as np
import pytest

from radgate_server.adapters.imaging.codecs import decode_frame
from radgate_server.adapters.imaging.rendering import render
from radgate_server.core.dicom.indexing import build_index
from tests.unit.adapters.imaging.rendering.instances import PNG, StoredInstance, decoded_png
from tests.unit.adapters.imaging.rendering.reference import reference_picture
from tests.unit.core.dicom import corpus

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

DAMAGED = frozenset({"JPEG2000-embedded-sequence-delimiter.dcm"})
"""Its codestream says another size than its data set."""
WITH_PIXELS = [
    path
    for path in corpus.SOUND_FILES
    if path.name not in DAMAGED and build_index(memoryview(path.read_bytes())).frame_table is not None
]


@pytest.mark.parametrize("path", WITH_PIXELS, ids=[path.name for path in WITH_PIXELS])
def test_shown_as_the_standard_says(path: Path) -> None:
    instance = StoredInstance(path.read_bytes())
    count = instance.number_of_frames
    for number in sorted({1, count // 2 + 1, count}):
        frame = instance.frame(number)
        square = instance.presentation(number)._replace(pixel_aspect=(1, 1))
        shown = decoded_png(render([frame], [square], PNG)).astype(int)
        expected = reference_picture(instance.dataset, number, decode_frame(frame))
        assert shown.shape == expected.shape
        assert np.abs(shown - expected).max() <= (1 if shown.ndim == 2 else 2)
