"""Servers and workers on one PostgreSQL, in real processes: jobs continue when one of them is lost."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from radgate_server.core.access.tenancy import Role
from tests.e2e.radgate_process import RADGATE, RadgateProcess, dimse
from tests.e2e.studies import EAST, GREY_SLICES, GREY_STUDY
from tests.e2e.waiting import wait_for
from tests.integration.nats_server import running_nats
from tests.integration.orthanc import OrthancServer
from tests.integration.postgres import Postgres, running_postgres

WHOLE = {"accept": 'multipart/related; type="application/dicom"'}
THUMBNAILS = {"makeThumbnails": {"studyInstanceUid": GREY_STUDY}, "requestId": "mine"}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


type Start = Callable[..., list[RadgateProcess]]


@pytest.fixture
def start(tmp_path: Path, postgres: Postgres, orthanc: OrthancServer) -> Iterator[Start]:
    """Starts both, with these settings, the same keys, and caches of their own."""
    with postgres.database(tmp_path.name) as url, ExitStack() as running:

        def start(**settings: str) -> list[RadgateProcess]:
            common = {"RADGATE_DATABASE_URL": url, **settings}
            first = RadgateProcess(tmp_path / "first", common).tenant(EAST, dimse(orthanc), Role.OPERATOR)
            second = first.beside(tmp_path / "second", common)
            return [running.enter_context(server) for server in (first, second)]

        yield start


type StartWorkers = Callable[[], list[RadgateProcess]]


@pytest.fixture
def start_workers(tmp_path: Path, postgres: Postgres, orthanc: OrthancServer) -> Iterator[StartWorkers]:
    """Starts a server that runs no jobs itself, and two workers, all of which search the database rarely.

    NATS comes after them.
    """
    with postgres.database(tmp_path.name) as url, running_nats(tmp_path / "nats") as nats, ExitStack() as running:
        nats.kill()

        def start() -> list[RadgateProcess]:
            common = {
                "RADGATE_DATABASE_URL": url,
                "RADGATE_JOBS__NATS__URL": nats.url,
                "RADGATE_JOBS__NATS__POLL_INTERVAL_S": "15",
            }
            idle = {**common, "RADGATE_IMAGING__MAX_RUNNING_JOBS": "0"}
            server = RadgateProcess(tmp_path / "server", idle).tenant(EAST, dimse(orthanc), Role.OPERATOR)
            workers = [server.beside(tmp_path / name, common, (*RADGATE, "worker")) for name in ("a", "b")]
            processes = [server, *workers]
            for process in processes:
                running.push(process)
            with ThreadPoolExecutor(len(processes)) as threads:
                list(threads.map(RadgateProcess.start, processes))
            wait_for(lambda: all(ready_without_nats(process) for process in processes), "all are ready without NATS")
            nats.start()
            wait_for(lambda: not any(problem_at(process, "nats") for process in processes), "all connect to NATS")
            return processes

        yield start


@pytest.mark.parametrize("end", ["kill", pytest.param("stop", marks=pytest.mark.slow)])
def test_a_job_continues_at_another_worker(end: str, start_workers: StartWorkers, orthanc: OrthancServer) -> None:
    server, *workers = start_workers()
    assert len(json.loads(server.cli("servers", "--json"))) == 3
    with server.client(EAST) as web:
        orthanc.pause()
        try:
            names = {web.post("/api/v1/jobs", json=THUMBNAILS).json()["job"]["jobId"] for _ in range(2)}
            (name,) = names
            wait_for(lambda: job_at(web, name)["state"] == "JOB_STATE_RUNNING", "a worker runs it")
            assert sum(process.metric("radgate_job_notices_total") for process in workers) >= 1
            at = [process.metric("radgate_jobs_running") for process in workers]
            assert server.metric("radgate_jobs_running") == 0
            getattr(workers[at.index(1)], end)()
        finally:
            orthanc.resume()
        wait_for(lambda: job_at(web, name)["state"] == "JOB_STATE_SUCCEEDED", "the other worker does it", 60)
        assert job_at(web, name)["attempts"] == {"kill": 2, "stop": 1}[end]


def test_servers_know_of_each_other_and_keep_to_one_quota(start: Start) -> None:
    servers = start(RADGATE_LIMITS__TENANT__DAILY_REQUESTS="60")
    listed = json.loads(servers[0].cli("servers", "--json"))
    assert [entry["ae_title"] for entry in listed] == ["RADGATE", "RADGATE"]
    wait_for(lambda: all(map(problem_at, servers)), "they know of each other")
    assert "has the AE title RADGATE too" in problem_at(servers[0])
    assert burst(servers, 160) == {200: 60, 429: 100}
    servers[1].stop()
    assert len(json.loads(servers[0].cli("servers", "--json"))) == 1
    wait_for(lambda: not problem_at(servers[0]), "the first notices that it is alone")


def test_a_part_that_is_invalidated_at_one_server_is_dropped_at_the_other(start: Start) -> None:
    servers = start()
    with servers[0].client(EAST) as first, servers[1].client(EAST) as second:
        first.get(f"/dicom-web/studies/{GREY_STUDY}", headers=WHOLE).raise_for_status()
        listed = first.get(f"/dicom-web/studies/{GREY_STUDY}/instances").raise_for_status().json()
        series, instance = (listed[0][tag]["Value"][0] for tag in ("0020000E", "00080018"))
        one = {"studyInstanceUid": GREY_STUDY, "seriesInstanceUid": series, "sopInstanceUid": instance}
        assert cached_at(first) == counted(first, {"olderThan": "0s"}) == GREY_SLICES
        assert counted(first, {"pacs": "none"}) == counted(first, {"olderThan": "3600s"}) == 0
        assert counted(first, one) == 1
        invalidate(second, {"pacs": "none"})
        invalidate(second, one)
        wait_for(lambda: cached_at(first) == GREY_SLICES - 1, "the other server drops the instance")
        invalidate(second, {"olderThan": "0s"})
        wait_for(lambda: cached_at(first) == 0, "the other server drops what is old")


def counted(web: httpx.Client, chosen: Mapping[str, str]) -> int:
    """How many instances the server would drop."""
    answer = web.post("/api/v1/admin/cache/invalidate", json={**chosen, "dryRun": True}).raise_for_status()
    return int(answer.json().get("instancesRemoved", 0))


def invalidate(web: httpx.Client, chosen: Mapping[str, str]) -> None:
    """Have it dropped."""
    web.post("/api/v1/admin/cache/invalidate", json=chosen).raise_for_status()


def cached_at(web: httpx.Client) -> int:
    """How many instances of the tenant are on the server's disk."""
    tiers = web.get("/api/v1/admin/cache/stats").raise_for_status().json()["tiers"]
    return sum(int(tier.get("entries", 0)) for tier in tiers if tier["tier"] == "CACHE_TIER_WARM")


def burst(servers: Sequence[RadgateProcess], requests: int) -> Counter[int]:
    """Ask all servers at once; how often they answered with which status."""
    with ExitStack() as opened, ThreadPoolExecutor(16) as threads:
        clients = [opened.enter_context(server.client(EAST)) for server in servers]
        asked = [
            threads.submit(clients[number % len(clients)].get, "/dicom-web/studies?limit=1")
            for number in range(requests)
        ]
        return Counter(answer.result().status_code for answer in asked)


def problem_at(server: RadgateProcess, check: str = "servers") -> str:
    """What /readyz says of the other servers, or of NATS; this one is ready all the same."""
    answer = readiness(server)
    assert answer.status_code == 200, answer.text
    problem: str = answer.json()["checks"][check]["problem"]
    return problem


def ready_without_nats(server: RadgateProcess) -> bool:
    answer = readiness(server)
    assert "NATS can't be reached" in answer.json()["checks"]["nats"]["problem"]
    return answer.status_code == 200


def readiness(server: RadgateProcess) -> httpx.Response:
    return httpx.get(server.metrics_url.replace("/metrics", "/readyz"), timeout=30, trust_env=False)


def job_at(web: httpx.Client, name: str) -> dict[str, object]:
    answer = web.get(f"/api/v1/jobs/{name}")
    assert answer.status_code == 200, answer.text
    job: dict[str, object] = answer.json()["job"]
    return job


@pytest.mark.parametrize("end", [pytest.param("kill", marks=pytest.mark.slow), "stop"])
def test_a_job_continues_at_the_other_server(end: str, start: Start, orthanc: OrthancServer) -> None:
    servers = start()
    with servers[0].client(EAST) as first, servers[1].client(EAST) as second:
        orthanc.pause()
        try:
            name = first.post("/api/v1/jobs", json=THUMBNAILS).raise_for_status().json()["job"]["jobId"]
            again = second.post("/api/v1/jobs", json=THUMBNAILS).raise_for_status().json()["job"]["jobId"]
            assert again == name
            wait_for(lambda: job_at(second, name)["state"] == "JOB_STATE_RUNNING", "the job runs")
            at = [server.metric("radgate_jobs_running") for server in servers]
            holder = at.index(1)
            getattr(servers[holder], end)()
        finally:
            orthanc.resume()
        survivor = (second, first)[holder]
        wait_for(lambda: job_at(survivor, name)["state"] == "JOB_STATE_SUCCEEDED", "the other server does it", 60)
        job = job_at(survivor, name)
        assert (job["done"], job["total"]) == (GREY_SLICES, GREY_SLICES)
        assert job["attempts"] == {"kill": 2, "stop": 1}[end]
