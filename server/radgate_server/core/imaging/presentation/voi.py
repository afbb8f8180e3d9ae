"""Windows of a data set (PS3.3 C.11.2.1.2)."""

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.imaging.metadata.values import numbers, text
from radgate_server.core.imaging.render_target import VoiFunction, Window

WINDOW_CENTER = "00281050"
_WINDOW_WIDTH, _VOI_LUT_FUNCTION = "00281051", "00281056"
_FUNCTIONS = {function.value: function for function in VoiFunction}


def windows(model: DicomJson) -> tuple[Window, ...]:
    """The windows, in their order; those whose width no function allows are left out. LINEAR is the default."""
    function = _FUNCTIONS.get(text(model, _VOI_LUT_FUNCTION), VoiFunction.LINEAR)
    pairs = zip(numbers(model, WINDOW_CENTER), numbers(model, _WINDOW_WIDTH), strict=False)
    return tuple(window for pair in pairs if (window := Window(*pair, function)).applicable)
