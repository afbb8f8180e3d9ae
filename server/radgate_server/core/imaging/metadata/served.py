"""The metadata of an instance as they leave: what they say of colour is true of the frames that leave."""

import json
from typing import Any

from radgate_server.core.dicom.dataset.json_model import dump
from radgate_server.core.dicom.instance_index import InstanceIndex
from radgate_server.core.dicom.pixel_data.image_pixel import image_pixel
from radgate_server.core.imaging.frame_colour import served_image

_PHOTOMETRIC_INTERPRETATION, _PLANAR_CONFIGURATION = "00280004", "00280006"
_BY_PLANE = b'"00280006":{"vr":"US","Value":[1'
_SUBSAMPLED = b'"00280004":{"vr":"CS","Value":["YBR_FULL_422"'


def has_other_metadata(index: InstanceIndex) -> bool:
    """Whether `served_metadata` may give other ones than the index has; quick, and seldom true."""
    return index.frame_table is not None and (_BY_PLANE in index.metadata or _SUBSAMPLED in index.metadata)


def served_metadata(index: InstanceIndex) -> bytes:
    """The metadata of an instance of which `has_other_metadata` is true; takes milliseconds for each megabyte."""
    model: dict[str, Any] = json.loads(index.metadata)
    stated = image_pixel(model)
    served = served_image(stated.of_native(index.native_pixel_bytes), index.transfer_syntax_uid)
    if served == stated:
        return index.metadata
    model[_PHOTOMETRIC_INTERPRETATION] = {"vr": "CS", "Value": [served.photometric_interpretation]}
    model[_PLANAR_CONFIGURATION] = {"vr": "US", "Value": [served.planar_configuration]}
    return dump(dict(sorted(model.items())))
