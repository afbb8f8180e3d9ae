"""PostgreSQL, Redis, NATS, an Orthanc as the PACS, two machines of two processes each behind one Envoy, and workers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import batched
from pathlib import Path
from secrets import token_hex

from radgate_server.core.access.tenancy import Role
from tests.e2e.radgate_process import RADGATE, RadgateProcess, dimse
from tests.integration.nats_server import NatsServer, running_nats
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port
from tests.integration.postgres import Postgres, running_postgres
from tests.integration.redis_server import RedisServer, running_redis

TENANT = "east"
MACHINES, PROCESSES, WORKERS = 2, 2, 2

type Prepare = Callable[[RadgateProcess], RadgateProcess]
"""Makes the tenants, before the start."""


@dataclass(frozen=True)
class Engines:
    """What the machines share."""

    postgres: Postgres
    redis: RedisServer
    nats: NatsServer

    def settings(self) -> Mapping[str, str]:
        """Of every process of the cluster, with a database of its own."""
        return {
            "RADGATE_DATABASE_URL": self.postgres.new_database(f"cluster{token_hex(4)}"),
            "RADGATE_LIMITS__REDIS_URL": self.redis.url,
            "RADGATE_JOBS__NATS__URL": self.nats.url,
        }


@dataclass(frozen=True)
class Cluster:
    """All that runs."""

    engines: Engines
    orthanc: OrthancServer
    servers: Sequence[RadgateProcess]
    """Machine after machine; the first runs Envoy, through which clients reach all of them."""
    workers: Sequence[RadgateProcess] = field(default=())

    @property
    def front(self) -> RadgateProcess:
        """The server whose Envoy clients call."""
        return self.servers[0]

    @property
    def machines(self) -> Sequence[Sequence[RadgateProcess]]:
        """The servers of each machine."""
        return list(batched(self.servers, PROCESSES, strict=True))

    @property
    def processes(self) -> Sequence[RadgateProcess]:
        """Servers and workers."""
        return [*self.servers, *self.workers]


@contextmanager
def running_engines(folder: Path) -> Iterator[Engines]:
    """Start what the machines share."""
    with running_postgres() as postgres, running_redis() as redis, running_nats(folder / "nats") as nats:
        yield Engines(postgres, redis, nats)


@contextmanager
def running_cluster(
    folder: Path, orthanc: OrthancServer, prepare: Prepare | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """Start all of it in front of that PACS, with these settings for each process.

    Without `prepare` there is one tenant, TENANT, who reads the Orthanc by DIMSE.
    """
    with running_engines(folder) as engines, ExitStack() as stack:
        common = {**engines.settings(), **(settings or {})}
        cluster = Cluster(engines, orthanc, *_installed(folder, common, prepare or partial(_one_tenant, orthanc)))
        for process in cluster.processes:
            stack.callback(process.kill)
        with ThreadPoolExecutor(len(cluster.processes)) as threads:
            list(threads.map(RadgateProcess.start, cluster.processes))
            yield cluster
            list(threads.map(RadgateProcess.stop, cluster.processes))


def _one_tenant(orthanc: OrthancServer, server: RadgateProcess) -> RadgateProcess:
    return server.tenant(TENANT, dimse(orthanc), Role.OPERATOR)


def _installed(
    folder: Path, common: Mapping[str, str], prepare: Prepare
) -> tuple[Sequence[RadgateProcess], Sequence[RadgateProcess]]:
    """Servers and workers with the same keys, and folders of their own."""
    ports = [free_port() for _ in range(MACHINES * PROCESSES)]
    behind = ",".join(f'"127.0.0.1:{port}"' for port in ports[1:])
    shared = {**common, "RADGATE_GATEWAY__SHARED_SECRET": token_hex(32)}
    envoy = {"RADGATE_GATEWAY__SERVERS": f"[{behind}]", "RADGATE_HTTP_PORT": str(free_port())}
    first = prepare(RadgateProcess(folder / "server1", {**shared, **envoy, **_own(1, ports[0])}))
    servers = [
        first.beside(
            folder / f"server{number}",
            {**shared, "RADGATE_GATEWAY__ENABLED": "false", **_own(number, ports[number - 1])},
        )
        for number in range(2, len(ports) + 1)
    ]
    worker = (*RADGATE, "worker")
    workers = [first.beside(folder / f"worker{number}", shared, worker) for number in range(1, WORKERS + 1)]
    return [first, *servers], workers


def _own(number: int, grpc_port: int) -> Mapping[str, str]:
    return {
        "RADGATE_GRPC_PORT": str(grpc_port),
        "RADGATE_DICOM_AET": f"RADGATE{number}",
        "RADGATE_IMAGING__WORKERS": "1",
        "RADGATE_IMAGING__MAX_RUNNING_JOBS": "0",  # the workers run the jobs
    }
