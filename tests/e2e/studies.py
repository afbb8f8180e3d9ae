"""What the archive of the end-to-end tests holds: real studies as they are, and some made for a purpose."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import data_store
import numpy as np
import pydicom
import pydicom.data
from pydicom.dataset import Dataset

from radgate_server.core.dicom.identifiers import InstanceRef
from tests.fakes.instances import encode, make_dataset
from tests.fakes.mammogram import mammogram
from tests.integration.orthanc import OrthancServer

EAST, WEST = "east", "west"
WEST_FILE = "rtdose.dcm"
"""All that the archive of tenant "west" holds; the rest of this is tenant "east"'s."""

_FOLDERS = (Path(pydicom.data.__file__).parent / "test_files", Path(data_store.__file__).parent / "data")

HEAD_CT = "693_UNCR.dcm"
REAL_FILES = (
    HEAD_CT,
    "CT_small.dcm",
    "MR_small.dcm",
    "MR-SIEMENS-DICOM-WithOverlays.dcm",
    "examples_overlay.dcm",
    "emri_small.dcm",
    "eCT_Supplemental.dcm",
    "explicit_VR-UN.dcm",
    "color3d_jpeg_baseline.dcm",
    "JPGLosslessP14SV1_1s_1f_8b.dcm",
    "vlut_04.dcm",
)

SYNTAXES_STUDY = "2.25.880001"
SYNTAXES = {
    "explicit": "MR_small.dcm",
    "implicit": "MR_small_implicit.dcm",
    "rle": "MR_small_RLE.dcm",
    "jpeg 2000": "MR_small_jp2klossless.dcm",
    "jpeg-ls": "MR_small_jpeg_ls_lossless.dcm",
    "jpeg": "SC_rgb_jpeg_lossy_gdcm.dcm",
    "jpeg lossless": "SC_rgb_jpeg_gdcm.dcm",
    "multi-frame rle": "emri_small_RLE.dcm",
}
"""Files of the study that is stored in many transfer syntaxes, each under a UID of its own."""

GREY_STUDY = "2.25.880002"
GREY_SERIES = f"{GREY_STUDY}.1"
GREY_SLICES = 3
GREY_VALUES = (-70, 0, 120, 50)
"""Hounsfield units of the first slice's quadrants, clockwise from the upper left; each slice turns them by one."""
GREY_WINDOW = (20, 240)

BULKY_STUDY = "2.25.880003"
BULKY_INSTANCES = 60

RADIOGRAPH = "RG3_UNCR.dcm"
LARGE_STUDY = "2.25.880004"
LARGE_CT = "2.25.880005"
LARGE_SERIES = (f"{LARGE_CT}.1", f"{LARGE_CT}.2")
LARGE_SLICES = 24


@dataclass(frozen=True)
class Original:
    """One instance as it was put into the archive."""

    dataset: Dataset

    @property
    def ref(self) -> InstanceRef:
        """Its UIDs."""
        dataset = self.dataset
        return InstanceRef(dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)

    @property
    def transfer_syntax_uid(self) -> str:
        """As stored."""
        return str(self.dataset.file_meta.TransferSyntaxUID)


def path_of(name: str) -> Path:
    """A file that is installed with pydicom or pydicom-data."""
    return next(path for folder in _FOLDERS for path in folder.rglob(name))


def real(name: str) -> Original:
    """An instance of pydicom's, as it is."""
    return Original(pydicom.dcmread(path_of(name)))


def of_syntax(name: str) -> Original:
    """The instance of SYNTAXES_STUDY with this name in SYNTAXES."""
    dataset = pydicom.dcmread(path_of(SYNTAXES[name]))
    number = list(SYNTAXES).index(name) + 1
    dataset.StudyInstanceUID = SYNTAXES_STUDY
    dataset.SeriesInstanceUID = f"{SYNTAXES_STUDY}.{number}"
    dataset.SOPInstanceUID = f"{SYNTAXES_STUDY}.{number}.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.PatientName, dataset.PatientID, dataset.StudyID = "Syntaxes^Sylvia", "E2E-1", "SY"
    return Original(dataset)


def grey_quadrants(number: int) -> list[int]:
    """Hounsfield units of a slice's quadrants, clockwise from the upper left; slices are counted from 1."""
    return np.roll(GREY_VALUES, number - 1).tolist()


def grey_slices() -> Iterator[Original]:
    """A CT of which every pixel is known: four quadrants, on a black rim as wide as an eighth of the image."""
    side = 128
    for number in range(1, GREY_SLICES + 1):
        upper_left, upper_right, lower_right, lower_left = grey_quadrants(number)
        hounsfield = np.full((side, side), -1000)
        quadrants = np.array([[upper_left, upper_right], [lower_left, lower_right]])
        hounsfield[16:-16, 16:-16] = np.kron(quadrants, np.ones((48, 48), int))
        yield Original(
            make_dataset(
                GREY_STUDY,
                GREY_SERIES,
                f"{GREY_SERIES}.{number}",
                rows=side,
                columns=side,
                number=number,
                PixelData=(hounsfield + 1024).astype("<u2").tobytes(),
                PatientName="Quadrant^Quentin",
                PatientID="E2E-2",
                AccessionNumber="E2E-ACC",
                FrameOfReferenceUID=f"{GREY_STUDY}.9",
                PixelSpacing=[1, 1],
                SliceThickness=2,
                ImagePositionPatient=[0, 0, 2 * number],
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                RescaleIntercept=-1024,
                RescaleSlope=1,
                RescaleType="HU",
                WindowCenter=GREY_WINDOW[0],
                WindowWidth=GREY_WINDOW[1],
            )
        )


def bulky_instances() -> Iterator[Original]:
    """A study of 30 MB, more than fits in the sockets between the archive and a reader that stands still."""
    noise = np.random.default_rng(1).integers(0, 4096, 512 * 512).astype("<u2")
    for number in range(1, BULKY_INSTANCES + 1):
        yield Original(
            make_dataset(
                BULKY_STUDY,
                f"{BULKY_STUDY}.1",
                f"{BULKY_STUDY}.1.{number}",
                rows=512,
                columns=512,
                number=number,
                PixelData=np.roll(noise, number).tobytes(),
                PatientName="Bulky^Bertha",
                PatientID="E2E-3",
            )
        )


def large_mammogram() -> Original:
    """27 MB in one frame."""
    return Original(mammogram(path_of(RADIOGRAPH).read_bytes(), LARGE_STUDY))


def large_slices(series: str) -> Iterator[Original]:
    """A series of a CT as noisy as they are."""
    random = np.random.default_rng(int(series[-1]))
    for number in range(1, LARGE_SLICES + 1):
        pixels = (random.normal(1000, 60, (512, 512)) + number).astype("<u2").tobytes()
        yield Original(
            make_dataset(
                LARGE_CT,
                series,
                f"{series}.{number}",
                rows=512,
                columns=512,
                number=number,
                SeriesNumber=int(series[-1]),
                PixelData=pixels,
            )
        )


def large_studies() -> Iterator[Original]:
    """What is looked at while it comes."""
    yield large_mammogram()
    for series in LARGE_SERIES:
        yield from large_slices(series)


def all_studies() -> list[Original]:
    """Everything but the bulky and the large ones."""
    return [*map(real, REAL_FILES), *map(of_syntax, SYNTAXES), *grey_slices()]


def store(orthanc: OrthancServer, originals: Iterable[Original]) -> None:
    """Put them into Orthanc."""
    for original in originals:
        orthanc.request("POST", "/instances", encode(original.dataset))
