"""From the metadata of an instance to how one of its frames is to be shown."""

from radgate_server.core.imaging.functional_groups import FrameGroups
from radgate_server.core.imaging.model_values import Bulk, integer, items, number, numbers, octets, text
from radgate_server.core.imaging.presentation import LookupTable, Presentation, Rescale
from radgate_server.core.imaging.presentation_luts import lookup_tables, palette
from radgate_server.core.imaging.presentation_overlays import overlays
from radgate_server.core.imaging.presentation_voi import windows
from radgate_server.core.query import DicomJson

_FLOAT_PIXEL_DATA = ("7FE00008", "7FE00009")

_PIXEL_VALUE_TRANSFORMATION = "00289145"
_RESCALE_INTERCEPT, _RESCALE_SLOPE, _RESCALE_TYPE = "00281052", "00281053", "00281054"
_MODALITY_LUT_SEQUENCE = "00283000"
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
    voi = groups.holder(_FRAME_VOI_LUT, "00281050", _VOI_LUT_SEQUENCE)
    palette_color = text(model, "00280004") == "PALETTE COLOR"
    return Presentation(
        modality=text(model, "00080060"),
        rescale=rescale,
        modality_lut=modality_lut,
        windows=windows(voi),
        voi_luts=lookup_tables(
            voi, _VOI_LUT_SEQUENCE, bulk, signed_input=_can_be_negative(model, rescale, modality_lut)
        ),
        inverse=_INVERSE_OF_SHAPE.get(text(model, "20500020"), text(model, "00280004") == "MONOCHROME1"),
        padding=None if palette_color else _padding(model),
        palette=palette(model, bulk, supplemental=not palette_color)
        if palette_color or _coloured(model, groups)
        else None,
        pixel_aspect=_pixel_aspect(model, groups),
        overlays=overlays(model, frame_number, bulk),
        icc_profile=_icc_profile(model, groups, bulk),
        maximum_fractional_value=max(integer(model, "0062000E"), 0),
        float_pixels=any(tag in model for tag in _FLOAT_PIXEL_DATA),
    )


def _signed(model: DicomJson) -> bool:
    return integer(model, "00280103") == 1


def _can_be_negative(model: DicomJson, rescale: Rescale | None, modality_lut: LookupTable | None) -> bool:
    """Whether what the modality LUT gives may be below 0: then inputs of the VOI LUT are signed (PS3.3 C.11.2.1.1)."""
    if modality_lut is not None:
        return False
    return _signed(model) or (rescale is not None and min(rescale.intercept, rescale.slope) < 0)


def _coloured(model: DicomJson, groups: FrameGroups) -> bool:
    """Whether a supplemental palette belongs to the frame (PS3.3 Pixel Presentation, C.8.16.2.1.1)."""
    holder = next((macro for tag in _FRAME_TYPES if _PIXEL_PRESENTATION in (macro := groups.macro(tag))), model)
    return text(holder, _PIXEL_PRESENTATION) in _WITH_COLOUR


def _modality(model: DicomJson, groups: FrameGroups, bulk: Bulk) -> tuple[Rescale | None, LookupTable | None]:
    """The modality LUT, one of two kinds (PS3.3 C.11.1); a Rescale Slope of 0 is none."""
    if text(model, "00080016") in _PROJECTION_X_RAYS and text(model, "00281040") in _SHOWN_AS_STORED:
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
    for value_tag, limit_tag in _PADDING:
        value = number(model, value_tag)
        if value is not None:
            limit = number(model, limit_tag)
            bounds = sorted(_as_stored(model, bound) for bound in (value, value if limit is None else limit))
            return bounds[0], bounds[1]
    return None


def _as_stored(model: DicomJson, value: float) -> float:
    """A padding value written in the other sign than the pixels have."""
    bits = integer(model, "00280100")
    if _signed(model) and bits in _CONTAINERS and value >= 1 << bits - 1:
        return value - (1 << bits)
    return value


def _pixel_aspect(model: DicomJson, groups: FrameGroups) -> tuple[float, float]:
    """Row spacing against column spacing: of the patient, else of the detector or film, else what is told outright."""
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
