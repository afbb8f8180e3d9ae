"""Loads over HTTP by wrk and curl, which take less of the machine than what they measure."""

import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"KB": 1e-3, "MB": 1.0, "GB": 1e3, "B": 1e-6}


@dataclass(frozen=True)
class Load:
    """What wrk reports: answers and megabytes a second, and answers that were not 2xx or broke."""

    per_second: float
    mb_per_second: float
    failed: int


def run_wrk(
    port: int, paths: Sequence[str], headers: Mapping[str, str], *, connections: int = 16, seconds: int = 4
) -> Load:
    """Ask for the paths in turn over keep-alive connections."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "paths.lua"
        listed = ",\n".join(f"  {path!r}" for path in paths)
        script.write_text(
            f"local paths = {{\n{listed}\n}}\nlocal n = 0\n"
            "request = function()\n  n = n % #paths + 1\n  return wrk.format(nil, paths[n])\nend\n"
        )
        options = [f"-H{name}: {value}" for name, value in headers.items()]
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout=30s", f"-s{script}", *options]
        printed = subprocess.run(
            [*command, f"http://127.0.0.1:{port}"], check=True, capture_output=True, text=True
        ).stdout
    return parse_report(printed)


def run_curl(port: int, path: str, headers: Mapping[str, str], *, connections: int = 16, each: int = 2) -> Load:
    """Download `each` times over each connection; Orthanc closes them after a stream, which wrk can't take."""
    options = [f"-H{name}: {value}" for name, value in headers.items()]
    report = ["--silent", "--write-out", "%{http_code} %{size_download} %{exitcode}\n"]
    downloads = [word for _ in range(each) for word in ("-o", "/dev/null", f"http://127.0.0.1:{port}{path}")]
    command = ["curl", *report, *options, *downloads]
    start = time.perf_counter()
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(connections)]
    lines = [line for process in running for line in process.communicate()[0].splitlines()]
    took_s = time.perf_counter() - start
    codes, sizes, exits = zip(*(line.split() for line in lines), strict=True)
    failed = sum(code != "200" or status != "0" for code, status in zip(codes, exits, strict=True))
    return Load(len(lines) / took_s, sum(map(int, sizes)) / took_s / 1e6, failed)


def parse_report(printed: str) -> Load:
    """Read wrk's report."""
    per_second = float(_find(r"Requests/sec:\s+([\d.]+)", printed)[0])
    amount, unit = _find(r"Transfer/sec:\s+([\d.]+)(\w+)", printed)
    failed = sum(int(number) for number in re.findall(r"Non-2xx or 3xx responses: (\d+)", printed))
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", printed)
    failed += sum(map(int, errors.groups())) if errors else 0
    return Load(per_second, float(amount) * _UNITS[unit], failed)


def _find(pattern: str, text: str) -> tuple[str, ...]:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"wrk printed no {pattern}:\n{text}")
    return found.groups()
