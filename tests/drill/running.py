"""A server for the drill, and one attack on it."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from radgate_server.core.pacs.connections import FolderConnection
from tests.drill.attacks import PATIENCE_S
from tests.drill.watching import Costs, GoodClient
from tests.e2e.radgate_process import ROOT, RadgateProcess
from tests.fakes.instances import make_study

STUDY = "2.25.4242"
ATTACKER, ATTACKERS_PLACES = "attacker", 8
LARGE = f"/dicom-web/studies/{STUDY}"
GOOD = ("/dicom-web/studies", f"{LARGE}/series/{STUDY}.1/instances/{STUDY}.1.1/frames/1")


@dataclass(frozen=True)
class Round:
    """An attack: what became of its connections, what a good client met before and during it, and what it cost."""

    name: str
    outcomes: Mapping[str, int]
    before: GoodClient
    during: GoodClient
    costs: Costs


@contextmanager
def drilled_server(folder: Path, instances: int, **settings: str) -> Iterator[RadgateProcess]:
    """A server in front of a folder with one study of that many instances of half a MiB each.

    Attackers have a key too, which may do so many requests at the same time.
    """
    images = folder / "images"
    images.mkdir()
    for number, instance in enumerate(make_study(instances, study=STUDY, rows=512, columns=512)):
        (images / f"{number}.dcm").write_bytes(instance)
    variables = {f"RADGATE_GATEWAY__{name.upper()}": value for name, value in settings.items()}
    variables["RADGATE_GATEWAY__ACCESS_LOG"] = "false"
    with RadgateProcess(folder, variables).tenant("east", FolderConnection(str(images))) as server:
        token = server.cli("key", "create", "--tenant", "east", "--role", "operator").strip()
        limits = ("--key", token.split("_")[1], "--concurrent-requests", str(ATTACKERS_PLACES))
        server.cli("limits", "set", "--tenant", "east", *limits)
        server.keys[ATTACKER] = token
        yield server


def attack(server: RadgateProcess, name: str, *, seconds: float, connections: int, outcome: str = "") -> Round:
    """Watch a good client alone for a while, then under attack, until that has this outcome too."""
    before, _ = _watch(server, time.sleep, seconds / 5)
    outcomes: dict[str, int] = {}

    def fight(for_s: float) -> None:
        patience_s = for_s + 2 * PATIENCE_S
        port = server.url.rpartition(":")[2]
        words = (name, port, server.keys[ATTACKER], LARGE, str(for_s), str(connections), outcome)
        command = (sys.executable, "-m", "tests.drill.attacker", *words)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=patience_s, check=True)
        outcomes.update(json.loads(done.stdout))

    during, costs = _watch(server, fight, seconds)
    return Round(name, outcomes, before, during, costs)


def _watch(server: RadgateProcess, work: Callable[[float], None], seconds: float) -> tuple[GoodClient, Costs]:
    client, costs, busy = GoodClient(server.url, server.keys["east"], GOOD), Costs(), threading.Event()
    busy.set()
    port = int(server.url.rpartition(":")[2])

    def look() -> None:
        while busy.is_set():
            costs.look(server.pid, port)
            time.sleep(0.1)

    threads = [threading.Thread(target=client.run_while, args=(busy,)), threading.Thread(target=look)]
    for thread in threads:
        thread.start()
    try:
        work(seconds)
    finally:
        busy.clear()
        for thread in threads:
            thread.join()
    return client, costs
