"""Whose study it is, as searches of late told: for the audit trail, which must not ask a PACS for it."""

from collections.abc import Iterable

from radgate_server.core.query import DicomJson, first_value
from radgate_server.services.recent import RecentMap

MAX_STUDIES = 100_000

PATIENT_ID = "00100020"
_STUDY_INSTANCE_UID = "0020000D"


class KnownPatients:
    """Patient IDs (0010,0020) by tenant and study, in memory; those used last are kept."""

    def __init__(self, max_studies: int = MAX_STUDIES) -> None:
        self._known: RecentMap[tuple[str, str], str] = RecentMap(max_studies)

    def learn(self, tenant_id: str, matches: Iterable[DicomJson]) -> None:
        """Remember what a search told."""
        for attributes in matches:
            study, patient = first_value(attributes, _STUDY_INSTANCE_UID), first_value(attributes, PATIENT_ID)
            if study and patient:
                self._known.put((tenant_id, study), patient)

    def of_study(self, tenant_id: str, study_instance_uid: str) -> str:
        """The study's Patient ID, "" when it is not known."""
        return self._known.get((tenant_id, study_instance_uid)) or ""
