"""A stained slide, drawn: a pyramid of VL Whole Slide Microscopy images (PS3.3 A.32.8), TILED_FULL, with JPEG tiles."""

from functools import cache
from typing import Any

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from radgate_server.core.dicom.transfer_syntaxes import JPEG_BASELINE
from tests.fakes.instances import make_dataset

WHOLE_SLIDE_MICROSCOPY = "1.2.840.10008.5.1.4.1.1.77.1.6"
STUDY = "2.25.880200"
SERIES = f"{STUDY}.1"
TILE, ROWS, COLUMNS = 256, 768, 1024
LEVELS = 3
"""Each with half the rows and columns of the one below."""

_SPACING_MM = 0.0005
_GLASS, _TISSUE, _NUCLEUS = (244, 240, 244), (226, 150, 190), (92, 48, 130)

type Picture = np.ndarray[Any, Any]


@cache
def picture(level: int = 0) -> Picture:
    """RGB of a level: tissue in the left two thirds of the slide, with nuclei in it; a green mark at its upper left."""
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    rgb = np.full((ROWS, COLUMNS, 3), _GLASS, np.uint8)
    tissue = ((columns - 400) / 330) ** 2 + ((rows - 384) / 320) ** 2 < 1
    rgb[tissue] = _TISSUE
    nuclei = ((columns % 64 - 32) ** 2 + (rows % 64 - 32) ** 2 < 14**2) & tissue
    rgb[nuclei] = _NUCLEUS
    rgb[16:80, 16:80] = (40, 160, 60)
    step = 1 << level
    means = rgb.reshape(ROWS // step, step, COLUMNS // step, step, 3).mean(axis=(1, 3))
    return np.asarray(means.round().astype(np.uint8))


def slide() -> list[Dataset]:
    """Its instances, the largest level first."""
    return [_level(number) for number in range(LEVELS)]


def _level(level: int) -> Dataset:
    rgb = picture(level)
    rows, columns = rgb.shape[:2]
    frames = [_tile(rgb, row, column) for row in range(0, rows, TILE) for column in range(0, columns, TILE)]
    spacing = _SPACING_MM * (1 << level)
    return make_dataset(
        STUDY,
        SERIES,
        f"{SERIES}.{level + 1}",
        rows=TILE,
        columns=TILE,
        number=level + 1,
        transfer_syntax_uid=JPEG_BASELINE,
        SOPClassUID=WHOLE_SLIDE_MICROSCOPY,
        Modality="SM",
        ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "RESAMPLED" if level else "NONE"],
        StudyDescription="Histology",
        SeriesDescription="Slide",
        PatientName="Slide^Sally",
        PatientID="SLIDE",
        Manufacturer="Radgate",
        FrameOfReferenceUID=f"{STUDY}.2",
        PositionReferenceIndicator="SLIDE_CORNER",
        ContainerIdentifier="SLIDE-1",
        SpecimenDescriptionSequence=Sequence([_specimen()]),
        AcquisitionDateTime="20260102101112",
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        LossyImageCompression="01",
        LossyImageCompressionRatio=10,
        LossyImageCompressionMethod="ISO_10918_1",
        BurnedInAnnotation="NO",
        SpecimenLabelInImage="NO",
        VolumetricProperties="VOLUME",
        FocusMethod="AUTO",
        ExtendedDepthOfField="NO",
        DimensionOrganizationType="TILED_FULL",
        NumberOfFrames=len(frames),
        TotalPixelMatrixRows=rows,
        TotalPixelMatrixColumns=columns,
        TotalPixelMatrixFocalPlanes=1,
        NumberOfOpticalPaths=1,
        ImagedVolumeWidth=columns * spacing,
        ImagedVolumeHeight=rows * spacing,
        ImagedVolumeDepth=0.001,
        ImageOrientationSlide=[0, -1, 0, -1, 0, 0],
        TotalPixelMatrixOriginSequence=Sequence(
            [_item(XOffsetInSlideCoordinateSystem=20, YOffsetInSlideCoordinateSystem=40)]
        ),
        OpticalPathSequence=Sequence([_optical_path()]),
        SharedFunctionalGroupsSequence=Sequence([_shared(spacing, level)]),
        PixelData=encapsulate(frames),
    )


def _tile(rgb: Picture, row: int, column: int) -> bytes:
    """A tile, at the rims filled up with glass."""
    tile = np.full((TILE, TILE, 3), _GLASS, np.uint8)
    part = rgb[row : row + TILE, column : column + TILE]
    tile[: part.shape[0], : part.shape[1]] = part
    return bytes(imagecodecs.jpeg8_encode(tile, level=90, subsampling="422"))


def _shared(spacing: float, level: int) -> Dataset:
    measures = _item(PixelSpacing=[spacing, spacing], SliceThickness=0.001, SpacingBetweenSlices=0.001)
    kind = _item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "RESAMPLED" if level else "NONE"])
    optical_path = _item(OpticalPathIdentifier="1")
    return _item(
        PixelMeasuresSequence=Sequence([measures]),
        WholeSlideMicroscopyImageFrameTypeSequence=Sequence([kind]),
        OpticalPathIdentificationSequence=Sequence([optical_path]),
    )


def _optical_path() -> Dataset:
    return _item(
        OpticalPathIdentifier="1",
        IlluminationTypeCodeSequence=Sequence([_code("111744", "DCM", "Brightfield illumination")]),
        IlluminationColorCodeSequence=Sequence([_code("414298005", "SCT", "Full Spectrum")]),
    )


def _specimen() -> Dataset:
    return _item(SpecimenIdentifier="SPECIMEN-1", SpecimenUID=f"{STUDY}.3", SpecimenPreparationSequence=Sequence([]))


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _item(**attributes: object) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item
