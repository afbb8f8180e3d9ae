"""What the PACS report of a study that decides who may see it, remembered for a short time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

from radgate_server.core.access.restriction import DECISIVE, MODALITIES_IN_STUDY
from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import PacsError
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.lib.clock import Clock
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.query.fan_out import AskLimits, ask_all

MAX_REMEMBERED = 50_000
_BATCH = 32  # UIDs in one query
_MODALITY = "00080060"
_STUDY_INSTANCE_UID = UNIQUE_KEYS[QueryLevel.STUDY]

type _Answers = Mapping[str, Sequence[DicomJson]]
"""Matches by PACS, of those that answered."""


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """The decisive attributes as each PACS that has the study reports them, none when nobody has it.

    `failure` is set when a PACS did not answer, which might report otherwise.
    """

    reported: tuple[DicomJson, ...] = ()
    failure: PacsError | None = None


class StudyFactsReader:
    """Asks all PACS of the tenant, always the same two questions, whether or not there is such a study.

    What all have answered is remembered for `ttl_s` seconds, also that there is none. Modalities are those of the
    series: Modalities in Study is optional in answers (PS3.4 C.3.4).
    """

    def __init__(self, clients: PacsClients, limits: AskLimits, *, ttl_s: float, clock: Clock) -> None:
        self._clients = clients
        self._limits = limits
        self._known: AnswerCache[tuple[str, str], StudyFacts] = AnswerCache(MAX_REMEMBERED, ttl_s=ttl_s, clock=clock)

    async def of_study(self, tenant_id: str, study_instance_uid: str) -> StudyFacts:
        """What is reported of the study.

        Raises:
            NoPacsConfiguredError: there is nobody to ask.
            PacsError: nobody answered.
        """
        key = (tenant_id, study_instance_uid)
        return self._known.get(key) or await self._known.share(key, lambda: self._ask_one(*key))

    async def of_studies(self, tenant_id: str, study_instance_uids: Iterable[str]) -> Mapping[str, StudyFacts]:
        """What is reported of each study; raises what `of_study` raises."""
        facts = {uid: self._known.get((tenant_id, uid)) for uid in study_instance_uids}
        found = {uid: known for uid, known in facts.items() if known is not None}
        failed: dict[str, PacsError] = {}
        for batch in batched([uid for uid in facts if uid not in found], _BATCH):
            found |= await self._ask(tenant_id, batch, failed)
        return found

    async def has_single_source(self, tenant_id: str) -> bool:
        """Whether one PACS reports all there is to report. Raises NoPacsConfiguredError."""
        return len(await self._clients.of_tenant(tenant_id)) == 1

    def invalidate(self, tenant_id: str, study_instance_uid: str | None = None) -> None:
        """Ask the tenant's PACS again from now on, for one study or for all."""
        self._known.invalidate(lambda key: key[0] == tenant_id and study_instance_uid in (None, key[1]))

    async def _ask_one(self, tenant_id: str, study_instance_uid: str) -> StudyFacts:
        return (await self._ask(tenant_id, (study_instance_uid,), {}))[study_instance_uid]

    async def _ask(
        self, tenant_id: str, study_instance_uids: Sequence[str], failed: dict[str, PacsError]
    ) -> Mapping[str, StudyFacts]:
        """Ask all PACS but those that `failed`, to which are added those that fail now."""
        key = (MatchingKey((_STUDY_INSTANCE_UID,), "\\".join(study_instance_uids)),)
        of_study = Query(QueryLevel.STUDY, key, tuple((tag,) for tag in DECISIVE), only_included=True)
        of_series = Query(QueryLevel.SERIES, key, ((_MODALITY,),), only_included=True)
        with self._known.loading() as load:
            studies = await self._ask_others(tenant_id, of_study, failed)
            series = await self._ask_others(tenant_id, of_series, failed)
            failure = next(iter(failed.values()), None)
            found = {uid: StudyFacts(_matches_of(uid, studies, series), failure) for uid in study_instance_uids}
            if failure is None:
                for uid, facts in found.items():
                    load.put((tenant_id, uid), facts)
        return found

    async def _ask_others(self, tenant_id: str, query: Query, failed: dict[str, PacsError]) -> _Answers:
        """What those answer that have not failed: nobody waits twice for a PACS that is silent."""
        everyone = await self._clients.of_tenant(tenant_id)
        others = [client for client in everyone if client.name not in failed]
        answers: dict[str, Sequence[DicomJson]] = {}
        for answer in await ask_all(others or everyone, query, self._limits):
            if isinstance(answer.result, PacsError):
                failed[answer.client.name] = answer.result
            else:
                answers[answer.client.name] = answer.result.matches
        return answers


def _matches_of(study_instance_uid: str, studies: _Answers, series: _Answers) -> tuple[DicomJson, ...]:
    """Put the answers together, PACS by PACS."""
    reported: list[DicomJson] = []
    for pacs, matches in studies.items():
        of_series = _of(study_instance_uid, series.get(pacs, ()))
        modalities = sorted({first_value(one, _MODALITY) for one in of_series} - {""})
        counted = {MODALITIES_IN_STUDY: {"vr": "CS", "Value": modalities}} if modalities else {}
        reported += [match | counted for match in _of(study_instance_uid, matches)]
    return tuple(reported)


def _of(study_instance_uid: str, matches: Sequence[DicomJson]) -> Sequence[DicomJson]:
    """The matches that say that they are of the study."""
    return [match for match in matches if first_value(match, _STUDY_INSTANCE_UID) == study_instance_uid]
