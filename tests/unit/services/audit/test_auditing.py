"""Reading the audit trail is recorded in it, and the reader finds that."""

from radgate_server.core.access.tenancy import Caller, Principal, Role
from radgate_server.core.audit.record import AuditAction, AuditEntry
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.services.audit.recording import Auditor
from tests.fakes.clock import FakeClock


class SlowSink:
    """AuditSink whose records are found once it has settled."""

    def __init__(self) -> None:
        self.kept: list[AuditEntry] = []
        self.found: list[AuditEntry] = []

    async def record(self, entry: AuditEntry) -> None:
        self.kept.append(entry)

    async def settle(self) -> None:
        self.found = list(self.kept)


async def test_who_reads_the_trail_is_the_last_to_be_found_in_it() -> None:
    sink = SlowSink()
    auditor = Auditor(sink, FakeClock())
    caller = Caller(Principal("rg_1", ("east",), Role.ADMIN, "jane"), "east", "10.0.0.1", "", "r1")
    await auditor.record(caller, AuditAction.QUERY)
    assert not sink.found
    await auditor.record_reading(caller, AuditAction.READ_AUDIT, RetrieveScope("1.2"), "search", patient_id="P1")
    assert [entry.action for entry in sink.found] == [AuditAction.QUERY, AuditAction.READ_AUDIT]
    last = sink.found[-1]
    assert (last.principal, last.study_instance_uid, last.detail, last.patient_id) == ("jane", "1.2", "search", "P1")
