"""Refused instances in transit to the disk, and in the hands of administrators."""

from typing import Any

import pytest

from radgate_server.core.access.tenancy import Caller, Principal, Role
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import MemoryContent
from radgate_server.core.errors import AuditUnavailableError, ResourceNotFoundError, StorageFullError
from radgate_server.core.quarantine.refused_instance import QuarantineLimits, RefusedInstance
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.quarantine import storing as module
from radgate_server.services.quarantine.storing import MAX_WAITING, QuarantineAdmin, QuarantineWriter
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.clock import FakeClock
from tests.fakes.quarantine import MemoryQuarantine
from tests.fakes.telemetry import RecordingTelemetry

LIMITS = QuarantineLimits(tenant_bytes=1000, tenant_entries=100, instance_bytes=100, kept_s=60)
OFF = QuarantineLimits(0, 0, 0, 0)
ASKED, STATED = InstanceRef("2.25.1", "2.25.1.1", "2.25.1.1.1"), InstanceRef("2.25.2", "2.25.2.1", "2.25.2.1.1")
SWAPPED = RefusedInstance("east", "main", "INSTANCE_MISMATCH", RetrieveScope(*ASKED), "RIGHT", STATED, "WRONG")
MALFORMED = RefusedInstance("east", "main", "INSTANCE_MALFORMED", RetrieveScope(*ASKED), "RIGHT")
ADMIN = Caller(Principal("k", ("east",), Role.ADMIN, "admin"), "east", "192.0.2.7", "tests", "request-1")


class Room:
    def __init__(self, limits: QuarantineLimits = LIMITS) -> None:
        self.clock, self.telemetry, self.audit = FakeClock(), RecordingTelemetry(), RecordingAuditSink()
        self.stored = MemoryQuarantine(self.clock)
        self.writer = QuarantineWriter(self.stored, limits, self.telemetry)
        self.admin = QuarantineAdmin(self.stored, Auditor(self.audit, self.clock))

    def offer(self, refused: RefusedInstance = MALFORMED, size_bytes: int = 10) -> None:
        self.writer.offer(refused, MemoryContent((bytes(size_bytes),)))

    async def one(self, refused: RefusedInstance) -> str:
        """The id of the only one."""
        self.offer(refused)
        await self.writer.settle()
        (entry,) = await self.admin.list_entries(ADMIN)
        return entry.entry_id


async def test_what_is_offered_is_stored_and_counted() -> None:
    room = Room()
    room.offer(size_bytes=100)
    assert room.stored.stored == []
    await room.writer.settle()
    assert [entry.size_bytes for entry, _ in room.stored.stored] == [100]
    assert room.telemetry.quarantined == ["stored"]


async def test_a_full_queue_drops_and_counts() -> None:
    room = Room()
    for _ in range(MAX_WAITING + 2):
        room.offer()
    assert room.telemetry.quarantined == ["queue-full"] * 2
    await room.writer.settle()
    room.offer()
    await room.writer.settle()
    assert len(room.stored.stored) == MAX_WAITING + 1


async def test_bytes_fill_the_queue_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 150)
    room = Room()
    for _ in range(2):
        room.offer(size_bytes=100)
    assert room.telemetry.quarantined == ["queue-full"]
    await room.writer.settle()
    room.offer(size_bytes=100)
    assert room.telemetry.quarantined == ["queue-full", "stored"]


async def test_one_that_is_too_large_is_counted_and_not_stored() -> None:
    room = Room()
    room.offer(size_bytes=101)
    await room.writer.settle()
    assert (room.stored.stored, room.telemetry.quarantined) == ([], ["too-large"])


async def test_switched_off_it_takes_and_counts_nothing() -> None:
    room = Room(OFF)
    room.offer()
    await room.writer.settle()
    assert (room.stored.stored, room.telemetry.quarantined) == ([], [])


@pytest.mark.parametrize("error", [StorageFullError("no room"), RuntimeError("a defect")])
async def test_a_failure_is_counted_and_the_next_one_is_stored(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room()

    async def fail(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(room.stored, "store", fail)
        room.offer()
        await room.writer.settle()
    room.offer()
    await room.writer.settle()
    assert room.telemetry.quarantined == ["failed", "stored"]


@pytest.mark.parametrize(
    ("refused", "study", "is_left"),
    [
        (SWAPPED, ASKED.study_instance_uid, False),
        (SWAPPED, STATED.study_instance_uid, False),
        (SWAPPED, "2.25.9", True),
        (MALFORMED, "2.25.9", False),
    ],
)
async def test_what_waits_is_erased_as_what_is_stored(refused: RefusedInstance, study: str, is_left: bool) -> None:
    room = Room()
    await room.one(refused)
    room.offer(refused)
    await room.writer.erase_study("east", study)
    await room.writer.settle()
    assert len(room.stored.stored) == (2 if is_left else 0)


async def test_with_a_tenant_goes_what_waits_and_what_is_stored_of_it_alone() -> None:
    room = Room()
    await room.one(MALFORMED)
    room.offer()
    await room.writer.erase_tenant("west")
    await room.writer.settle()
    assert len(room.stored.stored) == 2
    room.offer()
    await room.writer.erase_tenant("east")
    await room.writer.settle()
    assert room.stored.stored == []


async def test_reading_is_recorded_as_an_access_to_both_studies() -> None:
    room = Room()
    entry_id = await room.one(SWAPPED)
    assert b"".join([piece async for piece in room.admin.read(ADMIN, entry_id)]) == bytes(10)
    assert [(entry.action, entry.study_instance_uid, entry.patient_id, entry.pacs) for entry in room.audit.entries] == [
        (AuditAction.READ_REFUSED, ASKED.study_instance_uid, "RIGHT", "main"),
        (AuditAction.READ_REFUSED, STATED.study_instance_uid, "WRONG", "main"),
    ]


async def test_nothing_is_read_that_can_not_be_recorded() -> None:
    room = Room()
    entry_id = await room.one(MALFORMED)
    room.audit.broken = True
    with pytest.raises(AuditUnavailableError):
        await anext(room.admin.read(ADMIN, entry_id))


async def test_a_deletion_is_recorded() -> None:
    room = Room()
    entry_id = await room.one(MALFORMED)
    await room.admin.remove(ADMIN, entry_id)
    assert (room.audit.entries[0].action, room.stored.stored) == (AuditAction.CONFIGURE, [])
    with pytest.raises(ResourceNotFoundError):
        await room.admin.remove(ADMIN, entry_id)
