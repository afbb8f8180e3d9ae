"""Erases records of the audit trail that were kept long enough, in the background."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import batched

from radgate_server.core.audit.chain import WORDS
from radgate_server.core.audit.erased_records import state
from radgate_server.core.audit.ports.trail import AuditTrail, CheckpointSigner
from radgate_server.core.audit.record import AuditAction, AuditEntry
from radgate_server.core.audit.retention import HoldList, HoldSubject, RecordKind, Traces, ends_us, kind_of
from radgate_server.core.audit.verification import StoredRecord
from radgate_server.core.retention.ports.records import HoldDirectory, RecordEraser, RetentionRules
from radgate_server.lib.clock import Clock
from radgate_server.services.repeating import Repeating, Sleep
from radgate_server.services.retention.rules import kept_days
from radgate_server.settings.retention import RetentionSettings

_log = logging.getLogger(__name__)

_NUMBERS_PER_LOOK = 4096
_WHO = "retention"
_ACTION, _USERS, _PATIENT, _STUDY = (
    WORDS.index("action"),
    (WORDS.index("principal"), WORDS.index("key_id")),
    WORDS.index("patient_id"),
    WORDS.index("study_instance_uid"),
)


@dataclass(frozen=True, slots=True)
class _TenantRetention:
    """What holds for a tenant: up to when records of each kind are to be erased, and what is held."""

    ends_us: dict[RecordKind, int]
    holds: HoldList

    def may_go(self, record: StoredRecord) -> bool:
        """Whether its time is over and nothing keeps it. Records from before the chain stay: genesis counts them."""
        kind = kind_of(record.words[_ACTION])
        if record.sequence == 0 or record.erased_by is not None or kind is None:
            return False
        return record.time_us < self.ends_us[kind] and not self.holds.hold(traces_of(record))


class RecordRetention(Repeating):
    """Looks every `interval_s` seconds. A batch is erased whole or not at all, by one of several servers."""

    def __init__(
        self,
        trail: AuditTrail,
        eraser: RecordEraser,
        rules: RetentionRules,
        holds: HoldDirectory,
        signer: CheckpointSigner,
        settings: RetentionSettings,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(
            "record-retention", interval_s=settings.interval_s, trouble="old records can't be erased", sleep=sleep
        )
        self._trail = trail
        self._eraser = eraser
        self._rules = rules
        self._holds = holds
        self._signer = signer
        self._settings = settings
        self._clock = clock

    async def look(self) -> int:
        """Erase all that may go by now; return how many records that were.

        Raises:
            DatabaseUnavailableError: what was erased stays so.
        """
        erased, retentions, last = 0, dict[str, _TenantRetention](), await self._trail.last_number()
        for after in range(0, last, _NUMBERS_PER_LOOK):
            rows: list[StoredRecord] = []
            await self._trail.scan(rows.extend, after=after, upto=min(after + _NUMBERS_PER_LOOK, last))
            for tenant_id in {row.words[0] for row in rows} - retentions.keys():
                retentions[tenant_id] = await self._retention_of(tenant_id)
            if rows and not any(row.time_us < max(retentions[row.words[0]].ends_us.values()) for row in rows):
                break  # all that follow are younger
            erased += await self._erase(rows, retentions)
        if erased:
            await self._eraser.scrub()
            _log.info("records of the audit trail were erased", extra={"records": erased})
        return erased

    async def _retention_of(self, tenant_id: str) -> _TenantRetention:
        own = await self._rules.days(tenant_id)
        now_us = round(self._clock.now().timestamp() * 1_000_000)
        holds = await self._holds.list_holds(tenant_id)
        patients = [hold.value for hold in holds if hold.subject is HoldSubject.PATIENT]
        studies = await self._eraser.studies_of(tenant_id, patients) if patients else {}
        return _TenantRetention(ends_us(kept_days(self._settings, own), now_us), HoldList(holds, studies))

    async def _erase(self, rows: Sequence[StoredRecord], retentions: dict[str, _TenantRetention]) -> int:
        due: defaultdict[str, list[int]] = defaultdict(list)
        for row in rows:
            if retentions[row.words[0]].may_go(row):
                due[row.words[0]].append(row.number)
        erased = 0
        for tenant_id, numbers in due.items():
            for some in batched(numbers, self._settings.batch_records):
                hold_ids = retentions[tenant_id].holds.hold_ids
                done = await self._eraser.erase(tenant_id, some, hold_ids, self._declare)
                if done is None:  # a hold was placed or released meanwhile: the next look finds the rest
                    retentions[tenant_id] = await self._retention_of(tenant_id)
                    break
                erased += done
        return erased

    def _declare(self, records: Sequence[StoredRecord]) -> AuditEntry:
        tenant_id = records[0].words[0]
        draft = state(tenant_id, [record.tombstone for record in records], self._signer.key_id)
        statement = replace(draft, signature=self._signer.sign(draft.signed_form))
        return AuditEntry(
            time=self._clock.now(),
            tenant_id=tenant_id,
            key_id=_WHO,
            role="",
            action=AuditAction.ERASE_RECORDS,
            study_instance_uid="",
            series_instance_uid="",
            sop_instance_uid="",
            address="",
            user_agent="",
            request_id="",
            detail=statement.to_detail(),
        )


def traces_of(record: StoredRecord) -> Traces:
    """Whom the record concerns."""
    words = record.words
    return Traces(words[_PATIENT], words[_STUDY], tuple(words[place] for place in _USERS))
