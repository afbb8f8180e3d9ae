"""The faults: how each is made, and how it is mended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.cluster.cluster import Cluster
from tests.drill.machines.clocks import set_ahead, set_right
from tests.drill.machines.full_disk import empty_disk, fill_disk
from tests.drill.machines.harmed_objects import HarmedObjects
from tests.e2e.network import child_of
from tests.e2e.processes import kill_tree, server_processes
from tests.e2e.radgate_process import RadgateProcess

LISTENER = "0"
"""The number of the process of each machine that receives what comes by C-MOVE."""
type Step = Callable[[Cluster], None]


@dataclass(frozen=True)
class Fault:
    """One part is lost by `inflict`, and is back after `mend`."""

    inflict: Step
    mend: Step


def _nothing(_cluster: Cluster) -> None:
    """Mends by itself."""


def _kill(process: RadgateProcess) -> None:
    """With all that it started, as when the machine is lost."""
    kill_tree(process.pid)
    process.kill()


def _kill_server(cluster: Cluster) -> None:
    """One of the second machine's, which its supervisor starts again."""
    kill_tree(server_processes(cluster.machines[1].pid)["1"])


def _kill_listeners(cluster: Cluster) -> None:
    """The process of each machine that receives what comes by C-MOVE; supervisors start them again."""
    for machine in cluster.machines:
        kill_tree(server_processes(machine.pid)[LISTENER])


def _kill_envoy(cluster: Cluster) -> None:
    if pid := child_of(cluster.front.pid, "envoy"):
        kill_tree(pid)


_HARM = HarmedObjects()

FAULTS: Mapping[str, Fault] = {
    "nothing": Fault(_nothing, _nothing),
    "redis": Fault(lambda cluster: cluster.engines.redis.stop(), lambda cluster: cluster.engines.redis.start()),
    "full redis": Fault(lambda cluster: cluster.engines.redis.fill(), lambda cluster: cluster.engines.redis.empty()),
    "postgresql": Fault(
        lambda cluster: cluster.engines.postgres.kill(), lambda cluster: cluster.engines.postgres.start()
    ),
    "nats": Fault(lambda cluster: cluster.engines.nats.kill(), lambda cluster: cluster.engines.nats.start()),
    "s3": Fault(lambda cluster: cluster.engines.store.kill(), lambda cluster: cluster.engines.store.start()),
    "silent s3": Fault(lambda cluster: cluster.engines.store.pause(), lambda cluster: cluster.engines.store.resume()),
    "corrupt s3": Fault(_HARM.begin, _HARM.end),
    "pacs": Fault(lambda cluster: cluster.orthanc.kill(), lambda cluster: cluster.orthanc.start()),
    "silent pacs": Fault(lambda cluster: cluster.orthanc.pause(), lambda cluster: cluster.orthanc.resume()),
    "server": Fault(_kill_server, _nothing),
    "scp": Fault(_kill_listeners, _nothing),
    "machine": Fault(lambda cluster: _kill(cluster.machines[1]), lambda cluster: cluster.machines[1].start()),
    "worker": Fault(lambda cluster: _kill(cluster.workers[0]), lambda cluster: cluster.workers[0].start()),
    "wire": Fault(lambda cluster: cluster.wire.cut(), lambda cluster: cluster.wire.mend()),
    "gateway": Fault(_kill_envoy, _nothing),
    "disk": Fault(lambda cluster: fill_disk(cluster.machines[1]), lambda cluster: empty_disk(cluster.machines[1])),
    "clock": Fault(set_ahead, set_right),
}
