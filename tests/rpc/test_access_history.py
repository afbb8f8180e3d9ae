"""The history of accesses that calls leave, against the running server."""

import grpc
import pytest

from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_FILES, EAST_STUDY, Rig

STUDY = f"/studies/{EAST_STUDY}"
INSTANCE = f"{STUDY}/series/{EAST_STUDY}.1/instances/{EAST_STUDY}.1.1"


@pytest.fixture
async def web(rig: Rig, channel: grpc.aio.Channel) -> Web:
    return Web(channel, await rig.key("east"))


async def test_calls_leave_one_row_a_kind_and_tier(rig: Rig, web: Web) -> None:
    recorder = rig.app.services.accesses
    assert recorder is not None
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


async def test_what_is_refused_or_fails_leaves_none(rig: Rig, web: Web) -> None:
    recorder = rig.app.services.accesses
    assert recorder is not None
    await web.get("/studies/2.25.404")
    await recorder.write()
    assert rig.accesses.rows == {}
