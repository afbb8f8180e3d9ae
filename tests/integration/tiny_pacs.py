"""tiny_pacs with its DICOMweb front-end, in memory, on free ports: a server that searches below one parent only."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.integration.ports import free_port

_START_TIMEOUT_S = 60.0


@dataclass
class TinyPacs:
    """Start with `with TinyPacs(folder) as tiny:`."""

    folder: Path
    dicom_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Root of its DICOMweb services."""
        return f"http://127.0.0.1:{self.http_port}/dicomweb"

    def _configuration(self) -> dict[str, Any]:
        return {
            "ae": {"ae_title": ["TINY"], "port": self.dicom_port, "dump_ds": False},
            "components": {
                "Database": {"on": True, "mode": "memory"},
                "Devices": {"on": True},
                "PACS": {"on": True},
                "InMemoryStorage": {"on": True},
                "HttpServer": {"on": True, "host": "127.0.0.1", "port": self.http_port},
                "DICOMWeb": {"on": True},
            },
        }

    def __enter__(self) -> Self:
        """Start it and wait until it answers."""
        configuration = self.folder / "tiny.yaml"
        configuration.write_text(json.dumps(self._configuration()), encoding="utf-8")  # JSON is YAML too
        with (self.folder / "tiny.log").open("wb") as log:
            command = [sys.executable, "-m", "tiny_pacs", "run", "-c", str(configuration)]
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"tiny_pacs did not start:\n{(self.folder / 'tiny.log').read_text()}")
            time.sleep(0.1)
        return self

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/studies?limit=1", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
