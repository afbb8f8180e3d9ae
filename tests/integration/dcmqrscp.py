"""DCMTK's dcmqrscp, a small archive, in a temporary folder."""

import os
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.integration.orthanc import free_port

START_TIMEOUT_S = 20.0


@dataclass
class DcmqrscpServer:
    """Start with `with DcmqrscpServer(folder, move_port=11112) as archive:`; C-MOVE goes to AE title RADGATE there."""

    folder: Path
    move_port: int
    ae_title: str = "DCMTK"
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it and wait until it listens."""
        storage = self.folder / "db"
        storage.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "dcmqrscp.cfg"
        configuration.write_text(
            "\n".join(
                (
                    f"NetworkTCPPort = {self.port}",
                    "MaxPDUSize = 131072",
                    "MaxAssociations = 16",
                    "HostTable BEGIN",
                    f"gateway = (RADGATE, 127.0.0.1, {self.move_port})",
                    "HostTable END",
                    "AETable BEGIN",
                    f"{self.ae_title} {storage} RW (100, 1024mb) ANY",
                    "AETable END",
                    "",
                )
            )
        )
        command = ["dcmqrscp", "-c", str(configuration)]
        with (self.folder / "dcmqrscp.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "TCP_NODELAY": "1"})
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"dcmqrscp did not start:\n{(self.folder / 'dcmqrscp.log').read_text()}")
            time.sleep(0.02)

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
