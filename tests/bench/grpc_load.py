"""Loads over gRPC by h2load (of nghttp2), one process for each client, which takes less than what it measures."""

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from struct import Struct

_PREFIX = Struct(">BI")
"""Of a message: whether it is compressed, and its length (gRPC over HTTP/2)."""
_OPEN_LOOP_CALLS = 16
"""How many calls a client may have in flight when it does not wait for answers."""


@dataclass(frozen=True)
class CallLoad:
    """Answers a second of all clients together, and how long each took."""

    per_second: float
    latencies_s: Sequence[float]

    @property
    def median_s(self) -> float:
        """How long half of the answers took at most."""
        return median(self.latencies_s)


def run_h2load(
    port: int,
    method: str,
    requests: Sequence[bytes],
    metadata: Sequence[tuple[str, str]],
    *,
    seconds: int,
    answer_bytes: int,
    per_second: float | None = None,
) -> CallLoad:
    """One client with a connection of its own for each request, which it sends again as soon as it is answered.

    With `per_second` all clients together send at that rate, evenly, whatever the answers take. An answer of less than
    `answer_bytes` is an error: HTTP's status says nothing of gRPC's.
    """
    options = ["-t1", f"-m{1 if per_second is None else _OPEN_LOOP_CALLS}", f"-D{seconds}"]
    options += [f"--rps={per_second / len(requests)}"] if per_second else []
    options += [f"-H{name}: {value}" for name, value in (("te", "trailers"), *metadata)]
    options += ["-Hcontent-type: application/grpc", f"http://127.0.0.1:{port}{method}"]
    with tempfile.TemporaryDirectory() as name:
        clients = []
        for number, request in enumerate(requests):
            body, log = Path(name) / f"{number}.body", Path(name) / f"{number}.log"
            body.write_bytes(_PREFIX.pack(0, len(request)) + request)
            command = ["h2load", f"-d{body}", f"--log-file={log}", *options]
            clients.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            time.sleep(1 / per_second if per_second else 0)
        printed = [client.communicate()[0] for client in clients]
        latencies_s = [taken for log in Path(name).glob("*.log") for taken in _latencies_s(log.read_text())]
    data_bytes = sum(int(_find(r"traffic: .*, \S+ \((\d+)\) data", text)) for text in printed)
    if not latencies_s or data_bytes < len(latencies_s) * answer_bytes:
        raise RuntimeError(f"{method}: {len(latencies_s)} answers of {data_bytes} bytes together")
    return CallLoad(sum(float(_find(r"([\d.]+) req/s", text)) for text in printed), latencies_s)


def _latencies_s(log: str) -> Iterator[float]:
    """Rows of: start, HTTP status, microseconds."""
    for row in log.splitlines():
        _, status, taken_us = row.split("\t")[:3]
        if status != "200":
            raise RuntimeError(f"an answer had HTTP status {status}")
        yield int(taken_us) / 1e6


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"h2load printed no {pattern}:\n{text}")
    return found.group(1)
