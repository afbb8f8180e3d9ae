"""Measure everything and print the table: `make bench`, or `python -m tests.bench [--quick] [SCENARIO ...]`."""

import argparse
import asyncio
import platform
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.bench import scenarios
from tests.bench.crowd import crowd
from tests.bench.images import big_instances, ct_instances
from tests.bench.object_store import object_store
from tests.bench.progressive import progressive
from tests.bench.rendered import rendered
from tests.bench.several_pacs import several_pacs
from tests.bench.storing import stow
from tests.bench.table import Row, markdown
from tests.bench.trust import trust
from tests.bench.web_pacs import web_pacs
from tests.bench.worklist import worklist
from tests.integration.orthanc import OrthancServer

SCENARIOS = (
    "dicomweb",
    "rendered",
    "progressive",
    "stream",
    "find",
    "several",
    "crowd",
    "stow",
    "web",
    "trust",
    "memory",
    "worklist",
    "s3",
)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("scenario", nargs="*", choices=[*SCENARIOS, []], help="what to measure; all by default")
    parser.add_argument("--quick", action="store_true", help="shorter runs and a smaller study; for trying things out")
    arguments = parser.parse_args()
    wanted = arguments.scenario or list(SCENARIOS)
    seconds, rounds, mib = (2, 1, 256) if arguments.quick else (3, 7, 2048)
    with tempfile.TemporaryDirectory(prefix="radgate-bench-") as folder:
        root = Path(folder)
        with OrthancServer(root / "orthanc", options={"OverwriteInstances": False}) as orthanc:
            scenarios.upload(orthanc, ct_instances())
            if "memory" in wanted:
                scenarios.upload(orthanc, big_instances(mib))
            runs: dict[str, Callable[[], Awaitable[list[Row]]]] = {
                "dicomweb": lambda: scenarios.dicomweb(orthanc, root / "dicomweb", seconds, rounds),
                "rendered": lambda: rendered(orthanc, root / "rendered", seconds, rounds),
                "progressive": lambda: progressive(orthanc, root / "progressive", rounds),
                "stream": lambda: scenarios.grpc_stream(orthanc, root / "stream", seconds, rounds),
                "find": lambda: scenarios.find(orthanc, seconds),
                "several": lambda: several_pacs(orthanc, root / "several", rounds),
                "crowd": lambda: crowd(orthanc, root / "crowd"),
                "stow": lambda: stow(orthanc, root / "stow", 120 if arguments.quick else 1000),
                "web": lambda: web_pacs(orthanc, rounds),
                "trust": lambda: trust(orthanc, root / "trust", seconds, rounds),
                "memory": lambda: scenarios.memory(orthanc, root / "memory", mib),
                "worklist": lambda: worklist(orthanc, root / "worklist", seconds, rounds),
                "s3": lambda: object_store(root / "s3", rounds),
            }
            rows = []
            for name in wanted:
                (root / name / "radgate").mkdir(parents=True, exist_ok=True)
                print(f"measuring {name} …", flush=True)
                rows += (measured := asyncio.run(_run(runs[name])))
                for row in measured:  # at once, so that a later failure loses nothing
                    print(f"  {row.what}: {row.radgate}, {row.reference}, {row.ratio:.2f}", row.bare, flush=True)
    print(f"\nPython {platform.python_version()}, {platform.machine()}\n\n{markdown(rows)}")


async def _run(scenario: Callable[[], Awaitable[list[Row]]]) -> list[Row]:
    return await scenario()


if __name__ == "__main__":
    main()
