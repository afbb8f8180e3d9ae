"""Pictures against those of DCMTK's dcm2img, which has its own decoders, LUTs and windows."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radgate_server.adapters.imaging.rendering import render
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.render_target import RENDERED_PNG, RenderTarget, Window
from tests.unit.adapters.imaging.rendering.instances import StoredInstance, decoded_png
from tests.unit.core.dicom import corpus

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

DCM2IMG = "/usr/bin/dcm2img"  # by its path: pynetdicom's scripts have names of DCMTK's, too
WAVELETS = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
"""What DCMTK has no decoder for."""
READ_IN_ANOTHER_WAY = {
    "eCT_Supplemental.dcm": "dcm2img reads neither functional groups nor supplemental palettes",
    "gdcm-US-ALOKA-16.dcm": "nor segmented palettes",
    "gdcm-US-ALOKA-16_big.dcm": "nor segmented palettes",
    "SC_rgb_jpeg.dcm": "its data set ends within a sequence, which DCMTK refuses",
}
IDENTITY_BITS = 8
NEITHER_HEADER_NOR_IDENTITY = Window(40, 400)


def _comparable(path: Path) -> bool:
    instance = StoredInstance(path.read_bytes())
    image = instance.image
    sound = instance.number_of_frames > 0 and 0 < image.bits_allocated <= 16
    return sound and instance.transfer_syntax_uid not in WAVELETS and path.name not in READ_IN_ANOTHER_WAY


FILES = [path for path in corpus.SOUND_FILES if _comparable(path)]


def _window(instance: StoredInstance, presentation: Presentation) -> tuple[tuple[str, ...], Window | None]:
    """What dcm2img is reported, and what we are."""
    if presentation.windows:
        return ("+Wi", "1"), None
    if presentation.voi_luts:
        return ("+Wl", "1"), None
    grey = instance.image.samples_per_pixel == 1 and presentation.palette is None
    if not grey or instance.image.bits_stored <= IDENTITY_BITS:
        return (), None
    window = NEITHER_HEADER_NOR_IDENTITY
    return ("+Ww", str(window.center), str(window.width)), window


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_the_same_picture(path: Path, tmp_path: Path) -> None:
    instance = StoredInstance(path.read_bytes())
    presentation = instance.presentation()._replace(pixel_aspect=(1, 1))
    options, window = _window(instance, presentation)
    out = tmp_path / "picture.png"
    subprocess.run([DCM2IMG, "+F", "1", "--no-overlays", *options, "+on", path, out], check=True, capture_output=True)
    theirs = np.asarray(Image.open(out)).astype(int)
    ours = decoded_png(render([instance.frame(1)], [presentation], RenderTarget(RENDERED_PNG, window=window)))
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= (1 if ours.ndim == 2 else 2)
