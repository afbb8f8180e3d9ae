"""From the matches of a search to the list of what they name, for the audit trail: pure."""

from collections.abc import Iterable

from radgate_server.core.audit.studies_shown import ShownList, list_of_pairs
from radgate_server.core.dicom.data_sets import DicomJson, first_value

_STUDY_INSTANCE_UID, _PATIENT_ID = "0020000D", "00100020"


def list_of(matches: Iterable[DicomJson]) -> ShownList:
    """The list of a page with these matches, of whatever level; a study's patient is the first one that is named."""
    found: dict[str, str] = {}
    for match in matches:
        if study := first_value(match, _STUDY_INSTANCE_UID):
            found[study] = found.get(study) or first_value(match, _PATIENT_ID)
    return list_of_pairs(found)
