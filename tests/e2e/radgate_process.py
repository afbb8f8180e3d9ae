"""`radgate serve` as an operator starts it: a process of its own with Envoy, on free ports, over a temporary folder."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

import httpx

from radgate_server.core.access.tenancy import ANY_TENANT, Caller, Principal, Role
from radgate_server.core.pacs.connections import DimseConnection, PacsConnection
from radgate_server.core.pacs.setup import PacsSetup
from radgate_server.installation.administration import open_admin
from radgate_server.installation.gate import Purpose
from radgate_server.services.administration.tenants import AdminService
from radgate_server.settings.settings import Settings, load_settings
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port

ROOT = Path(__file__).parents[2]
PACS = "archive"
RADGATE = (sys.executable, "-m", "radgate_server")
_ANY_FREE_PORT = dict.fromkeys(
    ("RADGATE_HTTP_PORT", "RADGATE_GRPC_PORT", "RADGATE_DICOM_PORT", "RADGATE_METRICS_PORT"), "0"
)
_DEFAULTS = {**_ANY_FREE_PORT, "RADGATE_PROCESSES__COUNT": "1"}


@dataclass
class RadgateProcess:
    """Prepare it with `tenant`, start it by `with radgate:` or `start`; `kill` and `start` as often as you like.

    `folder` holds its data and its log. `settings` are `RADGATE_...` variables. `prefix` is a command that runs the
    server's, and `command` that server. `keys` are those of `tenant`, by the tenant.
    """

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    prefix: Sequence[str] = ()
    command: Sequence[str] = (*RADGATE, "serve")
    keys: dict[str, str] = field(default_factory=dict, init=False)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _log: IO[bytes] | None = field(default=None, init=False)
    _ports: dict[str, int] = field(default_factory=dict, init=False)

    @property
    def environment(self) -> dict[str, str]:
        """What every command of this installation needs to have set."""
        return {**os.environ, **_DEFAULTS, "RADGATE_DATA_DIR": str(self.data_dir), **self.settings}

    @property
    def data_dir(self) -> Path:
        """The installation's folder."""
        return self.folder / "data"

    @property
    def database_url(self) -> str:
        """The installation's database, for SQLAlchemy."""
        return self._loaded_settings().database_url_or_default

    @property
    def log_file(self) -> Path:
        """Everything that the server and Envoy wrote, over all starts."""
        return self.folder / "serve.log"

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self.process is not None
        return self.process.pid

    @property
    def url(self) -> str:
        """Envoy's root."""
        return f"http://{self._host}:{self._ports['http_port']}"

    @property
    def endpoints(self) -> dict[str, str]:
        """Where gRPC is spoken: Envoy's port, and the server's own behind it."""
        return {name: f"{self._host}:{self._ports[f'{name}_port']}" for name in ("http", "grpc")}

    @property
    def metrics_url(self) -> str:
        """What Prometheus reads."""
        return f"http://127.0.0.1:{self._ports['metrics_port']}/metrics"

    def metric(self, name: str, **labels: str) -> float:
        """What the running server shows now, the sum over all samples with these labels."""
        lines = httpx.get(self.metrics_url, timeout=30, trust_env=False).text.splitlines()
        samples = [line for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(line.rpartition(" ")[2]) for line in samples if all(each in line for each in wanted))

    def tenant(self, tenant_id: str, connection: PacsConnection, role: Role = Role.VIEWER) -> Self:
        """Before the start, make a tenant with a PACS called "archive" and a key of that role."""

        async def prepare(admin: AdminService) -> str:
            caller = Caller(Principal("e2e", (ANY_TENANT,), Role.ADMIN), tenant_id, "local", "e2e", "e2e")
            await admin.create_tenant(caller, tenant_id)
            await admin.pacs.create(caller, PACS, PacsSetup(connection), skip_validation=True)
            return (await admin.create_key(caller, role, "e2e"))[1]

        self.keys[tenant_id] = self.administer(prepare)
        return self

    def beside(self, folder: Path, settings: Mapping[str, str], command: Sequence[str] = (*RADGATE, "serve")) -> Self:
        """Before the start, another process of the same installation: with its keys, and a folder of its own."""
        other = type(self)(folder, settings, command=command)
        shutil.copytree(self.data_dir, other.data_dir)
        other.keys.update(self.keys)
        return other

    def cli(self, *arguments: str) -> str:
        """Run the command line on this installation; returns what it wrote to stdout."""
        done = subprocess.run([*RADGATE, *arguments], env=self.environment, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def client(self, tenant_id: str) -> httpx.Client:
        """An HTTP client of the gateway, with the tenant's key."""
        headers = {"authorization": f"Bearer {self.keys[tenant_id]}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def start(self) -> None:
        """Start it and wait until it serves."""
        offset = self.log_file.stat().st_size if self.log_file.exists() else 0
        self._log = self.log_file.open("ab")
        # Envoy listens a second after the server has chosen the port, and must be able to do so again.
        environment = {**self.environment, "RADGATE_HTTP_PORT": str(free_port()), **self.settings}
        self.process = subprocess.Popen(
            [*self.prefix, *self.command], env=environment, cwd=ROOT, stdout=self._log, stderr=subprocess.STDOUT
        )
        try:
            self._ports = wait_for(lambda: self._announced(offset), "radgate serves", 180)
        except BaseException:
            self.kill()
            raise

    def terminate(self) -> None:
        """Ask it to end, and do not wait."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float = 180) -> int:
        """Wait until it has ended; its exit status."""
        assert self.process is not None
        status = self.process.wait(timeout_s)
        self._forget()
        return status

    def kill(self) -> None:
        """Kill it as the kernel's out-of-memory killer does; harmless when it does not run."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._forget()

    def stop(self) -> None:
        """End it in the ordinary way; harmless when it does not run."""
        if self.process is None:
            return
        try:
            with contextlib.suppress(httpx.HTTPError):  # for tests/reported.py
                (self.folder / "metrics.txt").write_text(httpx.get(self.metrics_url, timeout=30).text, encoding="utf-8")
            self.terminate()
            assert self.wait() == 0
        finally:
            self.kill()

    def log(self) -> str:
        """The log as far as it is written."""
        return self.log_file.read_text(encoding="utf-8")

    @property
    def _host(self) -> str:
        return self.settings.get("RADGATE_HOST", "127.0.0.1")

    def _announced(self, offset: int) -> dict[str, int]:
        assert self.process is not None
        text = self.log_file.read_bytes()[offset:].decode()
        assert self.process.poll() is None, f"the server ended at its start:\n{text}"
        records = (json.loads(line) for line in text.splitlines() if line.endswith("}") and _started(line))
        return {name: port for record in records for name, port in record.items() if name.endswith("_port")}

    def _forget(self) -> None:
        assert self._log is not None
        self._log.close()
        self.process = None

    def administer[T](self, work: Callable[[AdminService], Awaitable[T]]) -> T:
        """Do something as whoever has the installation's folder."""

        async def run() -> T:
            async with open_admin(self._loaded_settings(), Purpose.BEGIN) as admin:
                return await work(admin)

        return asyncio.run(run())

    def _loaded_settings(self) -> Settings:
        return load_settings(data_dir=self.data_dir, database_url=self.settings.get("RADGATE_DATABASE_URL", ""))

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()


def _started(line: str) -> bool:
    return "radgate serves" in line or "radgate works" in line


def dimse(orthanc: OrthancServer, host: str = "127.0.0.1") -> DimseConnection:
    """How Radgate reaches this Orthanc."""
    return DimseConnection(host, orthanc.dicom_port, orthanc.ae_title, "RADGATE")
