"""Two server processes against one, each on a processor of its own: processor time of an answer, answers a second.

Both installations have a database in PostgreSQL and an Envoy (`serve --workers 1` and `2`), and take turns, with 16
connections for each process. Envoy, PostgreSQL and clients run on the same two processors beside them: that takes from
two processes what one leaves unused. So it is also shown what two would give if the others ran elsewhere.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from radgate_server.core.pacs.connections import FolderConnection
from tests.bench.crowding import crowding
from tests.bench.ct import CT_ATTRIBUTES, ct_pixels
from tests.bench.load import run_wrk
from tests.bench.processor import processor_s
from tests.bench.rounds import typical_ratio
from tests.bench.scenarios import FRAME_ACCEPT, JSON_ACCEPT
from tests.bench.servers import REQUESTS_PER_SECOND, TENANT
from tests.bench.table import Row
from tests.e2e.processes import server_processes
from tests.e2e.radgate_process import RADGATE, RadgateProcess
from tests.fakes.instances import make_instance
from tests.integration.postgres import Postgres, running_postgres

STUDIES = [f"2.25.7708{number:03}" for number in range(64)]
"""Envoy spreads calls over the processes by their study."""
PROCESSORS = 0, 1
CONNECTIONS = 16
"""For each process."""
_WARM_UP_TURNS = 3
"""A study is in the memory of the other process too, once Envoy has sent that one more than its share."""
TARGET_COST, TARGET_RATE = 1.1, 1.6
_RESOURCES = {
    "series metadata": ("metadata", JSON_ACCEPT),
    "frames of 512 KiB": ("instances/{study}.1.1/frames/1", FRAME_ACCEPT),
}


@dataclass(frozen=True)
class Turn:
    """Answers a second, and what one took of processor time, in seconds, by kind of process."""

    per_second: float
    spent_s: Counter[str]


@dataclass(frozen=True)
class Installation:
    """So many server processes behind one Envoy, on as many processors."""

    count: int
    server: RadgateProcess

    def turn(self, resource: str, seconds: int) -> Turn:
        """Load it."""
        path, accept = _RESOURCES[resource]
        paths = [f"/dicom-web/studies/{study}/series/{study}.1/{path.format(study=study)}" for study in STUDIES]
        headers = {"accept": accept, "authorization": f"Bearer {self.server.keys[TENANT]}"}
        port = int(self.server.endpoints["http"].rpartition(":")[2])
        before_s = processor_s(self.server.pid)
        load = run_wrk(port, paths, headers, connections=CONNECTIONS * self.count, seconds=seconds)
        spent_s = processor_s(self.server.pid) - before_s
        if load.failed:
            raise RuntimeError(f"{resource}: {load.failed} failed")
        answers = load.per_second * seconds
        return Turn(load.per_second, Counter({kind: taken_s / answers for kind, taken_s in spent_s.items()}))


async def processes(folder: Path, seconds: int, rounds: int) -> list[Row]:
    """Warm answers about 64 studies from one process and from two."""
    return await asyncio.to_thread(_measured, folder, seconds, rounds)


def _measured(folder: Path, seconds: int, rounds: int) -> list[Row]:
    images = folder / "images"
    images.mkdir(parents=True)
    for number, study in enumerate(STUDIES):
        pixels, series = ct_pixels(number), f"{study}.1"
        file = make_instance(study, series, f"{series}.1", rows=512, columns=512, PixelData=pixels, **CT_ATTRIBUTES)
        (images / f"{number}.dcm").write_bytes(file)
    with running_postgres() as postgres, ExitStack() as stack:
        one, two = (
            stack.enter_context(_installed(count, folder / f"of{count}", postgres, images))
            for count in range(1, len(PROCESSORS) + 1)
        )
        rows = [row for resource in _RESOURCES for row in _compare(one, two, resource, seconds, rounds)]
    times = median(crowding(PROCESSORS) for _ in range(rounds))
    return [
        *rows,
        Row("a loop of Python on both processors at once", f"{times:.2f} processor time", "1", 1 / times, None),
    ]


@contextmanager
def _installed(count: int, folder: Path, postgres: Postgres, images: Path) -> Iterator[Installation]:
    folder.mkdir()
    with postgres.database(f"of{count}") as url:
        settings = {
            "RADGATE_DATABASE_URL": url,
            "RADGATE_IMAGING__BACKGROUND_THUMBNAILS": "false",
            "RADGATE_GATEWAY__REQUESTS_PER_SECOND_PER_ADDRESS": str(REQUESTS_PER_SECOND),
        }
        server = RadgateProcess(folder, settings, command=(*RADGATE, "serve", "--workers", str(count)))
        with server.tenant(TENANT, FolderConnection(str(images))):
            for number, pid in (server_processes(server.pid) or {"0": server.pid}).items():
                _confine(pid, PROCESSORS[int(number)])
            yield Installation(count, server)


def _compare(one: Installation, two: Installation, resource: str, seconds: int, rounds: int) -> list[Row]:
    for installation in (one, two) * _WARM_UP_TURNS:
        installation.turn(resource, seconds)
    turns = [(one.turn(resource, seconds), two.turn(resource, seconds)) for _ in range(rounds)]
    alone, both = zip(*turns, strict=True)
    cheaper = typical_ratio(_costs(alone), _costs(both))
    rates = [[turn.per_second for turn in taken] for taken in (both, alone)]
    possible = [len(PROCESSORS) / median(_costs(both)), 1 / median(_costs(alone))]
    return [
        Row(
            f"{resource}, warm, processor time of two server processes",
            _shown(both),
            f"one {_shown(alone)}",
            cheaper,
            round(1 / TARGET_COST, 2),
        ),
        Row(
            "... answers that they could give by that",
            f"{possible[0]:,.0f} /s",
            f"one {possible[1]:,.0f} /s",
            len(PROCESSORS) * cheaper,
            TARGET_RATE,
        ),
        Row(
            "... answers that they gave, Envoy and clients beside them",
            f"{median(rates[0]):,.0f} /s",
            f"one {median(rates[1]):,.0f} /s",
            typical_ratio(*rates),
            TARGET_RATE,
        ),
    ]


def _costs(turns: Sequence[Turn]) -> list[float]:
    return [turn.spent_s["server"] for turn in turns]


def _shown(turns: Sequence[Turn]) -> str:
    envoys = [turn.spent_s["Envoy"] for turn in turns]
    return f"{median(_costs(turns)) * 1e6:.0f} µs (Envoy {median(envoys) * 1e6:.0f})"


def _confine(pid: int, processor: int) -> None:
    """Let all threads of the process run there alone; those that it starts inherit that."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has ended meanwhile
            os.sched_setaffinity(int(thread.name), [processor])
