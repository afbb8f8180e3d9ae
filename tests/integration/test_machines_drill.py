"""The drill of many machines, small: what is lost, what is not, and that it is back."""

import warnings
from collections.abc import Iterator

import pytest

from tests.cluster.cluster import TENANT, Cluster
from tests.drill.machines.clients import Outcome
from tests.drill.machines.running import cluster_with, drill
from tests.drill.machines.studies import make_studies

STUDIES = make_studies(4, 4)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_with(tmp_path_factory.mktemp("cluster"), STUDIES) as cluster:
        yield cluster


@pytest.mark.parametrize("part", ["full redis", "machine"])
def test_what_is_lost_makes_no_answer_wrong(part: str, cluster: Cluster) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of answers that doubt something: they are compared byte by byte
        found = drill(cluster, STUDIES, part, seconds=2, clients=8, quiet_s=1)
    assert found.all[Outcome.RIGHT] > 20
    assert not found.all[Outcome.WRONG], found.reasons
    assert not found.all[Outcome.FAILED], found.reasons
    cluster.front.cli("audit", "verify", "--tenant", TENANT)
