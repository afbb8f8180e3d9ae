"""What the clients of the drill read: studies of which every byte is known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pydicom

from tests.fakes.instances import encode, make_dataset

ROWS = 256


@dataclass(frozen=True)
class Instance:
    """One instance as it lies in the PACS, and the bytes of its one frame."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    file: bytes
    frame: bytes

    @property
    def path(self) -> str:
        """Where DICOMweb serves it."""
        return (
            f"/dicom-web/studies/{self.study_instance_uid}/series/{self.series_instance_uid}"
            f"/instances/{self.sop_instance_uid}"
        )


@dataclass(frozen=True)
class Study:
    """A study of one series."""

    study_instance_uid: str
    instances: Sequence[Instance]

    @property
    def frames(self) -> dict[str, bytes]:
        """The frames by SOP Instance UID."""
        return {instance.sop_instance_uid: instance.frame for instance in self.instances}


def make_studies(count: int, instances: int) -> Sequence[Study]:
    """So many studies of 16-bit noise, with 128 KiB an instance, no two alike."""
    random = np.random.default_rng(14)
    return [_study(f"2.25.1400{number}", instances, random) for number in range(1, count + 1)]


def pixel_data(file: bytes) -> bytes:
    """Pixel Data of a DICOM file as it came."""
    found: bytes = pydicom.dcmread(BytesIO(file)).PixelData
    return found


def _study(uid: str, instances: int, random: np.random.Generator) -> Study:
    return Study(uid, list(_instances(uid, instances, random)))


def _instances(study: str, count: int, random: np.random.Generator) -> Iterator[Instance]:
    series = f"{study}.1"
    for number in range(1, count + 1):
        frame = random.integers(0, 4096, ROWS * ROWS).astype("<u2").tobytes()
        uid = f"{series}.{number}"
        dataset = make_dataset(study, series, uid, rows=ROWS, columns=ROWS, number=number, PixelData=frame)
        yield Instance(study, series, uid, encode(dataset), frame)
