"""Rejection notes of IHE's Imaging Object Change Management (RAD-66): what each kind hides, what one rejects."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from radgate_server.core.dicom.data_sets import DicomJson, first_value

KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
"""Key Object Selection Document Storage (PS3.4 B.5)."""

NOTE_MODALITY = "KO"
"""Modality (0008,0060) of series of such documents (PS3.3 C.17.6.1)."""

NOTE_IS_HIDDEN = {
    "113001": False,  # Rejected for Quality Reasons
    "113037": True,  # Rejected for Patient Safety Reasons
    "113038": True,  # Incorrect Modality Worklist Entry
    "113039": True,  # Data Retention Policy Expired
}
"""By the document title's code of DCM (PS3.16 CID 7011). What a note rejects is hidden; this says whether it is too."""

_DCM = "DCM"
_SOP_CLASS_UID, _SOP_INSTANCE_UID, _STUDY_INSTANCE_UID = "00080016", "00080018", "0020000D"
_CONCEPT_NAME, _CODE_VALUE, _CODING_SCHEME = "0040A043", "00080100", "00080102"
_EVIDENCE, _SERIES, _INSTANCES, _REFERENCED_UID = "0040A375", "00081115", "00081199", "00081155"


@dataclass(frozen=True, slots=True)
class Rejected:
    """What is not to be shown of a study: SOP Instance UIDs. `unread` says that there may be more."""

    sop_instance_uids: frozenset[str] = frozenset()
    unread: bool = False


def hidden_by(document: DicomJson) -> frozenset[str]:
    """The SOP Instance UIDs that a data set hides of its own study, none unless it is a rejection note.

    They are those of its Current Requested Procedure Evidence Sequence (PS3.3 C.17.6.2); what it names of other
    studies is none of its business.

    Raises:
        ValueError: it is a rejection note, and what it names can't be read.
    """
    title = first_value(_first_item(document, _CONCEPT_NAME), _CODE_VALUE)
    scheme = first_value(_first_item(document, _CONCEPT_NAME), _CODING_SCHEME)
    if first_value(document, _SOP_CLASS_UID) != KEY_OBJECT_SELECTION or scheme != _DCM or title not in NOTE_IS_HIDDEN:
        return frozenset()
    study = first_value(document, _STUDY_INSTANCE_UID)
    named = [
        first_value(instance, _REFERENCED_UID)
        for of_study in _items(document, _EVIDENCE)
        if first_value(of_study, _STUDY_INSTANCE_UID) == study
        for of_series in _items(of_study, _SERIES)
        for instance in _items(of_series, _INSTANCES)
    ]
    if not all(named) or not document.get(_EVIDENCE, {}).get("Value"):
        raise ValueError("a rejection note does not say what it rejects")
    note = [first_value(document, _SOP_INSTANCE_UID)] if NOTE_IS_HIDDEN[title] else []
    return frozenset((*named, *note))


def _items(data_set: DicomJson, tag: str) -> Iterator[DicomJson]:
    values: list[Any] = data_set.get(tag, {}).get("Value") or []
    return (item for item in values if isinstance(item, dict))


def _first_item(data_set: DicomJson, tag: str) -> DicomJson:
    return next(_items(data_set, tag), {})
