"""Statistics and invalidation of the cache by both clients of the SDK."""

import asyncio
from datetime import timedelta

import pytest

import radgate
from radgate.v1 import admin_service_pb2 as messages
from radgate_server.core.access.tenancy import Role
from tests.rpc.rig import EAST_FILES, EAST_STUDY, Rig


async def test_what_is_cached_is_counted_and_invalidated(rig: Rig) -> None:
    async with radgate.aio.Client(rig.target, await rig.key("east", role=Role.OPERATOR)) as client:
        retrieval = client.retrieve_study(EAST_STUDY)
        assert len([instance async for instance in retrieval]) == len(EAST_FILES)
        held = {tier.tier: tier.entries for tier in (await client.cache.stats(days=7)).tiers}
        assert held[messages.CACHE_TIER_WARM] == len(EAST_FILES)
        with pytest.raises(radgate.InvalidRequestError):
            await client.cache.invalidate(EAST_STUDY, older_than=timedelta(seconds=-1))
        assert await client.cache.invalidate(EAST_STUDY, pacs="main", dry_run=True) == len(EAST_FILES)
        assert await client.cache.invalidate(EAST_STUDY) == len(EAST_FILES)
        assert await client.cache.invalidate() == 0


async def test_the_synchronous_client_does_the_same(rig: Rig) -> None:
    token = await rig.key("east", role=Role.OPERATOR)

    def use() -> list[int]:
        with radgate.Client(rig.target, token) as client:
            instances = len(list(client.retrieve_study(EAST_STUDY)))
            series = f"{EAST_STUDY}.1"
            return [instances, len(client.cache.stats().tiers), client.cache.invalidate(EAST_STUDY, series)]

    instances, tiers, removed = await asyncio.to_thread(use)
    assert tiers == 3
    assert 0 < removed <= instances
