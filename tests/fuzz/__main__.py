"""Give damaged frames of every transfer syntax to the codecs: `python -m tests.fuzz [--minutes 20] [--seed N]`.

A child process does the work, with a limit on its memory; here it is watched, and replaced when it dies or hangs.
What is to be looked at is kept in files. Ends with status 1 when there is any.
"""

import argparse
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from tests.fuzz.corpus_file import write_frame
from tests.fuzz.damage import damaged
from tests.fuzz.seeds import seeds
from tests.fuzz.trying import FINDINGS

WATCHDOG_S = 20.0


class Child:
    """The process that decodes, and its lines."""

    def __init__(self, seed: int, first_case: int) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.fuzz.child", str(seed), str(first_case), "1"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._lines: Queue[str] = Queue()
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put("")

    def line(self) -> str | None:
        """The next line; empty when the process has ended, None when it is silent for too long."""
        try:
            return self._lines.get(timeout=WATCHDOG_S)
        except Empty:
            return None

    def stop(self) -> int:
        """End the process if it still runs; its status."""
        self._process.kill()
        return self._process.wait()


def outcomes(seed: int, until: float) -> Iterator[tuple[int, str]]:
    """Cases and what came of them, until the clock says so."""
    case = 0
    while time.monotonic() < until:
        child = Child(seed, case)
        for number, outcome in _of_child(child, case, until):
            yield number, outcome
            case = number + 1
        child.stop()


def _of_child(child: Child, case: int, until: float) -> Iterator[tuple[int, str]]:
    while time.monotonic() < until:
        started = child.line()
        outcome = child.line() if started else started
        if outcome is None:
            yield case, f"HUNG for {WATCHDOG_S:.0f} s"
            return
        if not outcome:
            yield case, f"DIED with status {child.stop()}"
            return
        yield case, outcome
        case += 1


def main() -> None:
    """Run, report by transfer syntax."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1, help="the same number makes the same cases")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"), help="where findings are kept")
    arguments = parser.parse_args()
    frames = seeds()
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    findings = 0
    for case, outcome in outcomes(arguments.seed, time.monotonic() + arguments.minutes * 60):
        sound, frame, damage = damaged(arguments.seed, case, frames)
        counts[TRANSFER_SYNTAXES[sound.transfer_syntax_uid].name][_kind(outcome)] += 1
        if outcome.startswith(FINDINGS):
            findings += 1
            arguments.out.mkdir(exist_ok=True)
            write_frame(arguments.out / f"{arguments.seed}-{case}.frame", frame, f"{damage.__name__}: {outcome}")
            print(f"case {case}, {damage.__name__} of {sound.transfer_syntax_uid}: {outcome}", flush=True)
    _report(counts)
    sys.exit(1 if findings else 0)


def _kind(outcome: str) -> str:
    return outcome.split(" ", 1)[0] if outcome.startswith(FINDINGS) else outcome


def _report(counts: dict[str, Counter[str]]) -> None:
    kinds = sorted({kind for counter in counts.values() for kind in counter})
    print("| transfer syntax | cases |", " | ".join(kinds), "|")
    print("|---|" + "---|" * (len(kinds) + 1))
    for name, counter in counts.items():
        print(f"| {name} | {counter.total()} |", " | ".join(str(counter[kind]) for kind in kinds), "|")


if __name__ == "__main__":
    main()
