from typing import Any

import grpc
import pytest

from radgate.v1 import admin_service_pb2 as messages
from radgate.v1.admin_service_pb2_grpc import AdminServiceStub
from radgate_server.core.audit import AuditAction
from radgate_server.core.errors import PacsRejectedError
from radgate_server.core.pacs import DimseConnection
from radgate_server.core.tenancy import Role
from tests.fakes.instances import make_dataset, received
from tests.rpc.rig import EAST_STUDY, Rig, invoke, reason_of, trailer_of


class Admin:
    """Calls AdminService with one key."""

    def __init__(self, channel: grpc.aio.Channel, token: str, tenant_id: str = "") -> None:
        self._stub: Any = AdminServiceStub(channel)
        self._metadata = [("authorization", f"Bearer {token}")] + [("x-tenant-id", tenant_id)] * bool(tenant_id)

    async def __call__(self, rpc: str, **fields: Any) -> Any:
        request = getattr(messages, f"{rpc}Request")(**fields)
        return await getattr(self._stub, rpc)(request, metadata=self._metadata)


@pytest.fixture
async def admin(rig: Rig, channel: grpc.aio.Channel) -> Admin:
    return Admin(channel, await rig.key("east", role=Role.ADMIN))


@pytest.fixture
async def root(rig: Rig, channel: grpc.aio.Channel) -> Admin:
    return Admin(channel, await rig.key("*", role=Role.ADMIN))


DIMSE: dict[str, Any] = {
    "host": "pacs.example",
    "port": 104,
    "called_aet": " PACS ",
    "calling_aet": "RADGATE",
    "retrieve_method": messages.RETRIEVE_METHOD_MOVE,
    "tls": {"ca_file": "/ca.pem", "verify_host": True},
    "username": "radgate",
    "password": "secret",
}


@pytest.mark.parametrize(
    "connection",
    [
        {"folder": {"path": "/var/lib/radgate/warm/west"}},
        {"dimse": DIMSE | {"tls": {"ca_file": "/ca.pem", "certificate_file": "/west.pem"}}},
        {"dimse": DIMSE | {"tls": {"ca_file": "/ca.pem", "private_key_file": "/west.key"}}},
    ],
)
async def test_a_tenants_admin_names_no_files_that_may_be_another_tenants(
    admin: Admin, rig: Rig, connection: dict[str, Any]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("CreatePacs", pacs={"name": "disc"} | connection)
    assert reason_of(caught.value) == "ROLE_NOT_ALLOWED"
    assert [config.name for config in await rig.directory.list_pacs("east")] == ["main"]


async def test_a_new_tenant_finds_nothing_that_one_of_its_name_has_left(root: Admin, rig: Rig) -> None:
    await rig.store.put("north", received(make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1")))
    await root("CreateTenant", tenant_id="north")
    assert not rig.store.instances


async def test_tenants_come_and_go(root: Admin) -> None:
    created = await root("CreateTenant", tenant_id="north")
    assert created.tenant.tenant_id == "north"
    assert created.tenant.create_time.ToDatetime().year == 2026
    listed = [tenant.tenant_id for tenant in (await root("ListTenants")).tenants]
    assert listed == ["east", "north", "west"]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await root("CreateTenant", tenant_id="north")
    assert reason_of(caught.value) == "RESOURCE_EXISTS"
    await root("DeleteTenant", tenant_id="north")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await root("DeleteTenant", tenant_id="north")
    assert reason_of(caught.value) == "RESOURCE_NOT_FOUND"


async def test_a_key_works_until_it_is_revoked(rig: Rig, channel: grpc.aio.Channel, admin: Admin) -> None:
    created = await admin("CreateApiKey", role=messages.ROLE_VIEWER, label="workstation")
    assert list(created.api_key.tenant_ids) == ["east"]
    assert created.token.startswith(f"rg_{created.api_key.key_id}_")
    assert await invoke(channel, "radgate.v1.QueryService/SearchStudies", token=created.token)
    revoked = await admin("RevokeApiKey", key_id=created.api_key.key_id)
    assert revoked.api_key.HasField("revoke_time")
    assert rig.audit.entries[-1].detail == f"revoke key {created.api_key.key_id}"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, "radgate.v1.QueryService/SearchStudies", token=created.token)
    assert reason_of(caught.value) == "UNAUTHENTICATED"
    labels = [key.label for key in (await admin("ListApiKeys")).api_keys]
    assert "workstation" in labels
    assert rig.audit.entries[-1].action is AuditAction.CONFIGURE


async def test_a_key_needs_a_role(admin: Admin) -> None:
    for role in (messages.ROLE_UNSPECIFIED, 77):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await admin("CreateApiKey", role=role)
        assert reason_of(caught.value) == "INVALID_ARGUMENT"


async def test_a_pacs_is_added_and_its_password_never_comes_back(rig: Rig, admin: Admin) -> None:
    created = (await admin("CreatePacs", pacs={"name": "orthanc", "dimse": DIMSE})).pacs
    fetched = (await admin("GetPacs", name="orthanc")).pacs
    assert created == fetched
    dimse = fetched.dimse
    assert (dimse.called_aet, dimse.max_associations, dimse.username, dimse.password) == ("PACS", 4, "radgate", "")
    assert (dimse.retrieve_method, dimse.tls.ca_file) == (messages.RETRIEVE_METHOD_MOVE, "/ca.pem")
    assert [pacs.name for pacs in (await admin("ListPacs")).pacs] == ["main", "orthanc"]
    kept = (await rig.directory.list_pacs("east"))[-1].connection
    assert isinstance(kept, DimseConnection)
    assert kept.password == "secret"


@pytest.mark.parametrize(
    ("pacs", "field"),
    [
        ({"name": "Bad Name", "folder": {"path": "/x"}}, "pacs.name"),
        ({"name": "good"}, "pacs.connection"),
        ({"name": "good", "folder": {"path": "relative"}}, "folder.path"),
        ({"name": "good", "dimse": {**DIMSE, "port": 0}}, "dimse.port"),
        ({"name": "good", "dimse": {**DIMSE, "called_aet": "A" * 17}}, "dimse.called_aet"),
        ({"name": "good", "dimse": {**DIMSE, "retrieve_method": 9}}, "dimse.retrieve_method"),
    ],
)
async def test_an_unusable_pacs_names_the_field(admin: Admin, pacs: dict[str, Any], field: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("CreatePacs", pacs=pacs)
    assert reason_of(caught.value) == "INVALID_ARGUMENT"
    assert caught.value.details().startswith(f"{field}: ")


async def test_a_pacs_is_tested(rig: Rig, admin: Admin) -> None:
    assert (await admin("TestPacs", name="main")).detail == "6 instances"
    rig.east.refuse_with = PacsRejectedError("the PACS rejected the association", pacs="main")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("TestPacs", name="main")
    assert (reason_of(caught.value), trailer_of(caught.value, "x-http-status")) == ("PACS_REJECTED", "502")


async def test_a_removed_pacs_is_gone(admin: Admin) -> None:
    await admin("DeletePacs", name="main")
    for rpc in ("GetPacs", "DeletePacs", "TestPacs"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await admin(rpc, name="main")
        assert reason_of(caught.value) == "RESOURCE_NOT_FOUND"


async def test_caches_tell_what_they_hold_and_forget_it(rig: Rig, channel: grpc.aio.Channel, admin: Admin) -> None:
    request = b"\x0a" + bytes([len(EAST_STUDY)]) + EAST_STUDY.encode()
    await invoke(channel, "radgate.v1.RetrieveService/RetrieveInstances", request, token=await rig.key("east"))
    tiers = {tier.tier: tier for tier in (await admin("GetCacheStats")).tiers}
    assert (list(tiers), tiers["warm"].entries) == (["hot", "warm"], 6)
    assert (await admin("InvalidateCache", study_instance_uid="2.25.9")).instances_removed == 0
    assert (await admin("InvalidateCache", study_instance_uid=EAST_STUDY)).instances_removed == 6


async def test_a_key_for_every_tenant_chooses_where_to_act(rig: Rig, channel: grpc.aio.Channel) -> None:
    west = Admin(channel, await rig.key("*", role=Role.ADMIN), "west")
    created = await west("CreateApiKey", role=messages.ROLE_OPERATOR)
    assert list(created.api_key.tenant_ids) == ["west"]
