"""Whose study it is and where it lies, as reported recently: for the audit trail, which must not ask a PACS for it."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.family_name import FamilyName, patients_family_name
from radgate_server.lib.answer_cache import Load, Loads
from radgate_server.lib.lru_cache import LruCache
from radgate_server.services.query.merging import SourcedMatch

MAX_STUDIES = 100_000

PATIENT_ID = "00100020"
_MODALITY, _MODALITIES_IN_STUDY = "00080060", "00080061"
_CODE_STRING = re.compile(r"[A-Z0-9_]{1,16}")
_MAX_MODALITIES = 8
_STUDY_INSTANCE_UID = "0020000D"


class KnownStudy(NamedTuple):
    """Patient ID (0010,0020), the PACS that hold the study, by commas, and the patient's family name.

    Patient and name are None while nobody reported them. `modalities` are those reported, by backslashes, "" for none.
    """

    patient_id: str | None = None
    pacs: str = ""
    family_name: FamilyName | None = None
    modalities: str = ""

    @property
    def is_patient_known(self) -> bool:
        """Whether nothing can be learned of the patient any more."""
        return self.patient_id is not None and self.family_name is not None

    def is_of_family(self, name: FamilyName) -> bool:
        """Whether the patient is known to have that family name."""
        return self.family_name is not None and self.family_name.is_shared_with(name)


_UNKNOWN = KnownStudy()


type _Place = tuple[str, str]
"""Tenant and Study Instance UID."""


class KnownStudies:
    """What is known by tenant and study, in memory; those used last are cached."""

    def __init__(self, max_studies: int = MAX_STUDIES) -> None:
        self._known: LruCache[_Place, KnownStudy] = LruCache(max_studies)
        self._loads: Loads[_Place] = Loads()

    def learning(self) -> "StudyLearning":
        """A context manager to learn through: enter it before anything is asked for."""
        return StudyLearning(self._loads.in_progress, self._known)

    def of_study(self, tenant_id: str, study_instance_uid: str) -> KnownStudy:
        """What is known of the study."""
        return self._known.get((tenant_id, study_instance_uid)) or _UNKNOWN

    def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Drop what is known of the study, or of all of the tenant; what was asked before is learned no more."""

        def concerns(place: _Place) -> bool:
            return place[0] == tenant_id and study_instance_uid in (None, place[1])

        self._loads.invalidate(concerns)
        if study_instance_uid is None:
            self._known.drop_where(concerns)
        else:
            self._known.drop((tenant_id, study_instance_uid))


class StudyLearning(Load[_Place]):
    """Learns what is reported from `__enter__` on, but nothing of a study that was invalidated since."""

    __slots__ = ("_known",)

    def __init__(self, loads: set[Load[_Place]], known: LruCache[_Place, KnownStudy]) -> None:
        super().__init__(loads)
        self._known = known

    def learn(self, tenant_id: str, matches: Iterable[SourcedMatch]) -> None:
        """Remember what a search reported."""
        by_study: defaultdict[str, list[SourcedMatch]] = defaultdict(list)
        for match in matches:
            if study := first_value(match.attributes, _STUDY_INSTANCE_UID):
                by_study[study].append(match)
        for study, found in by_study.items():
            reported = [match.attributes for match in found]
            patient_id = next((value for one in reported if (value := first_value(one, PATIENT_ID))), None)
            family_name = next((name for one in reported if (name := patients_family_name(one))), None)
            pacs = (name for match in found for name in match.pacs)
            self._put((tenant_id, study), patient_id, family_name, pacs, _modalities_in(reported))

    def learn_pacs(self, tenant_id: str, study_instance_uid: str, pacs: Iterable[str]) -> None:
        """Remember which PACS list instances of the study."""
        self._put((tenant_id, study_instance_uid), None, None, pacs)

    def learn_patient(
        self, tenant_id: str, study_instance_uid: str, patient_id: str, family_name: FamilyName, modality: str = ""
    ) -> None:
        """Remember what one of its instances says; an empty value too, for then it need not be read again."""
        self._put((tenant_id, study_instance_uid), patient_id, family_name, (), _joined([modality]))

    def _put(
        self,
        place: _Place,
        patient_id: str | None,
        family_name: FamilyName | None,
        pacs: Iterable[str],
        modalities: str = "",
    ) -> None:
        if not self.is_current(place):
            return
        known = self._known.get(place) or _UNKNOWN
        study = KnownStudy(
            _newer(patient_id, known.patient_id),
            ",".join(dict.fromkeys([*filter(None, known.pacs.split(",")), *pacs])),
            _newer(family_name, known.family_name),
            modalities or known.modalities,
        )
        self._known.put(place, study)


def _newer[T](reported: T | None, known: T | None) -> T | None:
    """What is reported, unless that is nothing and something is known."""
    return reported if reported or known is None else known


def _modalities_in(reported: Iterable[DicomJson]) -> str:
    """Of answers at the level of studies and of series."""
    found = (one.get(tag, {}).get("Value") or () for one in reported for tag in (_MODALITIES_IN_STUDY, _MODALITY))
    return _joined(value for values in found for value in values)


def _joined(modalities: Iterable[object]) -> str:
    """Those that can be some (VR CS, PS3.5 section 6.2), by backslashes."""
    plain = {value for value in modalities if isinstance(value, str) and _CODE_STRING.fullmatch(value)}
    return "\\".join(sorted(plain)[:_MAX_MODALITIES])
