"""Key Object Selection Documents that reject instances (IHE RAD TF 4.66.4)."""

from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from radgate_server.core.access.rejection_notes import KEY_OBJECT_SELECTION
from tests.fakes.instances import make_instance

QUALITY, PATIENT_SAFETY, WORKLIST, RETENTION = "113001", "113037", "113038", "113039"
OF_INTEREST = "113000"


def item(**values: Any) -> Dataset:
    """An item of a sequence, of attributes by keyword."""
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def make_note(
    study: str, rejected: Sequence[str], *, title: str = PATIENT_SAFETY, of_study: str = "", number: int = 1
) -> bytes:
    """A note in series "{study}.99" that rejects the instances "{series}.{number}" of `of_study` (its own)."""
    by_series: dict[str, list[Dataset]] = {}
    for uid in rejected:
        reference = item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=uid)
        by_series.setdefault(uid.rpartition(".")[0], []).append(reference)
    series = [item(SeriesInstanceUID=uid, ReferencedSOPSequence=Items(refs)) for uid, refs in by_series.items()]
    evidence = item(StudyInstanceUID=of_study or study, ReferencedSeriesSequence=Items(series))
    return make_instance(
        study,
        f"{study}.99",
        f"{study}.99.{number}",
        number=number,
        SOPClassUID=KEY_OBJECT_SELECTION,
        Modality="KO",
        SeriesNumber=99,
        ValueType="CONTAINER",
        ConceptNameCodeSequence=Items([item(CodeValue=title, CodingSchemeDesignator="DCM", CodeMeaning="Title")]),
        CurrentRequestedProcedureEvidenceSequence=Items([evidence] if rejected else []),
        **dict.fromkeys(("PixelData", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation")),
        **dict.fromkeys(("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "ImageType")),
    )
