"""Rules, holds, orders and keys of retention in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from radgate_server.core.audit.chain import ChainHead, content_of, record_hash
from radgate_server.core.audit.checkpoint import Checkpoint
from radgate_server.core.audit.ports.trail import IssueCheckpoint, Visit
from radgate_server.core.audit.retention import LegalHold, RecordKind
from radgate_server.core.audit.verification import StoredRecord
from radgate_server.core.cache.ports.keys import WrappedStudyKey
from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.core.retention.ports.erasure import Erasure, ErasureProgress
from radgate_server.core.retention.ports.records import Declare
from tests.fakes.audit import RecordingAuditSink


class MemoryRetention:
    """RetentionRules, HoldDirectory, ErasureRecords, RecordEraser and CacheKeyRecords in one."""

    def __init__(self) -> None:
        self.rules: dict[tuple[str, RecordKind], int] = {}
        self.holds: list[LegalHold] = []
        self.erasures: list[Erasure] = []
        self.keys: list[WrappedStudyKey] = []

    async def days(self, tenant_id: str) -> Mapping[RecordKind, int]:
        return {kind: days for (tenant, kind), days in self.rules.items() if tenant == tenant_id}

    async def set_days(self, tenant_id: str, kind: RecordKind, days: int | None) -> None:
        self.rules.pop((tenant_id, kind), None)
        if days is not None:
            self.rules[tenant_id, kind] = days

    async def place(self, hold: LegalHold) -> None:
        self.holds.append(hold)

    async def release(self, tenant_id: str, hold_id: str, *, by: str, time: datetime, reason: str) -> LegalHold:
        for number, hold in enumerate(self.holds):
            if (hold.tenant_id, hold.hold_id, hold.release_time) == (tenant_id, hold_id, None):
                self.holds[number] = replace(hold, released_by=by, release_time=time, release_reason=reason)
                return self.holds[number]
        raise ResourceNotFoundError("the tenant has no legal hold of that id in force")

    async def list_holds(self, tenant_id: str, *, released: bool = False) -> Sequence[LegalHold]:
        return [hold for hold in self.holds if hold.tenant_id == tenant_id and (released or not hold.release_time)]

    async def begin(self, erasure: Erasure, hold_ids: Collection[str]) -> bool:
        self.erasures.append(erasure)
        return True

    async def advance(self, erasure_id: str, progress: ErasureProgress) -> ErasureProgress:
        self._change(erasure_id, progress=progress)
        return progress

    async def finish(self, erasure_id: str, certificate: str) -> str:
        self._change(erasure_id, certificate=certificate)
        return certificate

    async def find(self, tenant_id: str, erasure_id: str) -> Erasure:
        for erasure in await self.list_erasures(tenant_id, 1000):
            if erasure.order.erasure_id == erasure_id:
                return erasure
        raise ResourceNotFoundError("the tenant has no erasure of that id")

    async def list_erasures(self, tenant_id: str, limit: int | None) -> Sequence[Erasure]:
        return [erasure for erasure in reversed(self.erasures) if erasure.order.tenant_id == tenant_id][:limit]

    async def unfinished(self, before: datetime) -> Sequence[Erasure]:
        return [erasure for erasure in self.erasures if not erasure.certificate and erasure.create_time < before]

    async def studies_of(self, tenant_id: str, patient_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        return {}

    async def erase(
        self, tenant_id: str, numbers: Sequence[int], hold_ids: Collection[str], declare: Declare
    ) -> int | None:
        return 0

    async def scrub(self) -> None:
        """There are no files."""

    async def tenant_key(self, tenant_id: str) -> bytes | None:
        return None

    async def add_tenant_key(self, tenant_id: str, sealed: bytes) -> bytes:
        return sealed

    async def study_key(self, tenant_id: str, study: str) -> WrappedStudyKey | None:
        return next((key for key in self.keys if (key.tenant_id, key.study) == (tenant_id, study)), None)

    async def add_study_key(self, key: WrappedStudyKey) -> WrappedStudyKey:
        self.keys.append(key)
        return key

    async def keys_of_patient(self, tenant_id: str, patient_id: str) -> Sequence[WrappedStudyKey]:
        return [key for key in self.keys if (key.tenant_id, key.patient_id) == (tenant_id, patient_id)]

    async def keys_of_study(self, tenant_id: str, study_instance_uid: str) -> Sequence[WrappedStudyKey]:
        return [key for key in self.keys if (key.tenant_id, key.study_instance_uid) == (tenant_id, study_instance_uid)]

    async def remove_study_keys(self, tenant_id: str, studies: Collection[str]) -> None:
        self.keys = [key for key in self.keys if key.tenant_id != tenant_id or key.study not in studies]

    def _change(self, erasure_id: str, **changes: object) -> None:
        for number, erasure in enumerate(self.erasures):
            if erasure.order.erasure_id == erasure_id:
                self.erasures[number] = replace(erasure, **changes)  # type: ignore[arg-type]


class RecordedTrail:
    """AuditTrail of what a sink remembers, numbered in the order of recording, one chain a tenant."""

    def __init__(self, sink: RecordingAuditSink) -> None:
        self._sink = sink

    async def heads(self) -> Sequence[ChainHead]:
        return []

    async def last_number(self) -> int:
        return len(self._sink.entries)

    async def scan(self, visit: Visit, *, tenant_id: str | None = None, after: int = 0, upto: int) -> None:
        rows: list[StoredRecord] = []
        chains: dict[str, tuple[int, bytes]] = {}
        for number, entry in enumerate(self._sink.entries[:upto], 1):
            content = content_of(entry)
            last, previous = chains.get(entry.tenant_id, (0, bytes(32)))
            chains[entry.tenant_id] = last + 1, record_hash(previous, last + 1, *content)
            if number > after and tenant_id in (None, entry.tenant_id):
                rows.append(StoredRecord(number, *chains[entry.tenant_id], *content))
        visit(rows)

    async def checkpoints(self, tenant_id: str | None = None) -> Sequence[Checkpoint]:
        return []

    async def last_checkpoints(self) -> Sequence[Checkpoint]:
        return []

    async def add_checkpoint(self, tenant_id: str, issue: IssueCheckpoint) -> Checkpoint | None:
        return None
