"""Whose study it is and where it lies, as was told of late: for the audit trail, which must not ask a PACS for it."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from radgate_server.core.dicom.data_sets import first_value
from radgate_server.core.dicom.family_name import FamilyName, patients_family_name
from radgate_server.lib.lru_cache import LruCache
from radgate_server.services.query.merging import SourcedMatch

MAX_STUDIES = 100_000

PATIENT_ID = "00100020"
_STUDY_INSTANCE_UID = "0020000D"


class KnownStudy(NamedTuple):
    """Patient ID (0010,0020), the PACS that hold the study, by commas, and the patient's family name.

    Patient and name are None while nobody reported them.
    """

    patient_id: str | None = None
    pacs: str = ""
    family_name: FamilyName | None = None

    @property
    def is_patient_known(self) -> bool:
        """Whether nothing can be learned of the patient any more."""
        return self.patient_id is not None and self.family_name is not None

    def is_of_family(self, name: FamilyName) -> bool:
        """Whether the patient is known to have that family name."""
        return self.family_name is not None and self.family_name.is_shared_with(name)


_UNKNOWN = KnownStudy()


class KnownStudies:
    """What is known by tenant and study, in memory; those used last are kept."""

    def __init__(self, max_studies: int = MAX_STUDIES) -> None:
        self._known: LruCache[tuple[str, str], KnownStudy] = LruCache(max_studies)

    def learn(self, tenant_id: str, matches: Iterable[SourcedMatch]) -> None:
        """Remember what a search told."""
        by_study: defaultdict[str, list[SourcedMatch]] = defaultdict(list)
        for match in matches:
            if study := first_value(match.attributes, _STUDY_INSTANCE_UID):
                by_study[study].append(match)
        for study, found in by_study.items():
            reported = [match.attributes for match in found]
            patient_id = next((value for one in reported if (value := first_value(one, PATIENT_ID))), None)
            family_name = next((name for one in reported if (name := patients_family_name(one))), None)
            self._put(tenant_id, study, patient_id, family_name, (name for match in found for name in match.pacs))

    def learn_pacs(self, tenant_id: str, study_instance_uid: str, pacs: Iterable[str]) -> None:
        """Remember which PACS list instances of the study."""
        self._put(tenant_id, study_instance_uid, None, None, pacs)

    def learn_patient(self, tenant_id: str, study_instance_uid: str, patient_id: str, family_name: FamilyName) -> None:
        """Remember what one of its instances says; nothing is news too, for then it need not be read again."""
        self._put(tenant_id, study_instance_uid, patient_id, family_name, ())

    def of_study(self, tenant_id: str, study_instance_uid: str) -> KnownStudy:
        """What is known of the study."""
        return self._known.get((tenant_id, study_instance_uid)) or _UNKNOWN

    def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Drop what is known of the study, or of all of the tenant."""
        if study_instance_uid is None:
            self._known.drop_where(lambda place: place[0] == tenant_id)
        else:
            self._known.drop((tenant_id, study_instance_uid))

    def _put(
        self,
        tenant_id: str,
        study_instance_uid: str,
        patient_id: str | None,
        family_name: FamilyName | None,
        pacs: Iterable[str],
    ) -> None:
        known = self.of_study(tenant_id, study_instance_uid)
        study = KnownStudy(
            _newer(patient_id, known.patient_id),
            ",".join(dict.fromkeys([*filter(None, known.pacs.split(",")), *pacs])),
            _newer(family_name, known.family_name),
        )
        self._known.put((tenant_id, study_instance_uid), study)


def _newer[T](reported: T | None, known: T | None) -> T | None:
    """What is told, unless that is nothing and something is known."""
    return reported if reported or known is None else known
