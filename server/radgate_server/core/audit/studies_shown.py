"""Which studies and patients the page of a search named, as the audit trail records it: pure.

Such a record holds up to STUDIES_PER_RECORD studies: their UIDs, and at the same places their patients' IDs, each
joined by the backslash that separates values in DICOM (PS3.5 section 6.2), which neither may hold.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

SEPARATOR = "\\"

STUDIES_PER_RECORD = 100
"""Some 10 KB; a page that names more has several records."""

_DIGEST_LENGTH = 16
_BLANK = str.maketrans(dict.fromkeys("\\\t\n\r\0", " "))

type Pair = tuple[str, str]
"""Study Instance UID, Patient ID; "" for what the answer did not say."""


class ListPart(NamedTuple):
    """What one record says: `studies` and `patients` are joined by SEPARATOR; `detail` says which part it is."""

    studies: str
    patients: str
    detail: str


class ShownList(NamedTuple):
    """The studies that a page named. `digest` is the same for the same list, and "" for an empty one."""

    digest: str
    encoded: bytes

    @property
    def pairs(self) -> Sequence[Pair]:
        """Studies and patients, in the order of the page."""
        lines = self.encoded.decode().split("\n") if self.digest else ()
        return [(study, patient) for study, _, patient in (line.partition("\t") for line in lines)]

    def to_bytes(self) -> bytes:
        """For keeping beside the answer."""
        return self.digest.encode() + self.encoded


NOTHING_SHOWN = ShownList("", b"")


def list_of_pairs(found: Mapping[str, str]) -> ShownList:
    """The list of these studies, each with its patient. What separates values here is a blank in theirs."""
    pairs = {study.translate(_BLANK): patient.translate(_BLANK) for study, patient in found.items()}
    if not pairs:
        return NOTHING_SHOWN
    encoded = "\n".join(f"{study}\t{patient}" for study, patient in pairs.items()).encode("utf-8", "replace")
    return ShownList(sha256(encoded).hexdigest()[:_DIGEST_LENGTH], encoded)


def from_bytes(encoded: bytes) -> ShownList:
    """Read what `to_bytes` wrote."""
    return ShownList(encoded[:_DIGEST_LENGTH].decode(), encoded[_DIGEST_LENGTH:])


def parts_of(digest: str, pairs: Sequence[Pair]) -> Iterator[ListPart]:
    """The records of a list."""
    total = len(pairs)
    for start in range(0, total, STUDIES_PER_RECORD):
        some = pairs[start : start + STUDIES_PER_RECORD]
        words = f"list {digest}: studies {start + 1} to {start + len(some)} of {total}"
        yield ListPart(SEPARATOR.join(study for study, _ in some), SEPARATOR.join(pair[1] for pair in some), words)


def pairs_in(studies: str, patients: str) -> Sequence[Pair]:
    """Studies and patients of a record. Of one study, or with one patient, each goes with all of the other."""
    study_list, patient_list = studies.split(SEPARATOR), patients.split(SEPARATOR)
    length = max(len(study_list), len(patient_list))
    if len(study_list) == 1:
        study_list *= length
    if len(patient_list) == 1:
        patient_list *= length
    return list(zip(study_list, patient_list, strict=False))
