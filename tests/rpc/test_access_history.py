"""The history of accesses that calls leave, against the running server."""

from typing import Any

import grpc
import pytest
from prometheus_client import generate_latest

from radgate.v1.admin_service_pb2 import GetCacheStatsRequest
from radgate.v1.admin_service_pb2_grpc import AdminServiceStub
from radgate_server.core.access.tenancy import Role
from tests.rpc.calls import error_info_of
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_FILES, EAST_STUDY, Rig

STUDY = f"/studies/{EAST_STUDY}"
INSTANCE = f"{STUDY}/series/{EAST_STUDY}.1/instances/{EAST_STUDY}.1.1"


@pytest.fixture
async def web(rig: Rig, channel: grpc.aio.Channel) -> Web:
    return Web(channel, await rig.key("east"))


async def test_calls_leave_one_row_a_kind_and_tier(rig: Rig, web: Web) -> None:
    recorder = rig.app.services.accesses
    for path in (STUDY, STUDY, f"{INSTANCE}/frames/1", f"{INSTANCE}/frames/1", f"{STUDY}/metadata", "/studies"):
        await web.get(path)
    await recorder.write()
    rows = {(place.kind.value, place.tier): row for place, row in rig.accesses.rows.items()}
    assert {place: row.counts.accesses for place, row in rows.items()} == {
        ("retrieve", "pacs"): 1,
        ("retrieve", "warm"): 1,
        ("frames", "warm"): 1,
        ("frames", "hot"): 1,
        ("metadata", "warm"): 1,
    }
    cold, warm = rows["retrieve", "pacs"].counts, rows["retrieve", "warm"].counts
    assert cold.sent_bytes == warm.sent_bytes > cold.fetched_bytes == sum(map(len, EAST_FILES)) > 0
    assert (warm.fetched_bytes, warm.waited_ms) == (0, 0)
    assert {(row.modality, len(row.patient)) for row in rows.values()} == {("CT", 32)}
    assert {place[1:3] for place in rig.accesses.rows} == {("east", EAST_STUDY)}
    metrics = generate_latest(rig.telemetry.metrics.registry).decode()
    assert 'radgate_cache_accesses_total{tier="warm"} 3.0' in metrics
    assert f'radgate_cache_access_bytes_total{{tier="pacs"}} {float(cold.sent_bytes)}' in metrics
    assert 'radgate_cache_access_seconds_count{tier="hot"} 1.0' in metrics


async def test_what_is_refused_or_fails_leaves_none(rig: Rig, web: Web) -> None:
    recorder = rig.app.services.accesses
    await web.get("/studies/2.25.404")
    await recorder.write()
    assert rig.accesses.rows == {}


async def test_the_statistics_report_what_the_history_has(rig: Rig, web: Web, channel: grpc.aio.Channel) -> None:
    recorder = rig.app.services.accesses
    for path in (STUDY, STUDY, f"{INSTANCE}/frames/1", f"{INSTANCE}/frames/1"):
        await web.get(path)
    await recorder.write()
    stub: Any = AdminServiceStub(channel)
    found: dict[str, Any] = {}
    for tenant in ("east", "west"):
        metadata = (("authorization", f"Bearer {await rig.key(tenant, role=Role.OPERATOR)}"),)
        found[tenant] = (await stub.GetCacheStats(GetCacheStatsRequest(), metadata=metadata)).history
    history, rows = found["east"], rig.accesses.rows.values()
    assert {tier.tier: tier.accesses for tier in history.tiers} == {"pacs": 1, "warm": 2, "hot": 1}
    assert history.hit_rate == 0.75
    assert history.fetched_bytes == sum(map(len, EAST_FILES))
    assert history.saved_bytes == sum(row.counts.sent_bytes for row in rows if row.place.is_hit)
    assert (history.studies, history.sampled) == (1, 1.0)
    assert history.HasField("waiting_saved")
    assert history.recommendation.size_reason.startswith("too little data: 0 reuses in 1 hours")
    assert (history.recommendation.size_bytes, history.recommendation.HasField("keep_for")) == (0, False)
    assert not found["west"].tiers
    assert not found["west"].HasField("waiting_saved")


@pytest.mark.parametrize("days", [-1, 3651])
async def test_days_out_of_range_are_refused(rig: Rig, channel: grpc.aio.Channel, days: int) -> None:
    stub: Any = AdminServiceStub(channel)
    metadata = (("authorization", f"Bearer {await rig.key('east', role=Role.OPERATOR)}"),)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetCacheStats(GetCacheStatsRequest(days=days), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error_info_of(caught.value).metadata["field"] == "days"
