"""pynetdicom's qrscp, a small archive in a process of its own, in a temporary folder."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.integration.orthanc import free_port

START_TIMEOUT_S = 30.0


@dataclass
class QrscpServer:
    """Start with `with QrscpServer(folder) as archive:`. It answers to any called AE title."""

    folder: Path
    ae_title: str = "QRSCP"
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pynetdicom", "qrscp", "-ba", "127.0.0.1", "--port", str(self.port)]
        command += ["-aet", self.ae_title, "--database-location", "index.sqlite", "--instance-location", "instances"]
        with (self.folder / "qrscp.log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"qrscp did not start:\n{(self.folder / 'qrscp.log').read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it; harmless when it does not run."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def store(self, paths: Iterable[Path]) -> None:
        """Store DICOM files, each in its own transfer syntax."""
        for path in paths:
            address = ["-aec", self.ae_title, "127.0.0.1", str(self.port)]
            subprocess.run(["dcmsend", *address, str(path)], check=True, capture_output=True, timeout=60)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()
