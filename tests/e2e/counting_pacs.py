"""A DIMSE archive that counts what it sends."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom.events import Event

from tests.fakes.instances import make_dataset
from tests.integration.lying_pacs import LyingPacs, encoded

STUDY = "2.25.880590"
SLICES = 30


def slices(study: str = STUDY) -> list[Dataset]:
    """A study: two series of CT slices, each different."""
    return [
        make_dataset(study, f"{study}.{n % 2}", f"{study}.{n % 2}.{n}", number=n, rows=64, columns=64, PatientID="ONE")
        for n in range(1, SLICES + 1)
    ]


@dataclass
class CountingPacs(LyingPacs):
    """Start with `with CountingPacs() as pacs:`. `gets` counts C-GET sub-operations; each takes `pause_s`."""

    lie: str = "honest"
    held: list[Dataset] = field(default_factory=slices)
    gets: Counter[str] = field(default_factory=Counter)
    pause_s: float = 0.02

    def sent(self, dataset: Dataset) -> bytes:
        """What it holds."""
        return encoded(dataset)

    def _get(self, event: Event) -> Iterator[Any]:
        found = self._asked(event.identifier)
        yield len(found)
        for dataset in found:
            time.sleep(self.pause_s)
            self.gets[str(dataset.SOPInstanceUID)] += 1
            yield 0xFF00, self._lying(dataset)
