"""A real Orthanc in a temporary folder, with DIMSE and DICOMweb on free ports."""

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.integration.ports import free_port

ORTHANC = "/usr/sbin/Orthanc"
DICOMWEB_PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
START_TIMEOUT_S = 60.0


@dataclass
class OrthancServer:
    """Start with `with OrthancServer(folder, modalities={"RADGATE": ("RADGATE", 11112)}) as orthanc:`.

    `modalities` are those that may C-MOVE to themselves: AE title and port on this machine. Any AE title may echo,
    find, get and store. `options` override Orthanc's configuration.
    """

    folder: Path
    modalities: dict[str, tuple[str, int]] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    ae_title: str = "ORTHANC"
    dicom_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Root of Orthanc's own REST API."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def dicomweb_url(self) -> str:
        """Root of the DICOMweb plug-in."""
        return f"{self.url}/dicom-web"

    def configuration(self) -> dict[str, Any]:
        """What goes into orthanc.json."""
        return {
            "Name": "radgate-test",
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "index"),
            "Plugins": [DICOMWEB_PLUGIN],
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DefaultEncoding": "Utf8",  # of C-FIND answers; as delivered they lose all but Western European text
            "DicomAet": self.ae_title,
            "DicomPort": self.dicom_port,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "DicomAlwaysAllowStore": True,
            "DicomModalities": {
                name: {"AET": ae_title, "Host": "127.0.0.1", "Port": port, "AllowMove": True}
                for name, (ae_title, port) in self.modalities.items()
            },
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            **self.options,
        }

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "orthanc.json"
        configuration.write_text(json.dumps(self.configuration()), encoding="utf-8")
        with (self.folder / "orthanc.log").open("wb") as log:
            self._process = subprocess.Popen([ORTHANC, str(configuration)], stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"Orthanc did not start:\n{(self.folder / 'orthanc.log').read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it; harmless when it does not run."""
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Kill it, so that its connections break; harmless when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Have it fall silent, its connections open, until `resume`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it continue after `pause`; harmless when it does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def upload(self, paths: Iterable[Path]) -> None:
        """Store DICOM files through the REST API."""
        for path in paths:
            self.request("POST", "/instances", path.read_bytes())

    def request(self, method: str, path: str, body: bytes | None = None) -> Any:
        """Call the REST API; returns the decoded JSON, None for an empty answer."""
        request = urllib.request.Request(self.url + path, data=body, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = response.read()
        return json.loads(answer) if answer else None

    def _answers(self) -> bool:
        try:
            self.request("GET", "/system")
        except urllib.error.HTTPError as error:
            return error.code == 401
        except (urllib.error.URLError, OSError):
            return False
        return True

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()
