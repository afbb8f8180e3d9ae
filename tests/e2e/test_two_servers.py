"""Two servers on one PostgreSQL, in real processes: they know of each other, and jobs continue when one is lost."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from radgate_server.core.access.tenancy import Role
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.studies import EAST, GREY_SLICES, GREY_STUDY
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer
from tests.integration.postgres import running_postgres

THUMBNAILS = {"makeThumbnails": {"studyInstanceUid": GREY_STUDY}, "requestId": "mine"}


@pytest.fixture
def servers(tmp_path_factory: pytest.TempPathFactory, orthanc: OrthancServer) -> Iterator[list[RadgateProcess]]:
    """Both run, with the same keys and caches of their own."""
    with running_postgres() as postgres, ExitStack() as running:
        settings = {"RADGATE_DATABASE_URL": postgres.new_database("radgate")}
        first = RadgateProcess(tmp_path_factory.mktemp("first"), settings).tenant(EAST, dimse(orthanc), Role.OPERATOR)
        second = RadgateProcess(tmp_path_factory.mktemp("second"), settings)
        shutil.copytree(first.data_dir, second.data_dir)
        second.keys.update(first.keys)
        yield [running.enter_context(server) for server in (first, second)]


def test_servers_know_of_each_other(servers: list[RadgateProcess]) -> None:
    listed = json.loads(servers[0].cli("servers", "--json"))
    assert [entry["ae_title"] for entry in listed] == ["RADGATE", "RADGATE"]
    problem = wait_for(lambda: problem_at(servers[0]), "the first notices the second")
    assert "has the AE title RADGATE too" in problem
    servers[1].stop()
    assert len(json.loads(servers[0].cli("servers", "--json"))) == 1
    wait_for(lambda: not problem_at(servers[0]), "the first notices that it is alone")


def problem_at(server: RadgateProcess) -> str:
    """What /readyz says of the other servers; this one is ready all the same."""
    answer = httpx.get(server.metrics_url.replace("/metrics", "/readyz"), timeout=30, trust_env=False)
    assert answer.status_code == 200, answer.text
    problem: str = answer.json()["checks"]["servers"]["problem"]
    return problem


def job_at(web: httpx.Client, name: str) -> dict[str, object]:
    answer = web.get(f"/api/v1/jobs/{name}")
    assert answer.status_code == 200, answer.text
    job: dict[str, object] = answer.json()["job"]
    return job


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_job_continues_at_the_other_server(end: str, servers: list[RadgateProcess], orthanc: OrthancServer) -> None:
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
