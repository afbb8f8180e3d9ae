"""The server of this checkout against that of another one, in turns: warm answers through Envoy, and the gRPC stream.

    python -m tests.bench.versions OTHER [--rounds 7] [--seconds 2]

OTHER is a checkout with a `.venv` of its own. Rates and processor time of server and Envoy are those of this checkout
and of the other one; ratios, the medians of the rounds' own, are above 1 where this one is better.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench.images import ct_instances
from tests.bench.processor import processor_s
from tests.bench.rounds import typical_ratio
from tests.bench.scenarios import RESOURCES, Resource, ct_request, figure, load, make_ready, stream_once, upload
from tests.bench.servers import RADGATE, Radgate, radgate_for
from tests.integration.orthanc import OrthancServer

_HEADER = """| what | rate | the other's | ratio | processor time, ms | the other's | ratio |
| --- | --- | --- | --- | --- | --- | --- |"""


@dataclass(frozen=True)
class Turn:
    """A rate, and seconds of processor time an answer."""

    rate: float
    spent_s: float


def _resource_turn(radgate: Radgate, resource: Resource, seconds: int) -> Turn:
    before_s, began_s = processor_s(radgate.pid).total(), time.perf_counter()
    taken = load(radgate.http_port, resource, resource.headers(radgate), seconds)
    if taken.failed:
        raise RuntimeError(f"{resource.name}: {taken.failed} failed")
    answers = taken.per_second * (time.perf_counter() - began_s)
    return Turn(figure(taken, resource), (processor_s(radgate.pid).total() - before_s) / answers)


def _stream_turn(radgate: Radgate, seconds: int) -> Turn:
    before_s, taken_s = processor_s(radgate.pid).total(), list[float]()
    while sum(taken_s) < seconds:
        taken_s.append(stream_once(radgate.grpc_port, ct_request(), [radgate.authorization])[0])
    return Turn(1 / median(taken_s), (processor_s(radgate.pid).total() - before_s) / len(taken_s))


def _asked_of(radgate: Radgate, seconds: int) -> dict[str, Callable[[], Turn]]:
    """What is measured of it, by the name of its row."""
    turns = {resource.name: partial(_resource_turn, radgate, resource, seconds) for resource in RESOURCES}
    return {**turns, "gRPC study stream, 120 slices": partial(_stream_turn, radgate, seconds)}


def _row(what: str, ours: Sequence[Turn], theirs: Sequence[Turn]) -> str:
    rates = [[turn.rate for turn in taken] for taken in (ours, theirs)]
    spent_s = [[turn.spent_s for turn in taken] for taken in (ours, theirs)]
    rate = f"{median(rates[0]):,.1f} | {median(rates[1]):,.1f} | {typical_ratio(*rates):.2f}"
    spent = f"{median(spent_s[0]) * 1e3:.3g} | {median(spent_s[1]) * 1e3:.3g} | {typical_ratio(*reversed(spent_s)):.2f}"
    return f"| {what} | {rate} | {spent} |"


def main(other: Path, rounds: int, seconds: int) -> None:
    """Start both in front of one Orthanc, load each in turn, print a row for each resource."""
    program = (str(other / ".venv/bin/python"), "-m", "radgate_server")
    with tempfile.TemporaryDirectory(prefix="radgate-bench-") as name, ExitStack() as stack:
        orthanc = stack.enter_context(OrthancServer(Path(name) / "orthanc"))
        upload(orthanc, ct_instances())
        sides = []
        for side in (RADGATE, program):
            folder = Path(name) / f"side{len(sides)}"
            folder.mkdir()
            radgate = stack.enter_context(radgate_for(orthanc, folder, program=side, command_line=side))
            for resource in RESOURCES:
                make_ready(radgate, resource)
            sides.append(_asked_of(radgate, seconds))
        print(_HEADER)
        for what in sides[0]:
            turns: tuple[list[Turn], list[Turn]] = [], []
            for number in range(rounds):
                for chosen in (0, 1) if number % 2 else (1, 0):
                    turns[chosen].append(sides[chosen][what]())
            print(_row(what, *turns), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.versions", description=__doc__)
    parser.add_argument("other", type=Path, help="the other checkout")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2, help="of each turn")
    arguments = parser.parse_args()
    main(arguments.other.resolve(), arguments.rounds, arguments.seconds)
