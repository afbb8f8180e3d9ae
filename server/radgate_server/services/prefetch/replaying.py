"""What a rule would have fetched on the last days of recorded accesses: the trace and the patients that it takes."""

from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from radgate_server.core.cache.accesses import PACS, AccessHistory, StudyAccesses, first_hour
from radgate_server.core.cache.savings import study_bytes
from radgate_server.core.errors import InvalidArgumentError, ObjectNotFoundError, ObjectRejectedError
from radgate_server.core.prefetch.priors import PriorRule, PriorStudy
from radgate_server.core.prefetch.replay import Replay, TracedUse, replay
from radgate_server.lib.clock import Clock
from radgate_server.services.prefetch.patient_studies import PatientStudyFinder

MAX_DAYS = 90
DEFAULT_DAYS = 7
MAX_PATIENTS = 200
"""More are not asked for: of a busier tenant a part, chosen by chance, stands for all."""
MAX_ROWS = 200_000
_PAGE_ROWS = 2000
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class RuleReplay:
    """What came of it. `sampled` of the `patients` since that hour were asked for; `counts` are of them alone."""

    since: datetime
    patients: int
    sampled: int
    counts: Replay


class RuleReplayer:
    """Reads the history, and asks the PACS what else the patients in it have."""

    def __init__(self, history: AccessHistory, finder: PatientStudyFinder, clock: Clock) -> None:
        self._history = history
        self._finder = finder
        self._clock = clock

    async def replay(self, tenant_id: str, rule: PriorRule, days: int) -> RuleReplay:
        """Follow the accesses of so many days.

        Raises:
            InvalidArgumentError: so many days can't be asked for.
            PacsError: no PACS answers.
            DatabaseUnavailableError: the history can't be read.
        """
        if not 1 <= days <= MAX_DAYS:
            raise InvalidArgumentError("days", f"must be from 1 to {MAX_DAYS}")
        since = first_hour(self._clock.now(), days)
        rows = await self._rows(tenant_id, since)
        of_patient = {row.patient: row.place.study_instance_uid for row in rows if row.patient}
        sample = sorted(of_patient, key=lambda patient: (crc32(patient.encode()), patient))[:MAX_PATIENTS]
        patients = [await self._studies(tenant_id, of_patient[patient], rule) for patient in sample]
        sizes = _sizes(rows, [study.study_instance_uid for studies in patients for study in studies])
        return RuleReplay(since, len(of_patient), len(sample), replay(rule, _uses(rows), patients, sizes))

    async def _rows(self, tenant_id: str, since: datetime) -> list[StudyAccesses]:
        rows: list[StudyAccesses] = []
        while page := await self._history.page(tenant_id, since, _PAGE_ROWS, rows[-1].place if rows else None):
            rows += page
            if len(rows) > MAX_ROWS:
                raise InvalidArgumentError("days", f"more than {MAX_ROWS} rows of history; ask for fewer days")
        return rows

    async def _studies(self, tenant_id: str, study: str, rule: PriorRule) -> tuple[PriorStudy, ...]:
        try:
            return (await self._finder.find(tenant_id, study, body_parts=rule.same_body_part)).studies
        except (ObjectNotFoundError, ObjectRejectedError):  # deleted since
            return ()


def _uses(rows: list[StudyAccesses]) -> list[TracedUse]:
    """One use for each study and hour."""
    waits: dict[tuple[int, str], int] = {}
    for row in rows:
        use = int(row.place.hour.timestamp()) // _HOUR_S, row.place.study_instance_uid
        waits[use] = waits.get(use, 0) + (row.counts.waited_ms if row.place.tier == PACS else 0)
    return [TracedUse(hour, study, waited_ms) for (hour, study), waited_ms in sorted(waits.items())]


def _sizes(rows: list[StudyAccesses], wanted: list[str]) -> dict[str, int]:
    """Bytes of each study; of one that was never accessed the mean of the others."""
    known = study_bytes(rows)
    mean = sum(known.values()) // len(known) if known else 0
    return {study: known.get(study, mean) for study in wanted}
