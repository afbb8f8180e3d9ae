"""What the drill is done on: two servers on one PostgreSQL and one Redis, in front of one Orthanc."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from radgate_server.core.access.tenancy import Role
from tests.drill.machines.studies import Study
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port
from tests.integration.postgres import Postgres, running_postgres
from tests.integration.redis_server import RedisServer, running_redis

TENANT = "east"
CACHED_BYTES = 8 << 20
"""Of instances on a server's disk: less than the studies have, so that some of them are always read from the PACS."""


@dataclass(frozen=True)
class Cluster:
    """All that runs."""

    postgres: Postgres
    redis: RedisServer
    orthanc: OrthancServer
    servers: Sequence[RadgateProcess]

    @property
    def key(self) -> str:
        """What the clients call with."""
        return self.servers[0].keys[TENANT]


@contextmanager
def running_cluster(folder: Path, studies: Sequence[Study]) -> Iterator[Cluster]:
    """Start all of it, with these studies in the PACS."""
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        redis = stack.enter_context(running_redis())
        orthanc = stack.enter_context(OrthancServer(folder / "orthanc"))
        for instance in (instance for study in studies for instance in study.instances):
            orthanc.request("POST", "/instances", instance.file)
        servers = _servers(folder, _settings(postgres, redis), orthanc)
        for server in servers:
            stack.callback(server.kill)
        with ThreadPoolExecutor(len(servers)) as threads:
            list(threads.map(RadgateProcess.start, servers))
        yield Cluster(postgres, redis, orthanc, servers)
        for server in servers:
            server.stop()


def _settings(postgres: Postgres, redis: RedisServer) -> Mapping[str, str]:
    return {
        "RADGATE_DATABASE_URL": postgres.new_database("drill"),
        "RADGATE_LIMITS__REDIS_URL": redis.url,
        "RADGATE_CACHE__WARM_BYTES": str(CACHED_BYTES),
        "RADGATE_CACHE__HOT_BYTES": str(CACHED_BYTES),
        "RADGATE_CACHE__HOT_INSTANCE_BYTES": "0",
        "RADGATE_GATEWAY__ACCESS_LOG": "false",
    }


def _servers(folder: Path, settings: Mapping[str, str], orthanc: OrthancServer) -> Sequence[RadgateProcess]:
    """Two with the same keys, and caches of their own."""
    own = [{**settings, "RADGATE_DICOM_AET": title, "RADGATE_HTTP_PORT": str(free_port())} for title in ("ONE", "TWO")]
    first = RadgateProcess(folder / "first", own[0]).tenant(TENANT, dimse(orthanc), Role.OPERATOR)
    return first, first.beside(folder / "second", own[1])
