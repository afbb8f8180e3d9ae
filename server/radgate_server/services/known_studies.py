"""Whose study it is and where it lies, as was told of late: for the audit trail, which must not ask a PACS for it."""

from collections.abc import Iterable
from typing import NamedTuple

from radgate_server.core.query import first_value
from radgate_server.services.merging import SourcedMatch
from radgate_server.services.recent import RecentMap

MAX_STUDIES = 100_000

PATIENT_ID = "00100020"
_STUDY_INSTANCE_UID = "0020000D"


class KnownStudy(NamedTuple):
    """Patient ID (0010,0020), None while nobody told it, and the PACS that hold the study, by commas."""

    patient_id: str | None = None
    pacs: str = ""


_UNKNOWN = KnownStudy()


class KnownStudies:
    """What is known by tenant and study, in memory; those used last are kept."""

    def __init__(self, max_studies: int = MAX_STUDIES) -> None:
        self._known: RecentMap[tuple[str, str], KnownStudy] = RecentMap(max_studies)

    def learn(self, tenant_id: str, matches: Iterable[SourcedMatch]) -> None:
        """Remember what a search told."""
        found: dict[str, tuple[str | None, dict[str, None]]] = {}
        for match in matches:
            if study := first_value(match.attributes, _STUDY_INSTANCE_UID):
                patient_id, pacs = found.get(study, (None, {}))
                found[study] = (patient_id or first_value(match.attributes, PATIENT_ID) or None, pacs)
                pacs.update(dict.fromkeys(match.pacs))
        for study, (patient_id, pacs) in found.items():
            self._put(tenant_id, study, patient_id, pacs)

    def learn_pacs(self, tenant_id: str, study_instance_uid: str, pacs: Iterable[str]) -> None:
        """Remember which PACS list instances of the study."""
        self._put(tenant_id, study_instance_uid, None, pacs)

    def learn_patient(self, tenant_id: str, study_instance_uid: str, patient_id: str) -> None:
        """Remember what one of its instances says; "" is news too, for then it need not be read again."""
        self._put(tenant_id, study_instance_uid, patient_id, ())

    def of_study(self, tenant_id: str, study_instance_uid: str) -> KnownStudy:
        """What is known of the study."""
        return self._known.get((tenant_id, study_instance_uid)) or _UNKNOWN

    def forget(self, tenant_id: str, study_instance_uid: str) -> None:
        """Know nothing of the study any more."""
        self._known.drop((tenant_id, study_instance_uid))

    def _put(self, tenant_id: str, study_instance_uid: str, patient_id: str | None, pacs: Iterable[str]) -> None:
        known = self.of_study(tenant_id, study_instance_uid)
        names = dict.fromkeys([*filter(None, known.pacs.split(",")), *pacs])
        study = KnownStudy(known.patient_id if patient_id is None else patient_id, ",".join(names))
        self._known.put((tenant_id, study_instance_uid), study)
