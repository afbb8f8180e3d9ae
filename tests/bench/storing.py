"""STOW-RS of a CT study through Envoy and Radgate to Orthanc over DIMSE, against dcmsend straight to it."""

import asyncio
import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from tests.bench.ct import CT_ATTRIBUTES, ct_pixels
from tests.bench.servers import TENANT, Radgate, radgate_for
from tests.bench.table import Row
from tests.fakes.instances import make_instance
from tests.integration.orthanc import OrthancServer

TARGET = 1.0
_BOUNDARY = "radgate-bench"
_STUDIES = (f"2.25.7701{number}" for number in range(1000))
"""A fresh one for each upload, for Orthanc drops what it has already."""


async def stow(orthanc: OrthancServer, folder: Path, slices: int) -> list[Row]:
    """Time one after the other, once: dcmsend alone takes a minute for 1,000 slices."""
    return await asyncio.to_thread(_stow, orthanc, folder, slices)


def _stow(orthanc: OrthancServer, folder: Path, slices: int) -> list[Row]:
    with radgate_for(orthanc, folder / "radgate") as radgate:
        token = radgate.command("key", "create", "--tenant", TENANT, "--role", "operator").strip()
        radgate.reset_peak_rss()
        before = radgate.peak_rss_bytes()
        mine_s = _upload(radgate, token, _write_body(folder / "body", slices, next(_STUDIES)))
        theirs_s = _dcmsend(orthanc, _write_files(folder / "files", slices, next(_STUDIES)))
        grown_mib = (radgate.peak_rss_bytes() - before) / (1 << 20)
    name = f"STOW of {slices} CT slices to Orthanc (server grew {grown_mib:.0f} MiB)"
    against = f"dcmsend with TCP_NODELAY=1 {_speed(slices, theirs_s)}"
    return [Row(name, _speed(slices, mine_s), against, theirs_s / mine_s, TARGET)]


def _speed(slices: int, seconds: float) -> str:
    return f"{seconds:.2f} s, {slices / 2 / seconds:.0f} MiB/s"


def _slices(count: int, study: str) -> Iterable[bytes]:
    for number in range(1, count + 1):
        sop_instance_uid, pixels = f"{study}.1.{number}", ct_pixels(number)
        yield make_instance(
            study,
            f"{study}.1",
            sop_instance_uid,
            rows=512,
            columns=512,
            number=number,
            PixelData=pixels,
            **CT_ATTRIBUTES,
        )


def _write_body(path: Path, count: int, study: str) -> Path:
    with path.open("wb") as file:
        for instance in _slices(count, study):
            file.write(f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode() + instance + b"\r\n")
        file.write(f"--{_BOUNDARY}--\r\n".encode())
    return path


def _write_files(folder: Path, count: int, study: str) -> Path:
    folder.mkdir(exist_ok=True)
    for number, instance in enumerate(_slices(count, study)):
        (folder / f"{number}.dcm").write_bytes(instance)
    return folder


def _upload(radgate: Radgate, token: str, body: Path) -> float:
    url = f"http://127.0.0.1:{radgate.http_port}/dicom-web/studies"
    content_type = f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'
    headers = ("-H", f"Authorization: Bearer {token}", "-H", f"Content-Type: {content_type}", "-H", "Expect:")
    answer = ("-o", str(body.with_suffix(".json")), "-w", "%{http_code} %{time_total}")
    command = ["curl", "--silent", "--show-error", "-X", "POST", *headers, "-T", str(body), *answer, url]
    status, seconds = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    if status != "200":
        raise RuntimeError(f"the upload was answered with {status}")
    return float(seconds)


def _dcmsend(orthanc: OrthancServer, folder: Path) -> float:
    start = time.perf_counter()
    address = ["127.0.0.1", str(orthanc.dicom_port)]
    command = ["dcmsend", "--call", orthanc.ae_title, *address, "--scan-directories", str(folder)]
    subprocess.run(command, capture_output=True, check=True, env={**os.environ, "TCP_NODELAY": "1"})
    return time.perf_counter() - start
