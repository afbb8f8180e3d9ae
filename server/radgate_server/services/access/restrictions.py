"""Which studies a restricted credential may see: the one place where that is decided, for every use case."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import NamedTuple, Protocol

from radgate_server.core.access.restriction import MODALITIES_IN_STUDY, StudyRestriction, StudyTest
from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.record import AuditAction, AuditOutcome
from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.errors import ObjectNotFoundError, PacsError
from radgate_server.core.query.return_attributes import UNIQUE_KEYS
from radgate_server.lib.clock import Clock
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.query.study_facts import StudyFacts, StudyFactsReader
from radgate_server.services.retrieve.instance_locator import InstanceLocator

OUTSIDE, NOT_THERE = "STUDY_OUTSIDE_RESTRICTION", "OBJECT_NOT_FOUND"
"""Reasons in the audit trail; the caller sees the second one in both cases."""

_KINDS = {QueryLevel.STUDY: "study", QueryLevel.SERIES: "series", QueryLevel.IMAGE: "instance"}
_STUDY_INSTANCE_UID = UNIQUE_KEYS[QueryLevel.STUDY]


class LoneInstance(NamedTuple):
    """An instance that is asked for without its study."""

    sop_instance_uid: str


class DoubtedPatients(Protocol):
    """Reports of which studies it is doubtful whose they are (services.study_doubts.StudyDoubts)."""

    def warning_of(self, tenant_id: str, study_instance_uid: str) -> str:
        """What is doubtful, "" for nothing."""
        ...


class Restrictions:
    """Decides by what the PACS report of a study; what can't be learned lies outside.

    When several PACS have a study, it has to lie within the restriction as each of them reports it. When one does not
    answer and the others don't let the caller in, its failure is the answer, as for a study that is not there.

    A study whose instances name different patients lies outside of each restriction that names a patient.
    """

    def __init__(
        self,
        facts: StudyFactsReader,
        places: InstanceLocator,
        auditor: Auditor,
        clock: Clock,
        doubts: DoubtedPatients,
    ) -> None:
        self._facts = facts
        self._places = places
        self._auditor = auditor
        self._clock = clock
        self._doubts = doubts

    async def require(
        self, caller: Caller, restriction: StudyRestriction, asked: RetrieveScope | LoneInstance, method: str
    ) -> None:
        """Let the caller pass, or answer as if there were no such study. Both kinds of refusal are recorded.

        Whether there is such a study or not, the same is done and the same is said.

        Raises:
            ObjectNotFoundError: the study lies outside, or there is none.
            PacsError: it can't be determined, because a PACS failed.
            AuditUnavailableError: the refusal could not be recorded.
        """
        study, scope = await self._place(caller.tenant_id, asked)
        facts = await self._facts.of_study(caller.tenant_id, study)
        within = _lies_within(self._test(restriction), facts)
        if within and scope and not self.is_doubtful(caller.tenant_id, restriction, study):
            return
        reason = OUTSIDE if facts.reported and scope else NOT_THERE
        denied = AuditOutcome.DENIED
        await self._auditor.record(caller, AuditAction.AUTHORISE, scope, f"{method}: {reason}", outcome=denied)
        kind = _KINDS[QueryLevel.IMAGE if isinstance(asked, LoneInstance) else asked.level]
        raise ObjectNotFoundError(f"no PACS of the tenant has this {kind}", kind=kind)

    async def admits(self, tenant_id: str, restriction: StudyRestriction, study_instance_uid: str) -> bool:
        """Whether there is such a study, and it lies within. Raises PacsError when a PACS failed."""
        facts = await self._facts.of_study(tenant_id, study_instance_uid)
        within = _lies_within(self._test(restriction), facts)
        return within and not self.is_doubtful(tenant_id, restriction, study_instance_uid)

    def is_doubtful(self, tenant_id: str, restriction: StudyRestriction, study_instance_uid: str) -> bool:
        """Whether the restriction names a patient, and instances of the study that came name different ones."""
        return bool(restriction.patients and self._doubts.warning_of(tenant_id, study_instance_uid))

    async def admitted(
        self, tenant_id: str, restriction: StudyRestriction, level: QueryLevel, matches: Iterable[DicomJson]
    ) -> frozenset[str]:
        """The Study Instance UIDs of the matches that lie within: by what they state, where they state enough.

        A match is of one PACS; when there are several, another may state otherwise. Those who are outside already stay
        there, whoever fails: whether a search found something outside must not show.

        Raises PacsError when of a match nobody reports anything any more, and a PACS failed.
        """
        test = self._test(restriction)
        by_study = {study: match for match in matches if (study := first_value(match, _STUDY_INSTANCE_UID))}
        decidable = {study for study, match in by_study.items() if _is_decidable(restriction, level, match)}
        fitting = {study for study in decidable if test(by_study[study])}
        decided = decidable if await self._facts.has_single_source(tenant_id) else decidable - fitting
        facts = await self._facts.of_studies(tenant_id, by_study.keys() - decided)
        looked_up = {study for study, found in facts.items() if _may_be_found(test, found)}
        admitted = (fitting & decided) | looked_up
        return frozenset(study for study in admitted if not self.is_doubtful(tenant_id, restriction, study))

    def resolved(self, restriction: StudyRestriction) -> StudyRestriction:
        """The restriction with dates in place of days that count back from today, in the server's time zone."""
        return restriction.on(self._today())

    def _test(self, restriction: StudyRestriction) -> StudyTest:
        return _test_on(restriction, self._today())

    def _today(self) -> date:
        return self._clock.now().astimezone().date()

    async def _place(self, tenant_id: str, asked: RetrieveScope | LoneInstance) -> tuple[str, RetrieveScope | None]:
        """The study to ask the PACS for, and the place of what is asked for, None when it has none.

        Of an instance that is nowhere they are asked as well, for a study of its UID, which is not there, since no UID
        names two entities (PS3.5 9.1). That it can't be looked up is no answer: a place that is known needs no look.
        """
        if isinstance(asked, RetrieveScope):
            return asked.study_instance_uid, asked
        try:
            ref = await self._places.find(tenant_id, asked.sop_instance_uid)
        except (ObjectNotFoundError, PacsError):
            return asked.sop_instance_uid, None
        scope = RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
        return ref.study_instance_uid, scope


@lru_cache(maxsize=1024)
def _test_on(restriction: StudyRestriction, today: date) -> StudyTest:
    """The test of that day; to make it takes longer than to use it, and it is used for each frame."""
    return restriction.on(today).test()


def _is_decidable(restriction: StudyRestriction, level: QueryLevel, match: DicomJson) -> bool:
    """Whether the match is of a study and has what many PACS leave out."""
    return level is QueryLevel.STUDY and not (
        restriction.modalities and not match.get(MODALITIES_IN_STUDY, {}).get("Value")
    )


def _may_be_found(test: StudyTest, facts: StudyFacts) -> bool:
    """Whether a match lies within as all report it who report anything."""
    return all(map(test, facts.reported)) if facts.reported else _lies_within(test, facts)


def _lies_within(test: StudyTest, facts: StudyFacts) -> bool:
    if facts.reported and all(map(test, facts.reported)):
        return True
    if facts.failure is not None:
        raise facts.failure
    return False
