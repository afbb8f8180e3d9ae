"""Taking the bodies out of records of the audit trail, lawfully."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, insert, or_, select, update

from radgate_server.adapters.database.audit.index import index_again
from radgate_server.adapters.database.audit.records import has_value
from radgate_server.adapters.database.audit.trail import RECORD_COLUMNS, read_record
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.retention.periods import lock_chain, read_holds
from radgate_server.adapters.database.schema.tables import audit_entries, audit_heads
from radgate_server.core.audit.chain import FIRST_WORDS, UNKNOWN_SIZE, WORDS, content_of, record_hash
from radgate_server.core.audit.studies_shown import pairs_in
from radgate_server.core.retention.ports.records import Declare

_KEPT = ("tenant_id", "action", "outcome")
_ERASED = {
    **{word: "" if word in FIRST_WORDS else None for word in WORDS if word not in _KEPT},
    "size_bytes": UNKNOWN_SIZE,
}
"""What stands in an erased record. Its form need not be known any more."""


class SqlRecordEraser:
    """RecordEraser in the tables that SqlAuditSink writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def studies_of(self, tenant_id: str, patient_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """The Study Instance UIDs that records name beside each of the patients."""
        columns = (audit_entries.c.patient_id, audit_entries.c.study_instance_uid)
        query = (
            select(*columns)
            .distinct()
            .where(
                audit_entries.c.tenant_id == tenant_id,
                or_(*(has_value(audit_entries.c.patient_id, patient_id) for patient_id in patient_ids)),
                audit_entries.c.study_instance_uid != "",
            )
        )
        found: defaultdict[str, set[str]] = defaultdict(set)
        for patients, studies in await self._database.read(lambda connection: connection.execute(query).all()):
            for study, patient_id in pairs_in(studies, patients):
                if patient_id in patient_ids and study:
                    found[patient_id].add(study)
        return found

    async def erase(
        self, tenant_id: str, numbers: Sequence[int], hold_ids: Collection[str], declare: Declare
    ) -> int | None:
        """Take the bodies out of the tenant's records of these numbers; see the port."""
        return await self._database.write(
            lambda connection: _erase(connection, tenant_id, numbers, frozenset(hold_ids), declare)
        )

    async def scrub(self) -> None:
        """See that SQLite's log holds no old page any more."""
        await self._database.scrub()


def _erase(
    connection: Connection, tenant_id: str, numbers: Sequence[int], hold_ids: frozenset[str], declare: Declare
) -> int | None:
    lock_chain(connection, tenant_id)
    if {hold.hold_id for hold in read_holds(connection, tenant_id)} != hold_ids:
        return None
    chosen = (
        audit_entries.c.tenant_id == tenant_id,
        audit_entries.c.number.in_(numbers),
        audit_entries.c.erased_by.is_(None),
        audit_entries.c.sequence > 0,
    )
    query = select(*(audit_entries.c[name] for name in RECORD_COLUMNS)).where(*chosen).order_by(audit_entries.c.number)
    records = [read_record(row) for row in connection.execute(query)]
    if not records:
        return 0
    head = connection.execute(select(audit_heads).where(audit_heads.c.tenant_id == tenant_id)).one()
    time_us, size_bytes, words = content_of(declare(records))
    sequence = head.sequence + 1
    own_hash = record_hash(bytes(head.record_hash), sequence, time_us, size_bytes, words)
    placed = {"sequence": sequence, "record_hash": own_hash, "time_us": time_us, "size_bytes": size_bytes}
    connection.execute(insert(audit_entries).values(**placed, **dict(zip(WORDS, words, strict=True))))
    connection.execute(update(audit_entries).where(*chosen).values(**_ERASED, erased_by=sequence))
    index_again(connection, tenant_id, [record.number for record in records])
    return len(records)
