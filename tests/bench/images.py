"""What is measured on: CT studies of 120 slices each, and one that is larger than the memory it may take."""

from collections.abc import Iterator

import numpy as np

from tests.bench.ct import CT_ATTRIBUTES, ct_pixels
from tests.fakes.instances import make_instance

CT_STUDIES = ("2.25.770001", "2.25.770011", "2.25.770021")
CT_STUDY = CT_STUDIES[0]
CT_SERIES = (f"{CT_STUDY}.1", f"{CT_STUDY}.2")
SLICES_PER_SERIES = 60
BIG_STUDY = "2.25.770002"


def ct_instances() -> Iterator[bytes]:
    """Three studies of 120 slices of 512 x 512 x 16 bit each, in two series of 60."""
    for study in CT_STUDIES:
        yield from _ct_study(study)


def worklist_instances(studies: int) -> Iterator[bytes]:
    """As many more of the same as make `studies` of them together."""
    for number in range(len(CT_STUDIES), studies):
        yield from _ct_study(f"2.25.7701{number:02}1")


def _ct_study(study: str) -> Iterator[bytes]:
    for series in (f"{study}.1", f"{study}.2"):
        for number in range(1, SLICES_PER_SERIES + 1):
            yield make_instance(
                study,
                series,
                f"{series}.{number}",
                rows=512,
                columns=512,
                number=number,
                SeriesNumber=int(series.rsplit(".", 1)[1]),
                PixelData=ct_pixels(number),
                PixelSpacing=[0.7, 0.7],
                ImagePositionPatient=[0, 0, number],
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                SliceThickness=1,
                **CT_ATTRIBUTES,
            )


def big_instances(total_mib: int) -> Iterator[bytes]:
    """Slices of 8 MiB each that make up `total_mib` MiB."""
    block = np.random.default_rng(8).integers(0, 4096, 2048 * 2048, dtype=np.uint16)
    for number in range(1, total_mib // 8 + 1):
        yield make_instance(
            BIG_STUDY,
            f"{BIG_STUDY}.1",
            f"{BIG_STUDY}.1.{number}",
            rows=2048,
            columns=2048,
            number=number,
            PixelData=np.roll(block, number).astype("<u2").tobytes(),
        )
