"""From the metadata of an instance to how one of its frames is to be shown."""

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.imaging.metadata.functional_groups import FrameGroups
from radgate_server.core.imaging.metadata.values import Bulk, integer, items, number, numbers, octets, text
from radgate_server.core.imaging.presentation.luts import lookup_tables, palette
from radgate_server.core.imaging.presentation.model import LookupTable, Palette, Presentation, Rescale
from radgate_server.core.imaging.presentation.overlays import overlays
from radgate_server.core.imaging.render_target import VoiFunction, Window

_MODALITY = "00080060"
_PHOTOMETRIC_INTERPRETATION = "00280004"
_PALETTE_COLOR = "PALETTE COLOR"
_BITS_ALLOCATED, _PIXEL_REPRESENTATION = "00280100", "00280103"
_SEGMENTATION_TYPE, _MAXIMUM_FRACTIONAL_VALUE = "00620001", "0062000E"
_FLOAT_PIXEL_DATA = ("7FE00008", "7FE00009")

_PIXEL_VALUE_TRANSFORMATION = "00289145"
_RESCALE_INTERCEPT, _RESCALE_SLOPE, _RESCALE_TYPE = "00281052", "00281053", "00281054"
_MODALITY_LUT_SEQUENCE = "00283000"
_SOP_CLASS_UID, _PIXEL_INTENSITY_RELATIONSHIP = "00080016", "00281040"
_PROJECTION_X_RAYS = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.12.1",  # X-Ray Angiographic Image Storage
        "1.2.840.10008.5.1.4.1.1.12.2",  # X-Ray Radiofluoroscopic Image Storage
        "1.2.840.10008.5.1.4.1.1.12.3",  # X-Ray Angiographic Bi-Plane Image Storage (retired)
    }
)
_SHOWN_AS_STORED = frozenset({"LOG", "DISP"})

_FRAME_VOI_LUT = "00289132"
_VOI_LUT_SEQUENCE = "00283010"
_WINDOW_CENTER, _WINDOW_WIDTH, _VOI_LUT_FUNCTION = "00281050", "00281051", "00281056"
_FUNCTIONS = {function.value: function for function in VoiFunction}

_PRESENTATION_LUT_SHAPE = "20500020"
_INVERSE_OF_SHAPE = {"INVERSE": True, "IDENTITY": False}

_PIXEL_PRESENTATION = "00089205"
_WITH_COLOUR = frozenset({"COLOR", "MIXED"})
_FRAME_TYPES = (
    "00189226",  # MR Image Frame Type Sequence
    "00189329",  # CT Image Frame Type Sequence
    "00189751",  # PET Frame Type Sequence
)

_PADDING = (
    ("00280120", "00280121"),  # Pixel Padding Value, Pixel Padding Range Limit
    ("00280122", "00280124"),  # Float Pixel Padding Value and Range Limit
    ("00280123", "00280125"),  # Double Float Pixel Padding Value and Range Limit
)
_CONTAINERS = (8, 16, 32)

_PIXEL_MEASURES = "00289110"
_PIXEL_SPACING = "00280030"
_PIXEL_SIZES = (
    "00181164",  # Imager Pixel Spacing
    "00182010",  # Nominal Scanned Pixel Spacing
    "00280034",  # Pixel Aspect Ratio
)

_OPTICAL_PATH_SEQUENCE = "00480105"
_OPTICAL_PATH_IDENTIFICATION = "00480207"
_OPTICAL_PATH_IDENTIFIER = "00480106"
_ICC_PROFILE = "00282000"


class _Asked(dict[str, bytes]):
    """Bulk data that has nothing, and remembers what it was asked for."""

    def get(self, key: str, _default: object = None) -> bytes:
        return self.setdefault(key, b"")


def bulk_paths(model: DicomJson, frame_number: int) -> tuple[str, ...]:
    """The keys of InstanceIndex.bulk whose values `presentation_of` needs for this frame (from 1)."""
    asked = _Asked()
    presentation_of(model, frame_number, asked)
    return tuple(asked)


def presentation_of(model: DicomJson, frame_number: int, bulk: Bulk) -> Presentation:
    """Read how the frame (from 1) is to be shown, the functional groups that hold for it before the data set itself.

    `bulk` holds the values of `bulk_paths` with words in little endian. What can't be understood is left out.
    """
    groups = FrameGroups(model, frame_number)
    rescale, modality_lut = _modality(model, groups, bulk)
    voi = groups.holder(_FRAME_VOI_LUT, _WINDOW_CENTER, _VOI_LUT_SEQUENCE)
    signed_input = _can_be_negative(model, rescale, modality_lut)
    return Presentation(
        modality=text(model, _MODALITY),
        rescale=rescale,
        modality_lut=modality_lut,
        windows=_windows(voi),
        voi_luts=lookup_tables(voi, _VOI_LUT_SEQUENCE, bulk, signed_input=signed_input),
        inverse=_INVERSE_OF_SHAPE.get(text(model, _PRESENTATION_LUT_SHAPE), _photometric(model) == "MONOCHROME1"),
        padding=_padding(model),
        palette=_palette(model, groups, bulk),
        pixel_aspect=_pixel_aspect(model, groups),
        overlays=overlays(model, frame_number, bulk),
        icc_profile=_icc_profile(model, groups, bulk),
        maximum_fractional_value=_maximum_fractional_value(model),
        float_pixels=any(tag in model for tag in _FLOAT_PIXEL_DATA),
    )


def _photometric(model: DicomJson) -> str:
    return text(model, _PHOTOMETRIC_INTERPRETATION)


def _signed(model: DicomJson) -> bool:
    return integer(model, _PIXEL_REPRESENTATION) == 1


def _can_be_negative(model: DicomJson, rescale: Rescale | None, modality_lut: LookupTable | None) -> bool:
    """Whether what the modality LUT gives may be below 0: then inputs of the VOI LUT are signed (PS3.3 C.11.2.1.1)."""
    if modality_lut is not None:
        return False
    return _signed(model) or (rescale is not None and min(rescale.intercept, rescale.slope) < 0)


def _palette(model: DicomJson, groups: FrameGroups, bulk: Bulk) -> Palette | None:
    """That of a palette colour image, or the supplemental one of frames whose Pixel Presentation has colour."""
    if _photometric(model) == _PALETTE_COLOR:
        return palette(model, bulk, supplemental=False)
    holder = next((macro for tag in _FRAME_TYPES if _PIXEL_PRESENTATION in (macro := groups.macro(tag))), model)
    coloured = text(holder, _PIXEL_PRESENTATION) in _WITH_COLOUR
    return palette(model, bulk, supplemental=True) if coloured else None


def _maximum_fractional_value(model: DicomJson) -> int:
    fractional = text(model, _SEGMENTATION_TYPE) == "FRACTIONAL"
    return max(integer(model, _MAXIMUM_FRACTIONAL_VALUE), 0) if fractional else 0


def _modality(model: DicomJson, groups: FrameGroups, bulk: Bulk) -> tuple[Rescale | None, LookupTable | None]:
    """The modality LUT, one of two kinds (PS3.3 C.11.1); a Rescale Slope of 0 is none."""
    if (
        text(model, _SOP_CLASS_UID) in _PROJECTION_X_RAYS
        and text(model, _PIXEL_INTENSITY_RELATIONSHIP) in _SHOWN_AS_STORED
    ):
        return None, None  # Theirs leads back to what the detector saw, and is not for display (C.8.7.1.1.2).
    tables = lookup_tables(model, _MODALITY_LUT_SEQUENCE, bulk, signed_input=_signed(model))
    if tables:
        return None, tables[0]
    holder = groups.holder(_PIXEL_VALUE_TRANSFORMATION, _RESCALE_SLOPE, _RESCALE_INTERCEPT)
    slope, intercept = number(holder, _RESCALE_SLOPE), number(holder, _RESCALE_INTERCEPT)
    if not slope or intercept is None:
        return None, None
    return Rescale(slope, intercept, text(holder, _RESCALE_TYPE)), None


def _padding(model: DicomJson) -> tuple[float, float] | None:
    if _photometric(model) == _PALETTE_COLOR:
        return None
    for value_tag, limit_tag in _PADDING:
        value = number(model, value_tag)
        if value is not None:
            limit = number(model, limit_tag)
            bounds = sorted(_as_stored(model, bound) for bound in (value, value if limit is None else limit))
            return bounds[0], bounds[1]
    return None


def _as_stored(model: DicomJson, value: float) -> float:
    """A padding value written in the other sign than the pixels have."""
    bits = integer(model, _BITS_ALLOCATED)
    if _signed(model) and bits in _CONTAINERS and value >= 1 << bits - 1:
        return value - (1 << bits)
    return value


def _pixel_aspect(model: DicomJson, groups: FrameGroups) -> tuple[float, float]:
    """Row spacing against column spacing: of the patient, else of detector or film, else what is stated outright."""
    holder = groups.holder(_PIXEL_MEASURES, _PIXEL_SPACING)
    sizes = (numbers(holder, _PIXEL_SPACING), *(numbers(model, tag) for tag in _PIXEL_SIZES))
    return next(((size[0], size[1]) for size in sizes if len(size) == 2 and min(size) > 0), (1, 1))


def _icc_profile(model: DicomJson, groups: FrameGroups, bulk: Bulk) -> bytes:
    """The data set's own profile, else that of the frame's optical path (PS3.3 C.8.12.5)."""
    if _ICC_PROFILE in model:
        return octets(model, _ICC_PROFILE, bulk)
    paths = items(model, _OPTICAL_PATH_SEQUENCE)
    identifier = text(groups.macro(_OPTICAL_PATH_IDENTIFICATION), _OPTICAL_PATH_IDENTIFIER)
    of_frame = [path for path in paths if text(path, _OPTICAL_PATH_IDENTIFIER) == identifier] or paths
    return octets(of_frame[0], _ICC_PROFILE, bulk) if of_frame else b""


def _windows(model: DicomJson) -> tuple[Window, ...]:
    """The windows (PS3.3 C.11.2.1.2), in their order; those whose width no function allows are left out.

    LINEAR is the default.
    """
    function = _FUNCTIONS.get(text(model, _VOI_LUT_FUNCTION), VoiFunction.LINEAR)
    pairs = zip(numbers(model, _WINDOW_CENTER), numbers(model, _WINDOW_WIDTH), strict=False)
    return tuple(window for pair in pairs if (window := Window(*pair, function)).applicable)
