"""The index follows the trail by itself, and leaves time to those who write it."""

from radgate_server.services.audit.indexing import PAUSE_S, AuditIndexer
from tests.conformance.database_suites import audit_entry
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.audit_records import MemoryAuditRecords


async def test_comes_to_the_end_of_the_trail_with_pauses() -> None:
    sink, pauses = RecordingAuditSink(), list[float]()
    for number in range(35):
        await sink.record(audit_entry(number)._replace(tenant_id="a"))
    records = MemoryAuditRecords(sink, step=10)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    indexer = AuditIndexer(records, interval_s=1, sleep=sleep)
    await indexer.look()
    assert await records.tenants() == []
    assert pauses == [PAUSE_S] * 3
    await indexer.look()
    assert len(pauses) == 3
