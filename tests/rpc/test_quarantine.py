"""QuarantineService: what was refused, for its tenant's administrators."""

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from radgate.v1 import quarantine_service_pb2 as messages
from radgate.v1.error_reason_pb2 import ERROR_REASON_INSTANCE_MISMATCH
from radgate_server.core.access.tenancy import Role
from radgate_server.core.audit.record import AuditAction, AuditEntry
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import MemoryContent
from radgate_server.core.quarantine.refused_instance import RefusedInstance
from tests.rpc.calls import invoke, reason_of
from tests.rpc.rig import EAST_STUDY, Rig

SERVICE = "radgate.v1.QuarantineService"
ASKED, STATED = InstanceRef(EAST_STUDY, "2.25.1.1", "2.25.1.1.1"), InstanceRef("2.25.2", "2.25.2.1", "2.25.2.1.1")


def swapped(tenant_id: str = "east") -> RefusedInstance:
    return RefusedInstance(tenant_id, "main", "INSTANCE_MISMATCH", RetrieveScope(*ASKED), "R", STATED, "WRONG")


async def call(rig: Rig, channel: grpc.aio.Channel, rpc: str, request: object, tenant: str = "east") -> list[bytes]:
    encoded: bytes = request.SerializeToString()  # type: ignore[attr-defined]
    return await invoke(channel, f"{SERVICE}/{rpc}", encoded, token=await rig.key(tenant, role=Role.ADMIN))


async def page(
    rig: Rig, channel: grpc.aio.Channel, tenant: str = "east", **fields: int | str
) -> messages.ListQuarantinedInstancesResponse:
    request = messages.ListQuarantinedInstancesRequest(**fields)  # type: ignore[arg-type]
    (answer,) = await call(rig, channel, "ListQuarantinedInstances", request, tenant)
    return messages.ListQuarantinedInstancesResponse.FromString(answer)


async def test_a_tenants_administrator_lists_and_reads_them_and_is_recorded(
    rig: Rig, channel: grpc.aio.Channel
) -> None:
    await rig.quarantine.store(swapped(), MemoryContent((b"\x93\x11\xfe",)))
    (entry,) = (await page(rig, channel)).instances
    assert (entry.pacs, entry.reason, entry.size_bytes) == ("main", ERROR_REASON_INSTANCE_MISMATCH, 3)
    for identity, ref in ((entry.asked, ASKED), (entry.stated, STATED)):
        assert (identity.study_instance_uid, identity.series_instance_uid, identity.sop_instance_uid) == ref
    request = messages.ReadQuarantinedInstanceRequest(entry_id=entry.entry_id)
    pieces = [HttpBody.FromString(piece) for piece in await call(rig, channel, "ReadQuarantinedInstance", request)]
    assert (pieces[0].content_type, b"".join(piece.data for piece in pieces)) == (
        "application/octet-stream",
        b"\x93\x11\xfe",
    )
    assert [seen(entry) for entry in rig.audit.entries] == [
        (AuditAction.READ_REFUSED, EAST_STUDY, "R"),
        (AuditAction.READ_REFUSED, "2.25.2", "WRONG"),
    ]


def seen(entry: AuditEntry) -> tuple[str, str, str]:
    return entry.action, entry.study_instance_uid, entry.patient_id


async def test_of_what_came_without_a_byte_nothing_is_sent_but_its_type(rig: Rig, channel: grpc.aio.Channel) -> None:
    stranger = RefusedInstance("east", "main", "INSTANCE_MALFORMED", RetrieveScope(EAST_STUDY))
    await rig.quarantine.store(stranger, MemoryContent(()))
    (entry,) = (await page(rig, channel)).instances
    assert (entry.asked.study_instance_uid, entry.asked.sop_instance_uid) == (EAST_STUDY, "")
    assert not entry.HasField("stated")
    request = messages.ReadQuarantinedInstanceRequest(entry_id=entry.entry_id)
    pieces = [HttpBody.FromString(piece) for piece in await call(rig, channel, "ReadQuarantinedInstance", request)]
    assert {piece.data for piece in pieces} == {b""}
    assert pieces[0].content_type == "application/octet-stream"


async def test_pages_follow_one_another(rig: Rig, channel: grpc.aio.Channel) -> None:
    for _ in range(3):
        await rig.quarantine.store(swapped(), MemoryContent((b"x",)))
    first = await page(rig, channel, page_size=2)
    second = await page(rig, channel, page_size=2, page_token=first.next_page_token)
    assert [len(first.instances), len(second.instances), second.next_page_token] == [2, 1, ""]
    assert len({one.entry_id for one in (*first.instances, *second.instances)}) == 3


@pytest.mark.parametrize("rpc", ["ReadQuarantinedInstance", "DeleteQuarantinedInstance"])
async def test_another_tenants_are_as_if_they_were_not_there(rig: Rig, channel: grpc.aio.Channel, rpc: str) -> None:
    await rig.quarantine.store(swapped("west"), MemoryContent((b"x",)))
    assert not (await page(rig, channel)).instances
    (entry,) = (await page(rig, channel, "west")).instances
    for entry_id in (entry.entry_id, "f" * 32):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(rig, channel, rpc, getattr(messages, f"{rpc}Request")(entry_id=entry_id))
        assert reason_of(caught.value) == "RESOURCE_NOT_FOUND"
    assert rig.audit.entries == []
    assert len(rig.quarantine.stored) == 1


async def test_one_is_deleted(rig: Rig, channel: grpc.aio.Channel) -> None:
    await rig.quarantine.store(swapped(), MemoryContent((b"x",)))
    (entry,) = (await page(rig, channel)).instances
    request = messages.DeleteQuarantinedInstanceRequest(entry_id=entry.entry_id)
    await call(rig, channel, "DeleteQuarantinedInstance", request)
    assert [entry.action for entry in rig.audit.entries] == [AuditAction.CONFIGURE]
    assert rig.quarantine.stored == []


@pytest.mark.parametrize("rpc", ["ReadQuarantinedInstance", "DeleteQuarantinedInstance"])
async def test_nothing_is_read_or_deleted_that_can_not_be_recorded(
    rig: Rig, channel: grpc.aio.Channel, rpc: str
) -> None:
    await rig.quarantine.store(swapped(), MemoryContent((b"x",)))
    (entry,) = (await page(rig, channel)).instances
    rig.audit.broken = True
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(rig, channel, rpc, getattr(messages, f"{rpc}Request")(entry_id=entry.entry_id))
    assert reason_of(caught.value) == "AUDIT_UNAVAILABLE"
    assert len(rig.quarantine.stored) == 1
