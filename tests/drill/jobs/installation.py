"""What the drill is done on: machines of one server and one worker each, which run jobs on studies of one instance."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from radgate_server.core.access.tenancy import Role
from radgate_server.core.pacs.connections import DimseConnection
from tests.drill.jobs.history import record_states
from tests.e2e.counting_pacs import CountingPacs
from tests.e2e.radgate_process import RADGATE, RadgateProcess
from tests.fakes.instances import make_dataset
from tests.integration.nats_server import NatsServer, running_nats
from tests.integration.postgres import running_postgres

TENANT = "east"
STUDY = "2.25.7100"
MACHINES = 2
GET_S = 0.5
"""How long the PACS takes for an instance: many a process is killed while it waits for one."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The servers of the machines, and the worker beside each; `pacs` counts what it sends."""

    database_url: str
    pacs: CountingPacs
    servers: Sequence[RadgateProcess]
    workers: Sequence[RadgateProcess]
    nats: NatsServer | None

    def kill_on(self, every_s: float, chance: random.Random, kills: Counter[str], done: Event) -> None:
        """From the first C-GET on, kill a worker, a machine or NATS by SIGKILL and start it again until all is done."""
        while not done.wait(every_s):
            if not self.pacs.gets:
                continue
            kind, lost = chance.choice(self._victims())
            for process in lost:
                process.kill()
            kills[kind] += 1
            _at_once([process.start for process in lost])

    def _victims(self) -> Sequence[tuple[str, Sequence[RadgateProcess | NatsServer]]]:
        workers = [("worker", [worker]) for worker in self.workers]
        machines = [("machine", list(machine)) for machine in zip(self.servers, self.workers, strict=True)]
        return [*workers, *machines, *([("NATS", [self.nats])] if self.nats else [])]


@contextmanager
def running_installation(folder: Path, jobs: int, *, with_nats: bool) -> Iterator[Installation]:
    """Start all, on one PostgreSQL."""
    held = [make_dataset(study_of(n), f"{study_of(n)}.1", f"{study_of(n)}.1.1", number=1) for n in range(jobs)]
    with ExitStack() as stack:
        pacs = stack.enter_context(CountingPacs(held=held, pause_s=GET_S))
        nats = stack.enter_context(running_nats(folder / "nats")) if with_nats else None
        url = stack.enter_context(running_postgres()).new_database("jobs_drill")
        settings = {"RADGATE_DATABASE_URL": url, "RADGATE_IMAGING__MAX_WAITING_JOBS": str(2 * jobs)}
        if nats is not None:
            settings["RADGATE_JOBS__NATS__URL"] = nats.url
        servers, workers = _processes(folder, settings, pacs.dicom_port)
        record_states(url)
        for process in (*servers, *workers):
            stack.callback(process.kill)
        _at_once([process.start for process in (*servers, *workers)])
        yield Installation(url, pacs, servers, workers, nats)
        _at_once([process.stop for process in (*servers, *workers)])


def study_of(number: int) -> str:
    """The study of that job, which is its request's name too."""
    return f"{STUDY}.{number}"


def _processes(
    folder: Path, settings: Mapping[str, str], pacs_port: int
) -> tuple[Sequence[RadgateProcess], Sequence[RadgateProcess]]:
    archive = DimseConnection("127.0.0.1", pacs_port, "FAULTY", "RADGATE")
    first = RadgateProcess(folder / "server0", settings)
    first.tenant(TENANT, archive, Role.OPERATOR)

    def beside(command: str, number: int) -> RadgateProcess:
        return first.beside(folder / f"{command}{number}", settings, (*RADGATE, command))

    servers = [first, *(beside("serve", number) for number in range(1, MACHINES))]
    return servers, [beside("worker", number) for number in range(MACHINES)]


def _at_once(calls: Sequence[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(calls)) as threads:
        for done in [threads.submit(call) for call in calls]:
            done.result()
