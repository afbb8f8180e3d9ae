"""Every rpc of the running server, knocked at by those who must not come in."""

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from radgate.v1 import admin_service_pb2, query_service_pb2, retrieve_service_pb2
from radgate_server.core.access.tenancy import Role
from radgate_server.rpc.access.authorization import METHODS, TenantNeed
from tests.rpc.callers import AUTH, CERTIFICATES, GATEWAY_SECRET, KINDS, bearer, seen_by_gateway
from tests.rpc.calls import RPCS, invoke, reason_of, rich_status_of, trailer_of
from tests.rpc.named_requests import REQUESTS_OF
from tests.rpc.rig import EAST_STUDY, WEST_STUDY, Rig

PROTECTED = [name for name, access in METHODS.items() if not access.is_public]
INSTALLATION = [name for name in PROTECTED if METHODS[name].tenant is TenantNeed.EVERY_TENANT]
OF_TENANT = [name for name in PROTECTED if METHODS[name].tenant is TenantNeed.TENANT]
NAMING_TENANT = [
    name
    for name in PROTECTED
    if name not in INSTALLATION and name in REQUESTS_OF and "tenant_id" in REQUESTS_OF[name].DESCRIPTOR.fields_by_name
]

SEARCH = "radgate.v1.QueryService/SearchStudies"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


async def test_every_rpc_of_every_registered_service_has_a_row(rig: Rig, channel: grpc.aio.Channel) -> None:
    request = ServerReflectionRequest(list_services="").SerializeToString()
    answers = await invoke(channel, REFLECTION, request, token=await rig.key("east"))
    served = {
        service.name for service in ServerReflectionResponse.FromString(answers[0]).list_services_response.service
    }
    assert served == {name.partition("/")[0] for name in RPCS}
    assert set(METHODS) == set(RPCS)


@pytest.mark.parametrize("name", PROTECTED)
async def test_no_rpc_works_without_a_key(rig: Rig, channel: grpc.aio.Channel, name: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, name)
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


@pytest.mark.parametrize("name", PROTECTED)
async def test_no_rpc_works_with_a_bad_key(rig: Rig, channel: grpc.aio.Channel, name: str) -> None:
    token = await rig.key("east", role=Role.ADMIN)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, name, token=token[:-1] + ("A" if token[-1] != "A" else "B"))
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PROTECTED)
async def test_no_rpc_reaches_another_tenant(rig: Rig, channel: grpc.aio.Channel, name: str, kind: str) -> None:
    headers = await rig.introduce(kind, "east", Role.ADMIN)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, name, **headers, x_tenant_id="west")
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.PERMISSION_DENIED, "TENANT_NOT_ALLOWED")


@pytest.mark.parametrize("name", NAMING_TENANT)
async def test_no_request_reaches_another_tenant_by_naming_it(rig: Rig, channel: grpc.aio.Channel, name: str) -> None:
    request = REQUESTS_OF[name](tenant_id="west").SerializeToString()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, name, request, token=await rig.key("east", role=Role.ADMIN))
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.PERMISSION_DENIED, "TENANT_NOT_ALLOWED")


async def test_a_request_names_the_tenant_to_act_for(rig: Rig, channel: grpc.aio.Channel) -> None:
    async def pacs(token: str, tenant_id: str, **headers: str) -> list[str]:
        request = admin_service_pb2.ListPacsRequest(tenant_id=tenant_id).SerializeToString()
        (answer,) = await invoke(channel, "radgate.v1.AdminService/ListPacs", request, token=token, **headers)
        listed = admin_service_pb2.ListPacsResponse.FromString(answer).pacs
        return [each.folder.path for each in listed]

    for token in (await rig.key("*", role=Role.ADMIN), await rig.key("east", "west", role=Role.ADMIN)):
        assert await pacs(token, "west") == await pacs(token, "west", x_tenant_id="west") == ["/west"]
        assert await pacs(token, "", x_tenant_id="west") == ["/west"]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pacs(token, "west", x_tenant_id="east")
        assert reason_of(caught.value) == "INVALID_ARGUMENT"


REFUSED_ROLES = [(name, role) for name in PROTECTED for role in Role if role not in METHODS[name].roles]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "role"), REFUSED_ROLES)
async def test_no_rpc_works_with_a_role_that_its_row_does_not_have(
    rig: Rig, channel: grpc.aio.Channel, name: str, role: Role, kind: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, name, **await rig.introduce(kind, "east", role))
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_NOT_ALLOWED")


def test_an_auditor_reads_the_trail_and_who_may_come_in_and_no_images() -> None:
    allowed = {name.partition("/")[2] for name in PROTECTED if Role.AUDITOR in METHODS[name].roles}
    trail = {
        "SearchAuditRecords",
        "VerifyAuditTrail",
        "ListAuditCheckpoints",
        "MakeAuditReport",
        "ListReportSchedules",
        "RunReportSchedule",
        "GetRetention",
        "ListLegalHolds",
        "GetErasure",
        "ListErasures",
    }
    assert allowed == {"ListTenants", "ListApiKeys", "GetLimits", "ServerReflectionInfo", *trail}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", INSTALLATION)
async def test_a_tenants_admin_does_not_run_the_installation(
    rig: Rig, channel: grpc.aio.Channel, name: str, kind: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, name, **await rig.introduce(kind, "east", Role.ADMIN))
    assert reason_of(caught.value) == "TENANT_NOT_ALLOWED"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OF_TENANT)
async def test_a_credential_for_every_tenant_must_choose_one(
    rig: Rig, channel: grpc.aio.Channel, name: str, kind: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, name, **await rig.introduce(kind, "*", Role.ADMIN))
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")


@pytest.mark.parametrize("kind", KINDS)
async def test_each_tenant_finds_its_own_studies_only(rig: Rig, channel: grpc.aio.Channel, kind: str) -> None:
    found = {}
    for tenant in ("east", "west"):
        answer = await invoke(channel, SEARCH, **await rig.introduce(kind, tenant))
        response = query_service_pb2.SearchStudiesResponse.FromString(answer[0])
        found[tenant] = [study.study_instance_uid for study in response.studies]
    assert found == {"east": [EAST_STUDY], "west": [WEST_STUDY]}


@pytest.mark.parametrize("name", PROTECTED)
async def test_what_only_the_gateway_may_say_is_worthless_from_anybody_else(
    rig: Rig, channel: grpc.aio.Channel, name: str
) -> None:
    """The test's connection comes from this machine, as the gateway's does; it lacks the secret."""
    for secret in ("", "-", "guessed", GATEWAY_SECRET + "x"):
        forged = seen_by_gateway(certificate=CERTIFICATES["east", Role.ADMIN], secret=secret)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await invoke(channel, name, **forged)
        assert reason_of(caught.value) == "UNAUTHENTICATED"


async def test_who_is_distinguished_in_the_audit_trail(rig: Rig, channel: grpc.aio.Channel) -> None:
    for kind in KINDS:
        await invoke(channel, SEARCH, **await rig.introduce(kind, "east"))
    key, token, certificate = [entry.key_id for entry in rig.audit.entries if entry.action == "query"][-3:]
    assert len(key) == 12
    assert (token, certificate) == ("oidc:hospital:jane", "certificate:URI:spiffe://test/east/viewer")


async def test_a_token_goes_before_a_certificate_also_when_it_is_bad(rig: Rig, channel: grpc.aio.Channel) -> None:
    certificate = seen_by_gateway(certificate=CERTIFICATES["east", Role.VIEWER])
    await invoke(channel, SEARCH, **certificate)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, SEARCH, **certificate, **bearer("a.b.c"))
    assert reason_of(caught.value) == "UNAUTHENTICATED"


async def test_who_guesses_has_to_wait_and_is_informed_how_long(rig: Rig, channel: grpc.aio.Channel) -> None:
    good = seen_by_gateway(address="10.0.0.2") | bearer(await rig.key("east"))
    guesser = seen_by_gateway(address="10.0.0.1")
    colleague = guesser | bearer(await rig.key("east"))
    for number in range(AUTH.max_failures + 1):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await invoke(channel, SEARCH, **guesser, **bearer(f"rg_0123456789ab_{number:043}"))
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, SEARCH, **guesser, **bearer(f"rg_0123456789ab_{'again':043}"))
    assert (caught.value.code(), reason_of(caught.value)) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_FAILURES",
    )
    assert trailer_of(caught.value, "retry-after") == "1"
    assert any(detail.Is(RetryInfo.DESCRIPTOR) for detail in rich_status_of(caught.value).details)
    assert await invoke(channel, SEARCH, **good)
    assert await invoke(channel, SEARCH, **colleague)


@pytest.mark.parametrize("name", ["RetrieveInstances", "RetrieveMetadata"])
async def test_another_tenants_study_does_not_exist_even_when_it_is_warm(
    rig: Rig, channel: grpc.aio.Channel, name: str
) -> None:
    request = retrieve_service_pb2.RetrieveInstancesRequest(study_instance_uid=WEST_STUDY).SerializeToString()
    method = f"radgate.v1.RetrieveService/{name}"
    assert await invoke(channel, method, request, token=await rig.key("west"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, method, request, token=await rig.key("east"))
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.NOT_FOUND, "OBJECT_NOT_FOUND")


async def test_a_tenants_admin_lists_its_own_tenant_keys_and_pacs_only(rig: Rig, channel: grpc.aio.Channel) -> None:
    token, _ = await rig.key("east", role=Role.ADMIN), await rig.key("west", role=Role.ADMIN)
    tenants = await invoke(channel, "radgate.v1.AdminService/ListTenants", token=token)
    keys = await invoke(channel, "radgate.v1.AdminService/ListApiKeys", token=token)
    listed = admin_service_pb2.ListTenantsResponse.FromString(tenants[0]).tenants
    assert [tenant.tenant_id for tenant in listed] == ["east"]
    assert {tuple(key.tenant_ids) for key in admin_service_pb2.ListApiKeysResponse.FromString(keys[0]).api_keys} == {
        ("east",)
    }


async def test_an_admin_can_not_revoke_another_tenants_key(rig: Rig, channel: grpc.aio.Channel) -> None:
    west = await rig.key("west")
    request = admin_service_pb2.RevokeApiKeyRequest(key_id=west.split("_")[1]).SerializeToString()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(
            channel, "radgate.v1.AdminService/RevokeApiKey", request, token=await rig.key("east", role=Role.ADMIN)
        )
    assert reason_of(caught.value) == "RESOURCE_NOT_FOUND"
    assert await invoke(channel, "radgate.v1.QueryService/SearchStudies", token=west)


async def test_a_key_that_another_tenant_shares_is_neither_revoked_nor_read_by_one_of_them(
    rig: Rig, channel: grpc.aio.Channel
) -> None:
    shared = await rig.key("east", "west")
    request = admin_service_pb2.RevokeApiKeyRequest(key_id=shared.split("_")[1]).SerializeToString()
    revoke, list_keys = "radgate.v1.AdminService/RevokeApiKey", "radgate.v1.AdminService/ListApiKeys"
    east = await rig.key("east", role=Role.ADMIN)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, revoke, request, token=east)
    assert reason_of(caught.value) == "TENANT_NOT_ALLOWED"
    assert await invoke(channel, "radgate.v1.QueryService/SearchStudies", token=shared)

    (listed,) = await invoke(channel, list_keys, token=east)
    keys = {key.key_id: key for key in admin_service_pb2.ListApiKeysResponse.FromString(listed).api_keys}
    found = keys[shared.split("_")[1]]
    assert (found.label, list(found.tenant_ids)) == ("", ["east"])
    await invoke(channel, revoke, request, token=await rig.key("east", "west", role=Role.ADMIN))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, "radgate.v1.QueryService/SearchStudies", token=shared)
    assert reason_of(caught.value) == "UNAUTHENTICATED"


async def test_health_needs_no_key(rig: Rig, channel: grpc.aio.Channel) -> None:
    assert await invoke(channel, "grpc.health.v1.Health/Check") == [b"\x08\x01"]


async def test_who_is_turned_away_is_recorded(rig: Rig, channel: grpc.aio.Channel) -> None:
    name, raised = "radgate.v1.QueryService/SearchStudies", "radgate.v1.AdminService/CreatePacs"
    viewer = await rig.key("east")
    calls: list[tuple[str, dict[str, str]]] = [
        (name, {"token": "rg_bad", "x_tenant_id": "east"}),
        (name, {"token": viewer, "x_tenant_id": "west"}),
        (raised, {"token": viewer}),
    ]
    for method, headers in calls:
        for _ in range(3):
            with pytest.raises(grpc.aio.AioRpcError):
                await invoke(channel, method, **headers)
    await rig.refusals.look()
    key_id = viewer.split("_")[1]
    reported = [
        (entry.action, entry.outcome, entry.tenant_id, entry.key_id, entry.detail) for entry in rig.audit.entries
    ]
    first = [
        ("authenticate", "failed", "", "", f"{name} for tenant east: UNAUTHENTICATED (there is no such key)"),
        ("authorise", "denied", "", "", f"{name} for tenant west: TENANT_NOT_ALLOWED"),
        ("authorise", "denied", "east", key_id, f"{raised}: ROLE_NOT_ALLOWED"),
    ]
    assert reported == first + [(*entry[:4], f"{entry[4]}, and 2 more like it") for entry in first]
    assert {entry.address for entry in rig.audit.entries} == {"127.0.0.1"}
