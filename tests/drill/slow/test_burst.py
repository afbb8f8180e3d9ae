"""A burst at two servers keeps to what may run at the same time."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.counting_pacs import STUDY, CountingPacs
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import EAST
from tests.e2e.two_servers import two_servers
from tests.integration.redis_server import running_redis

pytestmark = pytest.mark.slow

CONCURRENT = 6


def status(server: RadgateProcess) -> int:
    with server.client(EAST) as client:
        accept = 'multipart/related; type="application/dicom"'
        return client.get(f"/dicom-web/studies/{STUDY}", headers={"accept": accept}).status_code


def test_as_many_run_at_two_servers_as_may(tmp_path: Path) -> None:
    with running_redis() as redis, CountingPacs() as pacs:
        pacs.pause_s = 0.5  # so that those that are admitted run for as long as the burst takes to arrive
        limits = {
            "RADGATE_LIMITS__REDIS_URL": redis.url,
            "RADGATE_LIMITS__TENANT__CONCURRENT_REQUESTS": str(CONCURRENT),
        }
        with two_servers(tmp_path, pacs, limits) as servers:
            with ThreadPoolExecutor(40) as threads:
                found = Counter(threads.map(status, servers * 20))
            assert found == {200: CONCURRENT, 429: 40 - CONCURRENT}
            with ThreadPoolExecutor(CONCURRENT) as threads:
                assert set(threads.map(status, servers[1:] * CONCURRENT)) == {200}
