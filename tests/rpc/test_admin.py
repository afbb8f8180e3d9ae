from datetime import UTC, timedelta
from typing import Any

import grpc
import pytest

from radgate.v1 import admin_service_pb2 as messages
from radgate.v1.query_service_pb2 import SearchStudiesResponse
from radgate_server.core.access.tenancy import Role
from radgate_server.core.audit.record import AuditAction
from radgate_server.rpc.v1.convert.times import to_duration, to_timestamp
from tests.fakes.clock import START
from tests.fakes.instances import make_dataset, make_study, received
from tests.rpc.administrator import Administrator
from tests.rpc.calls import invoke, reason_of
from tests.rpc.rig import EAST_STUDY, Rig

SEARCH = "radgate.v1.QueryService/SearchStudies"


@pytest.fixture
async def admin(rig: Rig, channel: grpc.aio.Channel) -> Administrator:
    return Administrator(channel, await rig.key("east", role=Role.ADMIN))


@pytest.fixture
async def root(rig: Rig, channel: grpc.aio.Channel) -> Administrator:
    return Administrator(channel, await rig.key("*", role=Role.ADMIN))


async def test_a_new_tenant_finds_nothing_that_one_of_its_name_has_left(root: Administrator, rig: Rig) -> None:
    await rig.store.put("north", received(make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1")))
    await root("CreateTenant", tenant_id="north")
    assert not rig.store.instances


async def test_tenants_come_and_go(root: Administrator) -> None:
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


async def test_a_key_works_until_it_is_revoked(rig: Rig, channel: grpc.aio.Channel, admin: Administrator) -> None:
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
    assert rig.audit.entries[-1].action is AuditAction.AUTHENTICATE


async def test_a_key_ends_when_it_was_said(rig: Rig, channel: grpc.aio.Channel, admin: Administrator) -> None:
    created = await admin(
        "CreateApiKey", role=messages.ROLE_VIEWER, expire_time=to_timestamp(START + timedelta(hours=1))
    )
    assert created.api_key.expire_time.ToDatetime(UTC) == START + timedelta(hours=1)
    assert await invoke(channel, SEARCH, token=created.token)
    rig.clock.advance(3600)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, SEARCH, token=created.token)
    assert reason_of(caught.value) == "UNAUTHENTICATED"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("CreateApiKey", role=messages.ROLE_VIEWER, expire_time=to_timestamp(START))
    assert reason_of(caught.value) == "INVALID_ARGUMENT"


async def test_a_rotated_key_continues_for_the_overlap_and_the_new_one_lives_as_long_as_it(
    rig: Rig, channel: grpc.aio.Channel, admin: Administrator
) -> None:
    ends = to_timestamp(START + timedelta(days=90))
    old = await admin("CreateApiKey", role=messages.ROLE_OPERATOR, label="ward", expire_time=ends)
    rig.clock.advance(86_400)
    new = await admin("RotateApiKey", key_id=old.api_key.key_id, overlap=to_duration(3600))
    record = new.api_key
    assert (record.role, record.label, list(record.tenant_ids)) == (messages.ROLE_OPERATOR, "ward", ["east"])
    assert record.expire_time.ToDatetime(UTC) == START + timedelta(days=91)
    listed = {key.key_id: key for key in (await admin("ListApiKeys")).api_keys}
    former = listed[old.api_key.key_id]
    assert former.replaced_by_key_id == record.key_id
    assert former.expire_time.ToDatetime(UTC) == START + timedelta(days=1, hours=1)
    for token in (old.token, new.token):
        assert await invoke(channel, SEARCH, token=token)
    rig.clock.advance(3600)
    assert await invoke(channel, SEARCH, token=new.token)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, SEARCH, token=old.token)
    assert reason_of(caught.value) == "UNAUTHENTICATED"


async def test_a_key_for_some_studies_keeps_to_them_also_when_it_is_rotated(
    rig: Rig, channel: grpc.aio.Channel, admin: Administrator
) -> None:
    given = messages.StudyRestriction(
        patients=[
            messages.RestrictedPatient(patient_id="P-1"),
            messages.RestrictedPatient(patient_id="P-9", issuer="N"),
        ],
        modalities=["CT"],
        referring_physicians=["REFERRER^RITA"],
        study_dates=["20260101-", "90d"],
    )
    rig.east.add(*make_study(1, study="2.25.3000", PatientID="P-2"))
    created = await admin("CreateApiKey", role=messages.ROLE_VIEWER, restriction=given)
    rotated = await admin("RotateApiKey", key_id=created.api_key.key_id)
    listed = {key.key_id: key.restriction for key in (await admin("ListApiKeys")).api_keys}
    for answer in (created, rotated):
        assert answer.api_key.restriction == listed[answer.api_key.key_id] == given
    found = await invoke(channel, SEARCH, token=rotated.token)
    assert [study.study_instance_uid for study in SearchStudiesResponse.FromString(found[0]).studies] == [EAST_STUDY]
    detail = "for some studies by patients, referring_physicians, modalities, study_dates"
    assert f"create key {created.api_key.key_id}, {detail}" in [entry.detail for entry in rig.audit.entries]


@pytest.mark.parametrize(
    ("role", "given"),
    [
        (messages.ROLE_OPERATOR, messages.StudyRestriction(modalities=["CT"])),
        (messages.ROLE_VIEWER, messages.StudyRestriction()),
        (messages.ROLE_VIEWER, messages.StudyRestriction(modalities=["C*"])),
        (messages.ROLE_VIEWER, messages.StudyRestriction(patients=[messages.RestrictedPatient(issuer="N")])),
    ],
)
async def test_a_restriction_that_restricts_nothing_or_a_role_that_needs_all_is_refused(
    admin: Administrator, role: int, given: messages.StudyRestriction
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("CreateApiKey", role=role, restriction=given)
    assert reason_of(caught.value) == "INVALID_ARGUMENT"


async def test_what_can_not_be_rotated(rig: Rig, admin: Administrator) -> None:
    shared, west = (await rig.key("east", "west")).split("_")[1], (await rig.key("west")).split("_")[1]
    mine = (await rig.key("east")).split("_")[1]
    await admin("RotateApiKey", key_id=mine)
    attempts = {
        "TENANT_NOT_ALLOWED": [(shared, 0)],
        "RESOURCE_NOT_FOUND": [(west, 0), (mine, 0), ("no key", 0), ("0123456789ab", 0)],
        "INVALID_ARGUMENT": [(mine, -1), (mine, 91 * 86_400)],
    }
    for reason, calls in attempts.items():
        for key_id, overlap_s in calls:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await admin("RotateApiKey", key_id=key_id, overlap=to_duration(overlap_s))
            assert reason_of(caught.value) == reason


async def test_a_key_needs_a_role(admin: Administrator) -> None:
    for role in (messages.ROLE_UNSPECIFIED, 77):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await admin("CreateApiKey", role=role)
        assert reason_of(caught.value) == "INVALID_ARGUMENT"


async def test_caches_report_what_they_hold_and_forget_it(
    rig: Rig, channel: grpc.aio.Channel, admin: Administrator
) -> None:
    request = b"\x0a" + bytes([len(EAST_STUDY)]) + EAST_STUDY.encode()
    await invoke(channel, "radgate.v1.RetrieveService/RetrieveInstances", request, token=await rig.key("east"))
    hot, warm, derived = (await admin("GetCacheStats")).tiers  # the rig's derived things lie in a second hot cache
    names = [messages.CacheTier.Name(found.tier) for found in (hot, warm, derived)]
    assert names == ["CACHE_TIER_HOT", "CACHE_TIER_WARM", "CACHE_TIER_HOT"]
    assert (warm.entries, derived.entries) == (6, 0)
    assert (await admin("InvalidateCache", study_instance_uid="2.25.9")).instances_removed == 0
    assert (await admin("InvalidateCache", study_instance_uid=EAST_STUDY)).instances_removed == 6


async def test_a_part_of_what_is_cached_is_invalidated(
    rig: Rig, channel: grpc.aio.Channel, admin: Administrator
) -> None:
    study = b"\x0a" + bytes([len(EAST_STUDY)]) + EAST_STUDY.encode()

    async def fetch() -> None:
        await invoke(channel, "radgate.v1.RetrieveService/RetrieveInstances", study, token=await rig.key("east"))

    async def removed(**chosen: Any) -> int:
        dry = (await admin("InvalidateCache", dry_run=True, **chosen)).instances_removed
        assert (await admin("InvalidateCache", **chosen)).instances_removed == dry
        return int(dry)

    await fetch()
    refs = [ref for tenant, ref in rig.store.instances if tenant == "east"]
    ref = refs[0]
    of_series = [one for one in refs if one.series_instance_uid == ref.series_instance_uid]
    named = {"study_instance_uid": EAST_STUDY, "series_instance_uid": ref.series_instance_uid}
    assert await removed(**named, sop_instance_uid=ref.sop_instance_uid) == 1
    assert await removed(**named) == len(of_series) - 1
    await fetch()
    assert await removed(pacs="nobody") == 0
    assert await removed(pacs="main") == 6
    await fetch()
    assert await removed(older_than=to_duration(10 * 365 * 86400)) == 0
    assert await removed(study_instance_uid=EAST_STUDY, older_than=to_duration(3600)) == 6


@pytest.mark.parametrize(
    "chosen",
    [{"series_instance_uid": "1.2"}, {"study_instance_uid": "1.2", "sop_instance_uid": "1.3"}, {"pacs": "A B"}],
)
async def test_a_scope_that_is_none_is_refused(admin: Administrator, chosen: dict[str, str]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("InvalidateCache", **chosen)
    assert reason_of(caught.value) == "INVALID_ARGUMENT"


async def test_a_key_for_every_tenant_chooses_where_to_act(rig: Rig, channel: grpc.aio.Channel) -> None:
    west = Administrator(channel, await rig.key("*", role=Role.ADMIN), "west")
    created = await west("CreateApiKey", role=messages.ROLE_OPERATOR)
    assert list(created.api_key.tenant_ids) == ["west"]
