"""What is reported of caches: a tenant's own to whoever acts for it, the sum to those who run the installation."""

from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

import radgate
from radgate.v1 import admin_service_pb2 as messages
from radgate.v1.admin_service_pb2_grpc import AdminServiceStub
from radgate_server.core.access.tenancy import Role
from radgate_server.core.cache.accesses import PACS
from radgate_server.core.cache.ports.shared import SharedTierError
from radgate_server.services.administration import cache_report
from tests.fakes.shared_answers import MemorySharedAnswers
from tests.rpc.calls import reason_of
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_FILES, EAST_STUDY, WEST_FILES, WEST_STUDY, Rig, running_rig

STUDIES = {"east": EAST_STUDY, "west": WEST_STUDY}


async def stats(channel: grpc.aio.Channel, token: str, tenant: str = "", header: str = "", **fields: Any) -> Any:
    metadata = [("authorization", f"Bearer {token}"), *([("x-tenant-id", header)] if header else [])]
    request = messages.GetCacheStatsRequest(tenant_id=tenant, **fields)
    return await AdminServiceStub(channel).GetCacheStats(request, metadata=metadata)


@pytest.fixture
async def read(rig: Rig, channel: grpc.aio.Channel) -> Rig:
    """East has read its study twice, west once."""
    for tenant, times in (("east", 2), ("west", 1)):
        web = Web(channel, await rig.key(tenant))
        for _ in range(times):
            await web.get(f"/studies/{STUDIES[tenant]}")
    await rig.app.services.accesses.write()
    return rig


def entries(tiers: Any) -> int:
    return sum(tier.entries for tier in tiers if tier.tier == messages.CACHE_TIER_WARM)


async def test_the_sum_is_over_all_tenants_with_each_beside_it(read: Rig, channel: grpc.aio.Channel) -> None:
    found = await stats(channel, await read.key("*", role=Role.OPERATOR))
    assert entries(found.tiers) == len(EAST_FILES) + len(WEST_FILES)
    assert [(one.tenant_id, entries(one.tiers)) for one in found.tenants] == [
        ("east", len(EAST_FILES)),
        ("west", len(WEST_FILES)),
    ]
    assert {tier.tier: tier.accesses for tier in found.history.tiers} == {PACS: 2, "warm": 1}
    assert [one.history.hit_rate for one in found.tenants] == [0.5, 0.0]
    assert found.history.hit_rate == pytest.approx(1 / 3)
    assert (found.history.saved_accesses, found.omitted_tenants) == (1, 0)
    assert found.history.fetched_bytes == sum(map(len, EAST_FILES + WEST_FILES))
    assert found.history.saved_bytes == found.tenants[0].history.saved_bytes > 0
    assert not found.history.HasField("recommendation"), "of one tenant alone"
    (ages,) = found.ages
    assert (ages.tier, ages.entries) == (messages.CACHE_TIER_WARM, len(EAST_FILES) + len(WEST_FILES))
    assert [age.used for age in ages.ages] == [ages.entries] * 5


async def test_a_tenant_sees_itself_alone_with_latency_and_ages(read: Rig, channel: grpc.aio.Channel) -> None:
    for tenant, files in (("east", EAST_FILES), ("west", WEST_FILES)):
        found = await stats(channel, await read.key(tenant, role=Role.OPERATOR))
        assert entries(found.tiers) == len(files)
        assert [ages.entries for ages in found.ages] == [len(files)]
        assert all(tier.first_byte.ToNanoseconds() > 0 for tier in found.history.tiers)
        assert found.history.HasField("recommendation")
        assert not found.tenants
        assert not found.stores


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN])
@pytest.mark.parametrize(
    ("tenant", "header"), [("west", ""), ("", "west"), ("*", ""), ("", "*"), ("-", ""), ("all", "")]
)
async def test_nobody_asks_for_what_is_another_tenants(
    read: Rig, channel: grpc.aio.Channel, role: Role, tenant: str, header: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stats(channel, await read.key("east", role=role), tenant, header)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_two_names_for_the_tenant_are_refused(read: Rig, channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stats(channel, await read.key("east", role=Role.OPERATOR), "west", "east")
    assert reason_of(caught.value) in ("INVALID_ARGUMENT", "TENANT_NOT_ALLOWED")


async def test_a_credential_of_several_tenants_sees_one_at_a_time(read: Rig, channel: grpc.aio.Channel) -> None:
    token = await read.key("west", "east", role=Role.ADMIN)
    unnamed, named = await stats(channel, token), await stats(channel, token, "east")
    assert (entries(unnamed.tiers), entries(named.tiers)) == (len(WEST_FILES), len(EAST_FILES))
    assert not _names(unnamed) & {"east"}
    assert not unnamed.tenants


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
async def test_the_sum_needs_an_operator(read: Rig, channel: grpc.aio.Channel, role: Role) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stats(channel, await read.key("*", role=role))
    assert reason_of(caught.value) == "ROLE_NOT_ALLOWED"


async def test_of_many_tenants_those_with_the_most_accesses_are_listed(
    read: Rig, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_report, "MAX_TENANTS", 1)
    found = await stats(channel, await read.key("*", role=Role.OPERATOR))
    assert ([one.tenant_id for one in found.tenants], found.omitted_tenants) == (["east"], 1)
    assert entries(found.tiers) == len(EAST_FILES) + len(WEST_FILES)


async def test_the_sdk_has_the_sum_too(read: Rig) -> None:
    async with radgate.aio.Client(read.target, await read.key("*", role=Role.OPERATOR)) as client:
        assert [one.tenant_id for one in (await client.cache.stats(days=1)).tenants] == ["east", "west"]


async def test_the_store_behind_redis_is_shown_with_the_sum_alone() -> None:
    rig = Rig()
    answers = MemorySharedAnswers(rig.clock)
    rig.share_by(answers)
    async with running_rig(rig), grpc.aio.insecure_channel(rig.target) as channel:
        (store,) = (await stats(channel, await rig.key("*", role=Role.OPERATOR))).stores
        assert (store.tier, store.limit_bytes) == (messages.CACHE_TIER_REDIS, 1 << 20)
        assert not (await stats(channel, await rig.key("east", role=Role.OPERATOR))).stores
        answers.failing = SharedTierError("Redis does not answer in time")
        assert not (await stats(channel, await rig.key("*", role=Role.OPERATOR))).stores


def _names(message: Message) -> set[str]:
    return {word for word in str(message).replace('"', " ").split() if word in STUDIES}
