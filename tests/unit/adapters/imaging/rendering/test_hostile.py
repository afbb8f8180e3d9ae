"""Whatever a data set says of its presentation, and a client of its wishes: a picture, or a foreseen error."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from radgate_server.adapters.imaging.rendering import render
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import GatewayError
from radgate_server.core.imaging.frames import StoredFrame
from radgate_server.core.imaging.presentation.model import LookupTable, Overlay, Palette, Presentation, Rescale
from radgate_server.core.imaging.render_target import (
    RENDERED_GIF,
    RENDERED_JPEG,
    RENDERED_PNG,
    IccProfile,
    RenderTarget,
    Viewport,
    VoiFunction,
    Window,
)

ROWS, COLUMNS = 5, 7
MAGIC = {RENDERED_JPEG: b"\xff\xd8", RENDERED_PNG: b"\x89PNG", RENDERED_GIF: b"GIF8"}

numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53), 2**53),
    st.sampled_from((0, 1, -1, 1e300, 5e-324)),
)
small = st.integers(-12, 12)
tables = st.builds(
    LookupTable,
    first_mapped=st.integers(-(2**16), 2**16),
    bits=st.integers(1, 16),
    data=st.integers(1, 300).map(lambda count: bytes(range(256))[: 2 * count]),
)
windows = st.builds(Window, numbers, numbers, st.sampled_from(VoiFunction))
overlays = st.builds(
    Overlay,
    rows=st.just(3),
    columns=st.just(4),
    top=st.one_of(small, st.integers()),
    left=st.one_of(small, st.integers()),
    bits=st.just(b"\xa5\x0a"),
    bit_position=st.integers(0, 40),
)
presentations = st.builds(
    Presentation,
    modality=st.sampled_from(("CT", "MR", "")),
    rescale=st.none() | st.builds(Rescale, numbers.filter(bool), numbers, st.sampled_from(("HU", "", "US"))),
    modality_lut=st.none() | tables,
    windows=st.lists(windows.filter(lambda window: window.applicable), max_size=2).map(tuple),
    voi_luts=st.lists(tables, max_size=2).map(tuple),
    inverse=st.booleans(),
    padding=st.none() | st.tuples(numbers, numbers),
    palette=st.none() | st.builds(Palette, tables, tables, tables, st.booleans()),
    pixel_aspect=st.tuples(numbers.filter(lambda size: size > 0), numbers.filter(lambda size: size > 0)),
    overlays=st.lists(overlays, max_size=2).map(tuple),
    icc_profile=st.binary(max_size=200),
    maximum_fractional_value=st.sampled_from((0, 0, 1, 255, 2**40)),
    float_pixels=st.booleans(),
)
viewports = st.builds(
    Viewport,
    columns=st.integers(-1, 40),
    rows=st.integers(-1, 40),
    left=st.floats(),
    top=st.one_of(small, st.floats()),
    source_columns=st.none() | st.one_of(small, st.floats()),
    source_rows=st.none() | st.one_of(small, st.floats()),
)
targets = st.builds(
    RenderTarget,
    media_type=st.sampled_from(tuple(MAGIC)),
    viewport=st.none() | viewports,
    window=st.none() | st.builds(Window, st.floats(), st.floats(), st.sampled_from(VoiFunction)),
    quality=st.integers(1, 100),
    progressive=st.booleans(),
    letterboxed=st.booleans(),
    overlays=st.booleans(),
    icc_profile=st.sampled_from(IccProfile),
    frame_time_ms=st.floats(0, 1e9),
)


@st.composite
def frames(draw: st.DrawFn) -> StoredFrame:
    samples, allocated = draw(st.sampled_from((1, 1, 3, 4))), draw(st.sampled_from((8, 16, 32, 64)))
    image = ImagePixel(
        rows=ROWS,
        columns=COLUMNS,
        samples_per_pixel=samples,
        bits_allocated=allocated,
        bits_stored=draw(st.integers(0, 70)),
        pixel_representation=draw(st.integers(0, 1)),
        number_of_frames=1,
        photometric_interpretation=draw(
            st.sampled_from(("MONOCHROME1", "RGB", "YBR_FULL", "PALETTE COLOR", "", "HSV"))
        ),
        high_bit=draw(st.integers(-1, 70)),
    )
    generator = np.random.default_rng(draw(st.integers(0, 9)))
    return StoredFrame(generator.bytes(image.decoded_frame_bytes), EXPLICIT_VR_LITTLE_ENDIAN, image)


@settings(max_examples=200)
@given(frames(), presentations, targets)
def test_a_picture_or_a_foreseen_error(frame: StoredFrame, presentation: Presentation, target: RenderTarget) -> None:
    try:
        rendered = render([frame], [presentation], target)
    except GatewayError:
        return
    assert rendered.data.startswith(MAGIC[target.media_type])
    assert rendered.rows > 0
    assert rendered.columns > 0
