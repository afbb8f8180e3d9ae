"""Two machines of two supervised processes each: what they share, and a small drill of what is lost and what is not."""

import json
import warnings
from collections.abc import Iterator, Mapping
from itertools import product

import httpx
import pytest

from radgate import Client
from tests.cluster.cluster import TENANT, Cluster
from tests.drill.machines.clients import Outcome
from tests.drill.machines.running import BY_MOVE, TENANTS, cluster_with, drill
from tests.drill.machines.studies import make_studies, pixel_data
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.waiting import wait_for

STUDIES = make_studies(4, 4)
NUMBERS = ("0", "1")
CLIENTS = 8


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_with(tmp_path_factory.mktemp("cluster"), STUDIES) as cluster:
        yield cluster


def test_each_process_has_what_arrives_at_the_one_of_its_machine_that_listens(cluster: Cluster) -> None:
    front = cluster.front
    listed = [one["ae_title"] for one in json.loads(front.cli("servers", "--json"))]
    assert sorted(listed) == ["", "", "", "", "RADGATE1", "RADGATE2"]  # workers do not listen either

    for study, (machine, number) in zip(STUDIES, product(cluster.machines, NUMBERS), strict=True):
        port = int(machine.settings["RADGATE_GRPC_PORT"]) + int(number)
        with Client(f"127.0.0.1:{port}", front.keys[BY_MOVE]) as client:
            came = [pixel_data(one.data) for one in client.retrieve_study(study.study_instance_uid)]
        assert sorted(came) == sorted(study.frames.values())
    expected = {"0": 0, "1": len(STUDIES[0].instances)}
    assert [metric(machine, "radgate_peer_instances_total") for machine in cluster.machines] == [expected] * 2


def test_processes_share_answers_instances_and_jobs_by_the_engines(cluster: Cluster) -> None:
    thumbnails = {"makeThumbnails": {"studyInstanceUid": STUDIES[0].study_instance_uid}}
    for machine in cluster.machines:
        with machine.client(TENANT) as web:
            web.post("/api/v1/jobs", json=thumbnails).raise_for_status()
            for limit in range(1, 17):  # which Envoy spreads over all processes by their paths
                web.get(f"/dicom-web/studies?limit={limit}").raise_for_status()
    machines, workers = cluster.machines, cluster.workers
    assert wait_for(lambda: all(all(operations(machine, "redis")) for machine in machines), "all share answers")
    assert wait_for(lambda: all(any(operations(machine, "s3")) for machine in machines), "machines share instances")
    assert wait_for(lambda: any(one.metric("radgate_job_notices_total") for one in workers), "a worker hears of a job")


def operations(machine: RadgateProcess, tier: str) -> list[float]:
    """How many operations of the tier each process of the machine has done."""
    return list(metric(machine, "radgate_cache_operations_total", f'tier="{tier}"').values())


@pytest.mark.parametrize("part", ["full redis", "machine"])
def test_what_is_lost_makes_no_answer_wrong(part: str, cluster: Cluster) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of answers that doubt something: they are compared byte by byte
        found = drill(cluster, STUDIES, part, seconds=2, clients=CLIENTS, quiet_s=1)
    assert found.all[Outcome.RIGHT] > CLIENTS, found.reasons
    assert not found.all[Outcome.WRONG], found.reasons
    assert not found.all[Outcome.FAILED], found.reasons
    for tenant in TENANTS:
        cluster.front.cli("audit", "verify", "--tenant", tenant)


def metric(machine: RadgateProcess, name: str, label: str = "") -> Mapping[str, float]:
    """What the machine's page of metrics has under the name, with that label, by its processes."""
    lines = httpx.get(machine.metrics_url, timeout=30, trust_env=False).text.splitlines()
    found = [line for line in lines if line.startswith((f"{name}{{", f"{name} ")) and label in line]
    return {
        number: sum(float(line.rpartition(" ")[2]) for line in found if f'process="{number}"' in line)
        for number in NUMBERS
    }
