"""PostgreSQL, Redis, NATS, SeaweedFS as S3, a PACS, two machines of two processes behind one Envoy, and workers.

A machine is what `radgate serve --workers 2` starts.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex

from radgate_server.core.access.tenancy import Role
from tests.cluster.wire import LOOPBACK, ONE_MACHINE, Place, Wire
from tests.e2e.radgate_process import RADGATE, RadgateProcess, dimse
from tests.integration.nats_server import NatsServer, running_nats
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port, free_ports
from tests.integration.postgres import Postgres, running_postgres
from tests.integration.redis_server import RedisServer, running_redis
from tests.integration.seaweed import BUCKET, Seaweed, running_seaweed

TENANT = "east"
MACHINES, PROCESSES = 2, 2

type Prepare = Callable[[RadgateProcess], RadgateProcess]
"""Makes the tenants, before the start."""


@dataclass(frozen=True)
class Engines:
    """What the machines share."""

    postgres: Postgres
    redis: RedisServer
    nats: NatsServer
    store: Seaweed

    def settings(self) -> Mapping[str, str]:
        """Of every process of the cluster, with a database of its own."""
        return {
            "RADGATE_DATABASE_URL": self.postgres.new_database(f"cluster{token_hex(4)}"),
            "RADGATE_LIMITS__REDIS_URL": self.redis.url,
            "RADGATE_CACHE__REDIS__URL": self.redis.url,
            "RADGATE_JOBS__NATS__URL": self.nats.url,
            "RADGATE_CACHE__S3__BUCKET": BUCKET,
            "RADGATE_CACHE__S3__ENDPOINT": self.store.endpoint,
            "RADGATE_CACHE__S3__ANONYMOUS": "true",
        }


@dataclass(frozen=True)
class Cluster:
    """All that runs."""

    engines: Engines
    orthanc: OrthancServer
    wire: Wire
    machines: Sequence[RadgateProcess]
    """The supervisor of each. By the Envoy of the first clients reach the processes of all."""
    workers: Sequence[RadgateProcess]
    """One on each machine."""

    @property
    def front(self) -> RadgateProcess:
        """The machine whose Envoy clients call."""
        return self.machines[0]

    @property
    def fronts(self) -> Sequence[RadgateProcess]:
        """The same; with a wire between the machines each of them."""
        return self.machines if self.wire.apart else [self.front]

    @property
    def processes(self) -> Sequence[RadgateProcess]:
        """Supervisors and workers."""
        return [*self.machines, *self.workers]


@contextmanager
def running_engines(folder: Path, host: str) -> Iterator[Engines]:
    """Start what the machines share."""
    with (
        running_postgres() as postgres,
        running_redis(host) as redis,
        running_nats(folder / "nats", host=host) as nats,
        running_seaweed(host) as store,
    ):
        yield Engines(postgres, redis, nats, store)


@contextmanager
def running_cluster(
    folder: Path,
    orthanc: OrthancServer,
    prepare: Prepare | None = None,
    settings: Mapping[str, str] | None = None,
    wire: Wire = ONE_MACHINE,
) -> Iterator[Cluster]:
    """Start all of it in front of that PACS, with these settings for each process.

    Without `prepare` there is one tenant, TENANT, who reads the Orthanc by DIMSE.
    """
    host = wire.places[0].host
    with running_engines(folder, host) as engines, ExitStack() as stack:
        common = {**engines.settings(), **(settings or {})}
        prepared = prepare or partial(_one_tenant, orthanc, host)
        cluster = Cluster(engines, orthanc, wire, *_installed(folder, common, prepared, wire))
        for process in cluster.processes:
            stack.callback(process.kill)
        with ThreadPoolExecutor(len(cluster.processes)) as threads:
            list(threads.map(RadgateProcess.start, cluster.processes))
            yield cluster
            list(threads.map(RadgateProcess.stop, cluster.processes))


def _one_tenant(orthanc: OrthancServer, host: str, server: RadgateProcess) -> RadgateProcess:
    return server.tenant(TENANT, dimse(orthanc, host), Role.OPERATOR)


def _installed(
    folder: Path, common: Mapping[str, str], prepare: Prepare, wire: Wire
) -> tuple[Sequence[RadgateProcess], Sequence[RadgateProcess]]:
    """Machines and workers with the same keys, and folders of their own."""
    shared = {**common, "RADGATE_GATEWAY__SHARED_SECRET": token_hex(32)}
    serve = (*RADGATE, "serve", "--workers", str(PROCESSES))
    first, *others = _settings_of_machines(wire)
    front = prepare(RadgateProcess(folder / "machine1", {**shared, **first}, command=serve))
    machines = [
        front,
        *(front.beside(folder / f"machine{number}", {**shared, **own}, serve) for number, own in enumerate(others, 2)),
    ]
    workers = [
        front.beside(folder / f"worker{number}", {**shared, **_of_worker(place)}, (*RADGATE, "worker"))
        for number, place in enumerate(wire.places, 1)
    ]
    for machine, worker, place in zip(machines, workers, wire.places, strict=True):
        machine.prefix = worker.prefix = place.prefix
    return machines, workers


def _settings_of_machines(wire: Wire) -> Sequence[Mapping[str, str]]:
    """The first one's Envoy calls the processes of all, or each its own where a wire is between them."""
    ports = [free_ports(PROCESSES) for _ in range(MACHINES)]
    others = json.dumps([f"{LOOPBACK}:{port}" for machine in ports[1:] for port in machine])
    settings = [
        {
            "RADGATE_HOST": place.host if wire.apart else LOOPBACK,
            "RADGATE_HTTP_PORT": str(free_port()),
            "RADGATE_GRPC_PORT": str(grpc_ports[0]),
            "RADGATE_SERVERS__PEER_HOST": place.host,
            "RADGATE_DICOM_AET": f"RADGATE{number}",
            "RADGATE_DICOM_PORT": str(free_port()),
            "RADGATE_IMAGING__WORKERS": "2",
            "RADGATE_IMAGING__MAX_RUNNING_JOBS": "0",  # the workers run the jobs
        }
        for number, (place, grpc_ports) in enumerate(zip(wire.places, ports, strict=True), 1)
    ]
    if not wire.apart:
        settings[0]["RADGATE_GATEWAY__SERVERS"] = others
    return settings


def _of_worker(place: Place) -> Mapping[str, str]:
    """What is read by C-MOVE, the machines receive for them."""
    return {"RADGATE_SERVERS__PEER_HOST": place.host, "RADGATE_DICOM_LISTENS": "false"}
