"""Scheduled steps of a modality worklist (PS3.4 annex K), and the studies that they announce. Pure decisions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from radgate_server.core.dicom.data_sets import DicomJson, TagPath, first_date, first_value
from radgate_server.core.dicom.identifiers import parse_uid
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.prefetch.expected import ExpectedStudy

STEPS = "00400100"  # Scheduled Procedure Step Sequence
START_DATE, MODALITY, STEP_DESCRIPTION = "00400002", "00080060", "00400007"
PATIENT_ID, ACCESSION_NUMBER, STUDY_UID = "00100020", "00080050", "0020000D"
REQUESTED_PROCEDURE_ID, REQUESTED_PROCEDURE_DESCRIPTION = "00401001", "00321060"
RETURN_KEYS: Sequence[TagPath] = (
    (PATIENT_ID,),
    (ACCESSION_NUMBER,),
    (STUDY_UID,),
    (REQUESTED_PROCEDURE_ID,),
    (REQUESTED_PROCEDURE_DESCRIPTION,),
    (STEPS, MODALITY),
    (STEPS, STEP_DESCRIPTION),
)
"""What is asked of a step beside its date (PS3.4 table K.6-1); no name of the patient is."""
_MAX_ID = 64  # of a value of LO (PS3.5 section 6.2)
_WILDCARDS = frozenset("*?\\")


@dataclass(frozen=True, slots=True)
class WorklistAnswer:
    """Steps that match. `truncated`: there are more. `malformed` counts those that could not be read."""

    steps: tuple[DicomJson, ...]
    truncated: bool = False
    malformed: int = 0


class Worklist(Protocol):
    """A server of a modality worklist."""

    async def find_steps(self, first: date, last: date, *, max_results: int) -> WorklistAnswer:
        """Steps that are scheduled to start on these days, both included.

        Raises:
            PacsError: it does not answer, or not as it should.
        """
        ...


def expected_studies(steps: Iterable[DicomJson], first: date, last: date) -> tuple[Sequence[ExpectedStudy], int]:
    """The studies that the steps announce, and how many steps were left out.

    Left out is what does not say one patient, and what was not asked for: a step of another day. The steps of one
    requested procedure are one study.
    """
    studies: dict[str, ExpectedStudy] = {}
    left_out = 0
    for step in steps:
        study = _study(step)
        if study is None or study.study_date is None or not first <= study.study_date <= last:
            left_out += 1
            continue
        before = studies.get(study.identity)
        if before is None:
            studies[study.identity] = study
        elif before.patient_id == study.patient_id:
            studies[study.identity] = replace(before, modalities=before.modalities | study.modalities)
        else:
            left_out += 1
    return tuple(studies.values()), left_out


def _study(match: DicomJson) -> ExpectedStudy | None:
    patient_id = first_value(match, PATIENT_ID)
    if not patient_id or len(patient_id) > _MAX_ID or not _WILDCARDS.isdisjoint(patient_id):
        return None
    step = _step(match)
    modality = first_value(step, MODALITY)
    uid = _uid(first_value(match, STUDY_UID))
    return ExpectedStudy(
        patient_id,
        first_value(match, ACCESSION_NUMBER) or uid or first_value(match, REQUESTED_PROCEDURE_ID),
        first_date(step, START_DATE),
        frozenset({modality} if modality else ()),
        description=first_value(match, REQUESTED_PROCEDURE_DESCRIPTION) or first_value(step, STEP_DESCRIPTION),
        study_instance_uid=uid,
    )


def _step(match: DicomJson) -> DicomJson:
    items = match.get(STEPS, {}).get("Value")
    return items[0] if items and isinstance(items[0], dict) else {}


def _uid(text: str) -> str:
    try:
        return parse_uid(text, "study_instance_uid") if text else ""
    except InvalidArgumentError:
        return ""
