"""Measure everything and print the table: `make bench`, or `python -m tests.bench [--quick] [SCENARIO ...]`."""

import argparse
import asyncio
import os
import platform
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench import scenarios
from tests.bench.crowd import crowd
from tests.bench.disk_tier import disk_tier
from tests.bench.images import big_instances, ct_instances
from tests.bench.object_store import object_store
from tests.bench.object_store_stream import object_store_stream
from tests.bench.processes import processes
from tests.bench.progressive import progressive
from tests.bench.redis_tier import redis_tier
from tests.bench.rendered import rendered
from tests.bench.several_pacs import several_pacs
from tests.bench.storing import stow
from tests.bench.table import Row, markdown
from tests.bench.trust import trust
from tests.bench.web_pacs import web_pacs
from tests.bench.worklist import worklist
from tests.integration.orthanc import OrthancServer


@dataclass(frozen=True)
class Run:
    """A PACS with the CT studies, seconds of each load, rounds in turns, sizes of what is fetched and stored."""

    orthanc: OrthancServer
    seconds: int
    rounds: int
    mib: int
    uploaded: int


SCENARIOS: Mapping[str, Callable[[Run, Path], Awaitable[list[Row]]]] = {
    "dicomweb": lambda run, folder: scenarios.dicomweb(run.orthanc, folder, run.seconds, run.rounds),
    "rendered": lambda run, folder: rendered(run.orthanc, folder, run.seconds, run.rounds),
    "progressive": lambda run, folder: progressive(run.orthanc, folder, run.rounds),
    "stream": lambda run, folder: scenarios.grpc_stream(run.orthanc, folder, run.seconds, run.rounds),
    "find": lambda run, _folder: scenarios.find(run.orthanc, run.seconds),
    "several": lambda run, folder: several_pacs(run.orthanc, folder, run.rounds),
    "crowd": lambda run, folder: crowd(run.orthanc, folder),
    "stow": lambda run, folder: stow(run.orthanc, folder, run.uploaded),
    "web": lambda run, _folder: web_pacs(run.orthanc, run.rounds),
    "trust": lambda run, folder: trust(run.orthanc, folder, run.seconds, run.rounds),
    "memory": lambda run, folder: scenarios.memory(run.orthanc, folder, run.mib),
    "worklist": lambda run, folder: worklist(run.orthanc, folder, run.seconds, run.rounds),
    "disk": lambda run, folder: disk_tier(run.orthanc, folder, run.seconds, run.rounds),
    "redis": lambda run, folder: redis_tier(run.orthanc, folder, run.seconds, run.rounds),
    "s3": lambda run, folder: object_store(folder, run.rounds),
    "s3-stream": lambda run, folder: object_store_stream(run.orthanc, folder, run.rounds),
    "processes": lambda run, folder: processes(folder, run.seconds, run.rounds),
}


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("scenario", nargs="*", choices=[*SCENARIOS, []], help="what to measure; all by default")
    parser.add_argument("--quick", action="store_true", help="shorter runs and a smaller study; for trying things out")
    arguments = parser.parse_args()
    wanted = arguments.scenario or list(SCENARIOS)
    seconds, rounds, mib, uploaded = (2, 1, 256, 120) if arguments.quick else (3, 7, 2048, 1000)
    with tempfile.TemporaryDirectory(prefix="radgate-bench-") as folder:
        root = Path(folder)
        with OrthancServer(root / "orthanc", options={"OverwriteInstances": False}) as orthanc:
            scenarios.upload(orthanc, ct_instances())
            if "memory" in wanted:
                scenarios.upload(orthanc, big_instances(mib))
            run = Run(orthanc, seconds, rounds, mib, uploaded)
            rows = [row for name in wanted for row in _measure(name, run, root / name)]
    print(f"\nPython {platform.python_version()}, {platform.machine()}\n\n{markdown(rows)}")


def _measure(name: str, run: Run, folder: Path) -> list[Row]:
    """Its rows, printed at once, so that a later failure loses nothing; and how busy the machine was."""
    (folder / "radgate").mkdir(parents=True, exist_ok=True)
    print(f"measuring {name} …", flush=True)
    rows = asyncio.run(_run(SCENARIOS[name](run, folder)))
    for row in rows:
        print(f"  {row.what}: {row.radgate}, {row.reference}, {row.ratio:.2f}", row.bare, flush=True)
    print(f"  load {', '.join(f'{load:.1f}' for load in os.getloadavg())}", flush=True)
    return rows


async def _run(scenario: Awaitable[list[Row]]) -> list[Row]:
    return await scenario


if __name__ == "__main__":
    main()
