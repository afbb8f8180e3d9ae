"""A small DIMSE archive in a process of its own, in a temporary folder."""

import os
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.integration.ports import free_port

START_TIMEOUT_S = 60.0


@dataclass(kw_only=True)
class SmallArchive(ABC):
    """Start with `with ...:`; it works in `folder` and writes its log there."""

    folder: Path = field(kw_only=False)
    ae_title: str
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @abstractmethod
    def command(self) -> list[str]:
        """Write what it needs into the folder, and report how it is started."""

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "archive.log"
        with path.open("wb") as log:
            self._process = subprocess.Popen(
                self.command(), cwd=self.folder, stdout=log, stderr=log, env={**os.environ, "TCP_NODELAY": "1"}
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{type(self).__name__} did not start:\n{path.read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it; harmless when it does not run."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def store(self, paths: Iterable[Path]) -> None:
        """Store DICOM files; it may choose another transfer syntax than theirs."""
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
