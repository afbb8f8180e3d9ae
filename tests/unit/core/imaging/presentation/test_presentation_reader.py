"""What is read from metadata: of real instances, and of odd ones made by hand."""

from typing import Any

import pytest

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.instance_index import BULK_DATA_ROOT
from radgate_server.core.imaging.presentation.model import LookupTable, Overlay, Presentation, Rescale
from radgate_server.core.imaging.presentation.reader import bulk_paths, presentation_of
from radgate_server.core.imaging.render_target import VoiFunction, Window
from tests.unit.adapters.imaging.rendering.instances import StoredInstance
from tests.unit.core.dicom.corpus import path_of

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def _model(**elements: tuple[str, Any]) -> DicomJson:
    """T00281050=("DS", [40]) and so on; bytes become a reference to bulk data."""
    return {tag[1:]: {"vr": vr, "Value": values} for tag, (vr, values) in elements.items()}


def _bulk(tag: str, vr: str = "OW") -> DicomJson:
    return {tag: {"vr": vr, "BulkDataURI": BULK_DATA_ROOT + tag}}


def _presentation(model: DicomJson, frame_number: int = 1, **bulk: bytes) -> Presentation:
    return presentation_of(model, frame_number, {path[1:]: value for path, value in bulk.items()})


def _sequence(*items: DicomJson) -> tuple[str, list[DicomJson]]:
    return "SQ", list(items)


def _of(name: str, frame_number: int = 1) -> Presentation:
    return StoredInstance(path_of(name).read_bytes()).presentation(frame_number)


def test_an_empty_data_set_says_nothing() -> None:
    assert _presentation({}) == Presentation()
    assert bulk_paths({}, 1) == ()


def test_ct() -> None:
    presentation = _of("693_J2KR.dcm")
    assert presentation.modality == "CT"
    assert presentation.rescale == Rescale(1, -1024, "HU")
    assert presentation.windows == (Window(40, 100),)
    assert presentation.padding == (-2000, -2000)
    assert not presentation.inverse


def test_several_windows_stay_in_order() -> None:
    assert _of("bad_sequence.dcm").windows == (Window(40, 350), Window(450, 1500))


def test_monochrome1_is_inverse_unless_the_shape_says_otherwise() -> None:
    assert _of("RG1_UNCR.dcm").inverse
    monochrome1 = _model(T00280004=("CS", ["MONOCHROME1"]))
    assert _presentation(monochrome1).inverse
    assert not _presentation({**monochrome1, **_model(T20500020=("CS", ["IDENTITY"]))}).inverse
    assert _presentation({**monochrome1, **_model(T20500020=("CS", ["LIN OD"]))}).inverse
    assert _presentation(_model(T20500020=("CS", ["INVERSE"]))).inverse


def test_modality_lut_of_signed_pixels() -> None:
    table = _of("mlut_18.dcm").modality_lut
    assert table is not None
    assert (table.first_mapped, table.bits, len(table.data)) == (-2048, 16, 8192)


def test_voi_lut() -> None:
    (table,) = _of("vlut_04.dcm").voi_luts
    assert (table.first_mapped, table.bits, len(table.data)) == (0, 16, 512)


def test_supplemental_palette() -> None:
    presentation = _of("eCT_Supplemental.dcm", 2)
    assert presentation.palette is not None
    assert presentation.palette.supplemental
    assert presentation.palette.red.first_mapped == 1024
    assert presentation.windows == (Window(49, 102),)


def test_segmented_palette_is_the_same_in_both_byte_orders() -> None:
    little, big = _of("gdcm-US-ALOKA-16.dcm").palette, _of("gdcm-US-ALOKA-16_big.dcm").palette
    assert little is not None
    assert little == big
    assert len(little.red.data) == 2 * 65536


def test_bulk_paths_are_what_the_presentation_reads() -> None:
    instance = StoredInstance(path_of("gdcm-US-ALOKA-16.dcm").read_bytes())
    assert bulk_paths(instance.model, 1) == ("00281221", "00281222", "00281223")
    assert bulk_paths(StoredInstance(path_of("examples_overlay.dcm").read_bytes()).model, 1) == ("60003000",)


def test_bulk_that_is_not_there_leaves_its_part_out() -> None:
    model = StoredInstance(path_of("gdcm-US-ALOKA-16.dcm").read_bytes()).model
    assert presentation_of(model, 1, {}).palette is None


@pytest.mark.parametrize(
    ("center", "width", "function", "expected"),
    [
        ([40, 50], [400], None, (Window(40, 400),)),
        ([40], ["wide"], None, ()),
        ([40], [None], None, ()),
        ([40], [0.5], None, ()),
        ([40], [0.5], "SIGMOID", (Window(40, 0.5, VoiFunction.SIGMOID),)),
        ([40, 50], [0, 9], "LINEAR_EXACT", (Window(50, 9, VoiFunction.LINEAR_EXACT),)),
        ([40], [-5], "SIGMOID", ()),
        ([40], [400], "CUBIC", (Window(40, 400),)),
    ],
)
def test_windows(center: list[Any], width: list[Any], function: str | None, expected: tuple[Window, ...]) -> None:
    model = _model(T00281050=("DS", center), T00281051=("DS", width), T00281056=("CS", [function]))
    assert _presentation(model).windows == expected


@pytest.mark.parametrize(
    ("slope", "intercept", "expected"),
    [(2, 1, Rescale(2, 1)), (0, 1, None), ("x", 1, None), (1, None, None), (-1, 0, Rescale(-1, 0))],
)
def test_rescale(slope: Any, intercept: Any, expected: Rescale | None) -> None:
    model = _model(T00281053=("DS", [slope]), T00281052=("DS", [intercept]))
    assert _presentation(model).rescale == expected


def test_the_modality_lut_of_an_angiography_is_not_for_display() -> None:
    model = _model(
        T00080016=("UI", ["1.2.840.10008.5.1.4.1.1.12.1"]),
        T00281040=("CS", ["LOG"]),
        T00283000=_sequence(_model(T00283002=("US", [2, 0, 8]), T00283006=("US", [1, 2]))),
    )
    assert _presentation(model).modality_lut is None
    assert _presentation({**model, **_model(T00281040=("CS", ["LIN"]))}).modality_lut is not None


@pytest.mark.parametrize(
    ("descriptor", "data", "expected"),
    [
        ([3, 5, 12], ("US", [1, 2, 4095]), LookupTable(5, 12, b"\1\0\2\0\xff\x0f")),
        ([3, 5, 8], ("US", [0x0201, 0x0003]), LookupTable(5, 8, b"\1\0\2\0\3\0")),  # two to a word
        ([2, 5, 8], ("US", [300, 1]), LookupTable(5, 9, b"\x2c\1\1\0")),  # more than 8 bits
        ([2, 5, 0], ("SS", [-1, 1]), LookupTable(5, 16, b"\xff\xff\1\0")),
        ([2, 65530, 16], ("US", [1, 2]), LookupTable(65530, 16, b"\1\0\2\0")),
        ([3, 5, 16], ("US", [1]), None),
        ([3, 5], ("US", [1, 2, 3]), None),
        ([3, "x", 16], ("US", [1, 2, 3]), None),
        ([3, 5, 16], ("DS", [1.5, 2, 3]), None),
    ],
)
def test_lut(descriptor: list[Any], data: tuple[str, list[Any]], expected: LookupTable | None) -> None:
    model = _model(T00283010=_sequence(_model(T00283002=("US", descriptor), T00283006=data)))
    assert _presentation(model).voi_luts == ((expected,) if expected else ())


def test_inputs_of_a_lut_are_signed_where_its_input_may_be_below_0() -> None:
    luts = _model(T00283010=_sequence(_model(T00283002=("US", [2, 65530, 16]), T00283006=("US", [1, 2]))))
    for more, first in (
        ({}, 65530),
        (_model(T00280103=("US", [1])), -6),
        (_model(T00281053=("DS", [1]), T00281052=("DS", [-1024])), -6),
        (_model(T00281053=("DS", [1]), T00281052=("DS", [0])), 65530),
    ):
        assert _presentation({**luts, **more}).voi_luts[0].first_mapped == first


def test_no_entries_are_65536() -> None:
    model = _model(T00283000=_sequence({**_model(T00283002=("US", [0, 0, 16])), **_bulk("00283006")}))
    assert bulk_paths(model, 1) == ("00283006",)
    table = _presentation(model, T00283006=bytes(range(256)) * 512).modality_lut
    assert table is not None
    assert len(table.data) == 131072


PALETTE = _model(
    T00280004=("CS", ["PALETTE COLOR"]),
    T00281101=("US", [2, 0, 16]),
    T00281102=("US", [2, 0, 16]),
    T00281103=("US", [2, 0, 16]),
    T00281201=("OW", [0, 255]),
    T00281202=("OW", [0, 128]),
    T00281203=("OW", [9, 0]),
)


def test_palette_of_8_bits_that_says_16() -> None:
    palette = _presentation(PALETTE).palette
    assert palette is not None
    assert palette.red == LookupTable(0, 8, b"\0\0\xff\0")


def test_palette_without_one_colour_is_none() -> None:
    without = {tag: element for tag, element in PALETTE.items() if tag != "00281202"}
    assert _presentation(without).palette is None


def test_palette_of_grey_images_counts_only_where_pixels_are_said_to_be_coloured() -> None:
    grey = {**PALETTE, **_model(T00280004=("CS", ["MONOCHROME2"]))}
    assert _presentation(grey).palette is None
    mixed = {**grey, **_model(T00089205=("CS", ["MIXED"]))}
    assert _presentation(mixed).palette is not None
    frames = _sequence(
        *(_model(T00189329=_sequence(_model(T00089205=("CS", [kind])))) for kind in ("COLOR", "MONOCHROME"))
    )
    in_frames = {**mixed, **_model(T52009230=frames)}
    assert _presentation(in_frames, 1).palette is not None
    assert _presentation(in_frames, 2).palette is None


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"T00280120": ("US", [7])}, (7, 7)),
        ({"T00280120": ("US", [70]), "T00280121": ("US", [7])}, (7, 70)),
        ({"T00280120": ("US", [63536]), "T00280103": ("US", [1]), "T00280100": ("US", [16])}, (-2000, -2000)),
        ({"T00280122": ("FL", [-0.5]), "T00280124": ("FL", [-1.5])}, (-1.5, -0.5)),
        ({"T00280121": ("US", [7])}, None),
        ({"T00280120": ("US", [None])}, None),
        ({"T00280120": ("US", [7]), "T00280004": ("CS", ["PALETTE COLOR"])}, None),
    ],
)
def test_padding(elements: dict[str, Any], expected: tuple[float, float] | None) -> None:
    assert _presentation(_model(**elements)).padding == expected


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"T00280034": ("IS", [4, 3])}, (4, 3)),
        ({"T00280034": ("IS", [4, 0])}, (1, 1)),
        ({"T00280034": ("IS", [4])}, (1, 1)),
        ({"T00280030": ("DS", [0.5, 0.25]), "T00280034": ("IS", [1, 1])}, (0.5, 0.25)),
        ({"T00181164": ("DS", [0.2, 0.1]), "T00280034": ("IS", [1, 1])}, (0.2, 0.1)),
        ({"T00280030": ("DS", ["x", 0.25]), "T00182010": ("DS", [2, 1])}, (2, 1)),
        ({"T00289110": _sequence(_model(T00280030=("DS", [3, 2])))}, (1, 1)),
        ({"T52009229": _sequence(_model(T00289110=_sequence(_model(T00280030=("DS", [3, 2])))))}, (3, 2)),
    ],
)
def test_pixel_aspect(elements: dict[str, Any], expected: tuple[float, float]) -> None:
    assert _presentation(_model(**elements)).pixel_aspect == expected


def _overlay(**more: tuple[str, Any]) -> DicomJson:
    elements = {
        "T60020010": ("US", [2]),
        "T60020011": ("US", [3]),
        "T60020040": ("CS", ["G"]),
        "T60020050": ("SS", [-1, 4]),
        **more,
    }
    return {**_model(**elements), **_bulk("60023000")}


def test_overlay() -> None:
    assert _presentation(_overlay(), 7, T60023000=b"\x2a\0").overlays == (Overlay(2, 3, -1, 4, b"\x2a"),)


def test_frames_of_an_overlay_begin_where_the_one_before_ends() -> None:
    model = _overlay(T60020015=("IS", [3]), T60020051=("IS", [2]))
    data = (0b101010_110011_000111).to_bytes(4, "little")
    overlays = [_presentation(model, number, T60023000=data).overlays for number in range(1, 6)]
    assert [plane.bits[0] & 63 for planes in overlays for plane in planes] == [0b000111, 0b110011, 0b101010]
    assert [len(planes) for planes in overlays] == [0, 1, 1, 1, 0]


@pytest.mark.parametrize(
    "more",
    [
        {"T60020040": ("CS", ["X"])},
        {"T60020010": ("US", [0])},
        {"T60020010": ("US", [65535])},
        {"T60020011": ("US", ["x"])},
        {"T60020051": ("IS", [2])},
    ],
)
def test_overlays_that_make_no_sense_are_left_out(more: dict[str, Any]) -> None:
    assert _presentation(_overlay(**more), 1, T60023000=b"\xff\xff").overlays == ()


def test_overlay_in_pixel_data() -> None:
    model = _overlay(T60020102=("US", [12]))
    del model["60023000"]
    assert _presentation(model).overlays == (Overlay(2, 3, -1, 4, b"", 12),)


def test_icc_profile_of_the_optical_path_of_the_frame() -> None:
    def path(name: str, profile: str) -> DicomJson:
        inline = {"00282000": {"vr": "OB", "InlineBinary": profile}}
        return {**_model(T00480106=("SH", [name])), **inline}

    frames = [_model(T00480207=_sequence(_model(T00480106=("SH", [name])))) for name in ("2", "1")]
    model = _model(T00480105=_sequence(path("1", "QQ=="), path("2", "Qg==")), T52009230=_sequence(*frames))
    assert [_presentation(model, number).icc_profile for number in (1, 2, 3)] == [b"B", b"A", b"A"]
    own = {**model, "00282000": {"vr": "OB", "InlineBinary": "Qw=="}}
    assert _presentation(own).icc_profile == b"C"


NONSENSE = (None, "x", "", -1, 0, 1e300, {"00280010": {"vr": "US"}}, {})
TAGS = sorted(
    {*_overlay(), *PALETTE, "00281050", "00281051", "00281056", "00281052", "00281053", "00283000", "00283010"}
    | {"00280120", "00280121", "00280034", "00280030", "52009229", "52009230", "00480105", "0062000E", "20500020"}
    | {"60020015", "60020051", "60020102", "00080060", "00280100", "00280103", "00282000", "00089205"}
)


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
@pytest.mark.parametrize("tag", TAGS)
def test_nonsense_raises_nothing(tag: str, nonsense: Any) -> None:
    model = {**PALETTE, **_overlay(), **_model(T00289132=_sequence({}), T00280004=("CS", ["MONOCHROME1"]))}
    for values in ([], [nonsense], [nonsense] * 3):
        odd = {**model, tag: {"vr": "UN", "Value": values}}
        assert isinstance(presentation_of(odd, 1, dict.fromkeys(bulk_paths(odd, 1), b"\1\2\3")), Presentation)
