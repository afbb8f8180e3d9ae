"""The faults: how each is made, and how it is mended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.drill.machines.cluster import Cluster
from tests.e2e.network import child_of
from tests.e2e.processes import kill_tree

type Step = Callable[[Cluster], None]


@dataclass(frozen=True)
class Fault:
    """One part is lost by `inflict`, and is back after `mend`."""

    inflict: Step
    mend: Step


def _nothing(_cluster: Cluster) -> None:
    """Mends by itself."""


def _kill_server(cluster: Cluster) -> None:
    """With its Envoy and its image workers, as when the machine is lost."""
    server = cluster.servers[1]
    kill_tree(server.pid)
    server.kill()


def _kill_envoy(cluster: Cluster) -> None:
    if pid := child_of(cluster.servers[1].pid, "envoy"):
        kill_tree(pid)


FAULTS: Mapping[str, Fault] = {
    "nothing": Fault(_nothing, _nothing),
    "redis": Fault(lambda cluster: cluster.redis.stop(), lambda cluster: cluster.redis.start()),
    "postgresql": Fault(lambda cluster: cluster.postgres.kill(), lambda cluster: cluster.postgres.start()),
    "pacs": Fault(lambda cluster: cluster.orthanc.kill(), lambda cluster: cluster.orthanc.start()),
    "silent pacs": Fault(lambda cluster: cluster.orthanc.pause(), lambda cluster: cluster.orthanc.resume()),
    "server": Fault(_kill_server, lambda cluster: cluster.servers[1].start()),
    "gateway": Fault(_kill_envoy, _nothing),
}
