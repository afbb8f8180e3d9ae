"""Two servers on one PostgreSQL and one Redis: what one made the other serves, unless it was invalidated since."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import redis

from radgate_server.core.access.tenancy import Role
from tests.e2e.counting_pacs import STUDY, CountingPacs
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import EAST
from tests.e2e.two_servers import two_servers
from tests.e2e.waiting import wait_for
from tests.integration.redis_server import RedisServer, running_redis

INSTANCE = f"/dicom-web/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1"
FRAME, METADATA, THUMBNAIL = f"{INSTANCE}/frames/1", f"{INSTANCE}/metadata", f"{INSTANCE}/thumbnail"
SEARCH = f"/dicom-web/studies?StudyInstanceUID={STUDY}"
SINGLE = "application/octet-stream"


@pytest.fixture
def pacs() -> Iterator[CountingPacs]:
    with CountingPacs(pause_s=0) as pacs:
        yield pacs


@pytest.fixture
def answers() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def servers(tmp_path: Path, pacs: CountingPacs, answers: RedisServer) -> Iterator[list[RadgateProcess]]:
    settings = {
        "RADGATE_CACHE__REDIS__URL": answers.url,
        "RADGATE_CACHE__REDIS__TIMEOUT_S": "2",
        "RADGATE_CACHE__QUERY_TTL_S": "60",
    }
    with two_servers(tmp_path, pacs, settings, Role.ADMIN) as servers:
        yield servers


def get(web: httpx.Client, path: str, accept: str = "*/*") -> bytes:
    """As of the host that clients reach both by: it is in the URLs of answers."""
    return web.get(path, headers={"accept": accept, "host": "radgate.example"}).raise_for_status().content


def pixels_of(pacs: CountingPacs) -> bytes:
    """Of the one instance that is asked for."""
    (found,) = [one.PixelData for one in pacs.held if one.SOPInstanceUID == f"{STUDY}.1.1"]
    return bytes(found)


def overwrite(pacs: CountingPacs) -> bytes:
    """Other pixels under the same UIDs, which this PACS shows in no answer to a query."""
    for one in pacs.held:
        one.PixelData = bytes(255 - value for value in one.PixelData)
    return pixels_of(pacs)


def count(client: redis.Redis) -> int:
    return len(client.keys("radgate:answers:*"))


def test_servers_share_answers_and_never_what_was_invalidated(
    servers: list[RadgateProcess], pacs: CountingPacs, answers: RedisServer
) -> None:
    first, second = servers
    with (
        first.client(EAST) as one,
        second.client(EAST) as other,
        redis.from_url(answers.url) as client,
        ThreadPoolExecutor(1) as threads,
    ):
        old = get(one, FRAME, SINGLE)
        assert old == pixels_of(pacs)
        made = {path: get(one, path) for path in (METADATA, THUMBNAIL, SEARCH)}
        wait_for(lambda: count(client) == 4, "the first server has shared all")
        fetched = sum(pacs.gets.values())
        assert get(other, FRAME, SINGLE) == old
        assert {path: get(other, path) for path in made} == made
        assert second.metric('radgate_cache_lookups_total{result="hit",tier="redis"}') == 4
        assert sum(pacs.gets.values()) == fetched

        new = overwrite(pacs)
        os.kill(first.pid, signal.SIGSTOP)
        late = threads.submit(get, one, f"{FRAME}?late", SINGLE)
        other.post("/api/v1/admin/cache/invalidate", json={"studyInstanceUid": STUDY}).raise_for_status()
        assert get(other, FRAME, SINGLE) == new
        os.kill(first.pid, signal.SIGCONT)
        assert late.result() in (old, new)
        assert get(other, f"{FRAME}?late", SINGLE) == new
        wait_for(lambda: get(one, FRAME, SINGLE) == new, "the first server has heard of it")
        assert get(one, f"{FRAME}?late", SINGLE) == new

        for name in client.keys("radgate:answers:*"):
            client.setrange(name, 50, b"damaged")
        assert get(other, f"{FRAME}?again", SINGLE) == get(one, f"{FRAME}?again", SINGLE) == new
        answers.fill()
        assert get(one, f"{FRAME}?full", SINGLE) == new
        with answers.paused():
            assert {get(web, f"{FRAME}?paused", SINGLE) for web in (one, other)} == {new}

        second.stop()
        newest = overwrite(pacs)
        one.post("/api/v1/admin/cache/invalidate", json={"studyInstanceUid": STUDY}).raise_for_status()
        second.start()
        with second.client(EAST) as again:  # what it stored was the same study as the PACS's, by all that this one says
            assert get(again, FRAME, SINGLE) == newest
        assert get(one, FRAME, SINGLE) == newest
