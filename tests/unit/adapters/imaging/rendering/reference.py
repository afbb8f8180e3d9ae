"""How an image looks by the letter of PS3.3 C.7.6.3, C.7.6.16, C.9.2 and C.11: slow, obvious, and of its own.

It works on pydicom's data sets and on decoded bytes, and shares nothing with the product's reader or tables.
"""

from itertools import islice
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.imaging.frames import DecodedFrame

type Array = NDArray[Any]


def reference_picture(dataset: Dataset, frame_number: int, decoded: DecodedFrame) -> Array:
    """Greys (rows, columns) or colours (rows, columns, 3), of 8 bits, before geometry and without overlays."""
    samples = _samples(decoded, dataset)
    photometric = decoded.image.photometric_interpretation
    if decoded.image.samples_per_pixel == 3:
        return _true_colour(samples, decoded.image.bits_stored, photometric)
    if photometric == "PALETTE COLOR":
        return _palette_colour(dataset, samples)
    grey = _grey(dataset, frame_number, samples, decoded.image)
    if dataset.get("PixelPresentation") in ("COLOR", "MIXED"):
        coloured = samples >= _signed_if(dataset.RedPaletteColorLookupTableDescriptor[1], dataset)
        return np.where(coloured[..., None], _palette_colour(dataset, samples), grey[..., None])
    return grey


def _samples(decoded: DecodedFrame, dataset: Dataset) -> Array:
    image = decoded.image
    shape = (image.rows, image.columns, image.samples_per_pixel)
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        return np.frombuffer(decoded.pixels, f"<f{image.bits_allocated // 8}").reshape(shape[:2]).astype(float)
    values = np.frombuffer(decoded.pixels, f"<u{image.bits_allocated // 8}").astype(np.int64)
    values = values % 2**image.bits_stored
    if image.pixel_representation:
        values = np.where(values >= 2 ** (image.bits_stored - 1), values - 2**image.bits_stored, values)
    return values.reshape(shape[:2] if image.samples_per_pixel == 1 else shape)


def _true_colour(samples: Array, bits_stored: int, photometric: str) -> Array:
    levels = samples * 255 / (2**bits_stored - 1)
    if photometric.startswith("YBR_FULL"):
        y, cb, cr = levels[..., 0], levels[..., 1] - 128, levels[..., 2] - 128
        levels = np.stack(
            [y + 1.402 * cr, y - 0.114 * 1.772 / 0.587 * cb - 0.299 * 1.402 / 0.587 * cr, y + 1.772 * cb], axis=-1
        )
    return np.rint(np.clip(levels, 0, 255))


def _palette_colour(dataset: Dataset, samples: Array) -> Array:
    channels = []
    for colour in ("Red", "Green", "Blue"):
        count, first, _ = getattr(dataset, f"{colour}PaletteColorLookupTableDescriptor")
        segmented = f"Segmented{colour}PaletteColorLookupTableData" in dataset
        prefix = "Segmented" if segmented else ""
        data = dataset[f"{prefix}{colour}PaletteColorLookupTableData"].value
        words = np.frombuffer(data, "<u2" if dataset.original_encoding[1] is not False else ">u2").tolist()
        table = np.array(_expanded(words) if segmented else words)[: count or 65536]
        channels.append(table[np.clip(samples - _signed_if(first, dataset), 0, len(table) - 1)])
    colours = np.stack(channels, axis=-1)
    return np.rint(colours * (255 / 65535 if colours.max() > 255 else 1))


def _expanded(words: list[int]) -> list[int]:
    """C.7.9.2 of 16 bits, without indirect segments."""
    values: list[int] = []
    rest = iter(words)
    for opcode in rest:
        length = next(rest, None)
        if length is None:  # a word of padding
            break
        assert opcode in (0, 1)
        if opcode == 0:
            values += islice(rest, length)
        else:
            values += np.rint(np.linspace(values[-1], next(rest), length + 1))[1:].tolist()
    return values


def _grey(dataset: Dataset, frame_number: int, stored: Array, image: ImagePixel) -> Array:
    values, rescale_type = _modality(dataset, frame_number, stored)
    padded = _padded(dataset, stored)
    shown = _of_interest(dataset, frame_number, values, image)
    if shown is None:
        shown = _default(dataset, stored, values, padded, image, rescale_type)
    shape = dataset.get("PresentationLUTShape")
    if shape == "INVERSE" or (shape != "IDENTITY" and image.photometric_interpretation == "MONOCHROME1"):
        shown = 1 - shown
    return np.where(padded, 0, np.rint(np.clip(shown, 0, 1) * 255))


def _modality(dataset: Dataset, frame_number: int, stored: Array) -> tuple[Array, str | None]:
    if dataset.get("ModalityLUTSequence"):
        entries, first, _ = _lut(dataset.ModalityLUTSequence[0], signed=bool(dataset.PixelRepresentation))
        return entries[np.clip(stored - first, 0, len(entries) - 1)], None
    holder = _macro(dataset, frame_number, "PixelValueTransformationSequence", "RescaleSlope")
    if "RescaleSlope" not in holder:
        return stored, None
    values = stored * float(holder.RescaleSlope) + float(holder.RescaleIntercept)
    return values, holder.get("RescaleType", "")


def _padded(dataset: Dataset, stored: Array) -> Array:
    for value, limit in (
        ("PixelPaddingValue", "PixelPaddingRangeLimit"),
        ("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit"),
        ("DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit"),
    ):
        if value in dataset:
            ends = sorted((dataset[value].value, dataset.get(limit, dataset[value].value)))
            return (stored >= ends[0]) & (stored <= ends[1])
    return np.zeros(stored.shape, bool)


def _of_interest(dataset: Dataset, frame_number: int, values: Array, image: ImagePixel) -> Array | None:
    """Window or VOI LUT, 0 to 1; None when the data set has neither."""
    holder = _macro(dataset, frame_number, "FrameVOILUTSequence", "WindowCenter", "VOILUTSequence")
    if "WindowCenter" in holder:
        center, width = (np.atleast_1d(holder[name].value)[0] for name in ("WindowCenter", "WindowWidth"))
        return window(values, float(center), float(width), holder.get("VOILUTFunction", "LINEAR"))
    if holder.get("VOILUTSequence"):
        negative = values.min() < 0
        entries, first, bits = _lut(holder.VOILUTSequence[0], signed=bool(negative))
        return entries[np.clip(np.rint(values).astype(int) - first, 0, len(entries) - 1)] / (2**bits - 1)
    return None


def window(values: Array, center: float, width: float, function: str) -> Array:
    """C.11.2.1.2.1, C.11.2.1.3.2 and C.11.2.1.3.1, case by case."""
    if function == "SIGMOID":
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-4 * (values - center) / width))
    if function == "LINEAR_EXACT":
        below, above = values <= center - width / 2, values > center + width / 2
        between = (values - center) / width + 0.5
    else:
        below, above = values <= center - 0.5 - (width - 1) / 2, values > center - 0.5 + (width - 1) / 2
        between = (values - (center - 0.5)) / max(width - 1, 1e-9) + 0.5
    return np.where(below, 0, np.where(above, 1, between))


def _default(
    dataset: Dataset, stored: Array, values: Array, padded: Array, image: ImagePixel, rescale_type: str | None
) -> Array:
    """docs/rendering.md, "Which window"."""
    if dataset.get("MaximumFractionalValue"):
        return values / dataset.MaximumFractionalValue
    if image.bits_stored <= 8 and (values == stored).all() and "FloatPixelData" not in dataset:
        low = -(2 ** (image.bits_stored - 1)) if image.pixel_representation else 0
        return (values - low) / (2**image.bits_stored - 1)
    if dataset.get("Modality") == "CT" and rescale_type in ("HU", ""):
        return window(values, 40, 400, "LINEAR")
    left_out = padded.copy()
    if dataset.get("PixelPresentation") in ("COLOR", "MIXED"):
        left_out |= stored >= _signed_if(dataset.RedPaletteColorLookupTableDescriptor[1], dataset)
    counted = np.sort(values[~left_out].ravel())
    if not counted.size:
        return np.where(values > 0, 1, 0)
    low, high = (counted[ceil(counted.size * percent / 100) - 1] for percent in (1, 99))
    if low == high:
        low, high = counted[0], counted[-1]
    return (values - low) / (high - low) if high > low else (values > low).astype(float)


def _lut(item: Dataset, *, signed: bool) -> tuple[Array, int, int]:
    count, first, bits = item.LUTDescriptor
    data = item.LUTData
    entries = np.frombuffer(data, "<u2") if isinstance(data, bytes) else np.array(data) & 0xFFFF
    if entries.size < (count or 65536):
        entries = np.frombuffer(entries.astype("<u2").tobytes(), "u1")
    if signed and first > 32767:
        first -= 65536
    return entries[: count or 65536].astype(float), first, bits


def _macro(dataset: Dataset, frame_number: int, sequence: str, *attributes: str) -> Dataset:
    """The functional group's item for the frame, else the shared one, else the data set."""
    groups = [*dataset.get("PerFrameFunctionalGroupsSequence", [])[frame_number - 1 : frame_number]]
    groups += [*dataset.get("SharedFunctionalGroupsSequence", [])][:1]
    for group in groups:
        if group.get(sequence):
            item: Dataset = group[sequence][0]
            return item if any(attribute in item for attribute in attributes) else dataset
    return dataset


def _signed_if(first: int, dataset: Dataset) -> int:
    return first - 65536 if dataset.PixelRepresentation and first > 32767 else first
