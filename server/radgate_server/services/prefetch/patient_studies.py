"""Which studies a patient has in the PACS, with what rules look at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import batched

from radgate_server.core.dicom.data_sets import DicomJson, first_date, first_value
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import ObjectNotFoundError
from radgate_server.core.prefetch.expected import ExpectedStudy, read_as
from radgate_server.core.prefetch.priors import PriorStudy
from radgate_server.core.query.model import FindResult, MatchingKey, Query
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.query.fan_out import AskLimits, PacsAnswer, ask_all

STUDY_UID, PATIENT_ID, STUDY_DATE = "0020000D", "00100020", "00080020"
MODALITIES_IN_STUDY, STUDY_DESCRIPTION = "00080061", "00081030"
MODALITY, BODY_PART = "00080060", "00180015"
MAX_PATIENT_STUDIES = 1000
"""Matches taken from one PACS at most."""
_OF_A_STUDY = (PATIENT_ID, STUDY_DATE, MODALITIES_IN_STUDY, STUDY_DESCRIPTION)
_BATCH = 32  # UIDs in one query
_WILDCARDS = frozenset("*?\\")


@dataclass(frozen=True, slots=True)
class PatientStudies:
    """The study that is read, and all that its patient has, itself among them."""

    read: PriorStudy
    studies: tuple[PriorStudy, ...]


class PatientStudyFinder:
    """Asks all PACS of the tenant. Whoever does not answer is left out, as it is of a search."""

    def __init__(self, clients: PacsClients, limits: AskLimits) -> None:
        self._clients = clients
        self._limits = limits

    async def find(self, tenant_id: str, study_instance_uid: str, *, body_parts: bool) -> PatientStudies:
        """The studies of the patient whose this one is; `body_parts` takes a query of their series more.

        Of a study whose patient has no usable Patient ID it is the only one.

        Raises:
            ObjectNotFoundError: no PACS of the tenant has it.
            PacsError: none answers.
        """
        match = await self._match(tenant_id, study_instance_uid)
        found = {study_instance_uid: match} | await self._of_patient(tenant_id, first_value(match, PATIENT_ID))
        studies = await self._described(tenant_id, found, body_parts=body_parts)
        return PatientStudies(studies[study_instance_uid], tuple(studies.values()))

    async def identify(self, tenant_id: str, study_instance_uid: str) -> ExpectedStudy:
        """Whose study it is, and what the PACS say of it.

        Raises:
            ObjectNotFoundError: no PACS of the tenant has it.
            PacsError: none answers.
        """
        match = await self._match(tenant_id, study_instance_uid)
        study = _study(study_instance_uid, match)
        return ExpectedStudy(
            first_value(match, PATIENT_ID),
            study_date=study.study_date,
            modalities=study.modalities,
            description=study.description,
            study_instance_uid=study_instance_uid,
        )

    async def find_expected(
        self, tenant_id: str, expected: ExpectedStudy, today: date, *, body_parts: bool
    ) -> PatientStudies:
        """The studies of the patient of one that need not be in any PACS yet; none without a usable Patient ID.

        Raises:
            PacsError: no PACS of the tenant answers.
        """
        found = await self._of_patient(tenant_id, expected.patient_id)
        studies = await self._described(tenant_id, found, body_parts=body_parts)
        return PatientStudies(
            read_as(expected, studies.get(expected.study_instance_uid), today), tuple(studies.values())
        )

    async def _match(self, tenant_id: str, study_instance_uid: str) -> DicomJson:
        own = await self._studies(tenant_id, STUDY_UID, study_instance_uid)
        if not own:
            raise ObjectNotFoundError("no PACS of the tenant has this study", kind="study")
        return next(iter(own.values()))

    async def _of_patient(self, tenant_id: str, patient_id: str) -> dict[str, DicomJson]:
        if not patient_id or not _WILDCARDS.isdisjoint(patient_id):
            return {}
        found = await self._studies(tenant_id, PATIENT_ID, patient_id)
        # A PACS may take the key for the beginning of a longer one, or ignore its case.
        return {uid: one for uid, one in found.items() if first_value(one, PATIENT_ID) == patient_id}

    async def _described(
        self, tenant_id: str, found: dict[str, DicomJson], *, body_parts: bool
    ) -> dict[str, PriorStudy]:
        studies = {uid: _study(uid, one) for uid, one in found.items()}
        if body_parts or not all(study.modalities for study in studies.values()):
            studies = await self._with_series(tenant_id, studies)
        return studies

    async def _studies(self, tenant_id: str, tag: str, value: str) -> dict[str, DicomJson]:
        include = tuple((each,) for each in _OF_A_STUDY)
        query = Query(QueryLevel.STUDY, (MatchingKey((tag,), value),), include, only_included=True, listing=True)
        found: dict[str, DicomJson] = {}
        for match in await self._ask(tenant_id, query):
            found.setdefault(first_value(match, STUDY_UID), match)
        found.pop("", None)
        return found

    async def _with_series(self, tenant_id: str, studies: dict[str, PriorStudy]) -> dict[str, PriorStudy]:
        modalities: dict[str, set[str]] = {uid: set() for uid in studies}
        parts: dict[str, set[str]] = {uid: set() for uid in studies}
        for batch in batched(studies, _BATCH):
            keys = (MatchingKey((STUDY_UID,), "\\".join(batch)),)
            query = Query(QueryLevel.SERIES, keys, ((MODALITY,), (BODY_PART,)), only_included=True, listing=True)
            for match in await self._ask(tenant_id, query):
                uid = first_value(match, STUDY_UID)
                if uid in studies:
                    modalities[uid].add(first_value(match, MODALITY))
                    parts[uid].add(first_value(match, BODY_PART).strip().upper())
        return {
            uid: replace(
                study,
                modalities=study.modalities or frozenset(modalities[uid] - {""}),
                body_parts=frozenset(parts[uid] - {""}),
            )
            for uid, study in studies.items()
        }

    async def _ask(self, tenant_id: str, query: Query) -> Sequence[DicomJson]:
        answers = await ask_all(await self._clients.of_tenant(tenant_id), query, self._limits)
        return list(_matches(answers))


def _matches(answers: Iterable[PacsAnswer]) -> Iterable[DicomJson]:
    for answer in answers:
        if isinstance(answer.result, FindResult):
            yield from answer.result.matches


def _study(uid: str, match: DicomJson) -> PriorStudy:
    return PriorStudy(
        uid,
        first_date(match, STUDY_DATE),
        frozenset(str(each) for each in match.get(MODALITIES_IN_STUDY, {}).get("Value") or () if each),
        description=first_value(match, STUDY_DESCRIPTION),
    )
