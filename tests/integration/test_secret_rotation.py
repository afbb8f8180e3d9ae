"""A running server in front of a real Orthanc with a password, asked in a loop while keys and passwords rotate.

No request may fail, and nothing that the server writes or answers may hold the password in the clear.
"""

import asyncio
import base64
import logging
import os
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest

from radgate.aio import Client
from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.telemetry.logs.json_format import JsonFormatter
from radgate_server.app import build_app
from radgate_server.cli.shared.admin import caller_for
from radgate_server.core.access.tenancy import Role, Tenant
from radgate_server.core.pacs.connections import HttpAuth, HttpAuthMethod, OrthancConnection
from radgate_server.core.pacs.setup import PacsSetup
from radgate_server.core.secrets.secret import Secret, SecretSource, parse_reference
from radgate_server.installation.gate import Purpose
from radgate_server.installation.opening import open_installation
from radgate_server.rpc.v1.convert.pacs import to_pacs
from radgate_server.services.access.api_keys import make_key
from radgate_server.services.administration.tenants import AdminService
from radgate_server.settings.cache import CacheSettings
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.secrets import SecretsSettings
from radgate_server.settings.settings import Settings
from tests.fakes.instances import make_study
from tests.integration.orthanc import OrthancServer
from tests.integration.waiting import until

PASSWORD, NEXT_PASSWORD = "correct-horse-battery", "staple-of-another-kind"
STUDY = "2.25.4711"
ASKERS = 4


def orthanc_with(folder: Path, password: str) -> OrthancServer:
    return OrthancServer(folder, options={"AuthenticationEnabled": True, "RegisteredUsers": {"radgate": password}})


def settings_for(folder: Path) -> Settings:
    return Settings(
        data_dir=folder / "data",
        http_port=0,
        grpc_port=0,
        dicom_port=0,
        metrics_port=0,
        gateway=GatewaySettings(enabled=False),
        cache=CacheSettings(query_ttl_s=0, listing_ttl_s=0, route_ttl_s=0),
        secrets=SecretsSettings(rewrap_interval_s=0.2, cache_s=300),
    )


@dataclass
class Site:
    """A running server, whose only PACS is the Orthanc."""

    admin: AdminService
    client: Client
    data_dir: Path
    log: StringIO


@asynccontextmanager
async def running_site(folder: Path, orthanc: OrthancServer, secret: SecretSource) -> AsyncIterator[Site]:
    settings, log = settings_for(folder), StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    async with AsyncExitStack() as stack:
        root.addHandler(handler)
        stack.callback(root.removeHandler, handler)
        async with AsyncExitStack() as early:
            installation = await open_installation(early, settings, SystemClock(), purpose=Purpose.BEGIN)
            await installation.directories.tenants.create_tenant(Tenant("east", datetime.now(UTC)))
            key, token = make_key(installation.secrets.box, ("east",), Role.ADMIN, "test", datetime.now(UTC))
            await installation.directories.keys.create_key(key)
        app = await stack.enter_async_context(build_app(settings))
        connection = OrthancConnection(orthanc.url, HttpAuth(HttpAuthMethod.BASIC, "radgate"), password=secret)
        await app.admin.pacs.create(caller_for("east"), "main", PacsSetup(connection), skip_validation=True)
        client = await stack.enter_async_context(Client(f"127.0.0.1:{app.grpc_port}", token, tls=False))
        yield Site(app.admin, client, settings.data_dir, log)


class Load:
    """Questions, one after the other by each asker, until asked to stop; each must be answered."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._answered = [0] * ASKERS
        self.stop = asyncio.Event()

    async def ask(self, pacs_caller: int) -> None:
        while not self.stop.is_set():
            studies = [study.study_instance_uid async for study in self._site.client.search_studies()]
            assert studies == [STUDY]
            self._answered[pacs_caller] += 1

    async def goes_on(self) -> None:
        """Wait until each asker has had an answer to a question that it has still to ask."""
        begun = [count + 1 for count in self._answered]
        await until(lambda: all(count > former for count, former in zip(self._answered, begun, strict=True)))


@asynccontextmanager
async def under_load(site: Site) -> AsyncIterator[Load]:
    load = Load(site)
    async with asyncio.TaskGroup() as tasks:
        for pacs_caller in range(ASKERS):
            tasks.create_task(load.ask(pacs_caller))
        try:
            await load.goes_on()
            yield load
        finally:
            load.stop.set()


async def everything_under(site: Site, version: str) -> None:
    """Wait until a server has wrapped all secrets again."""
    async with asyncio.timeout(60):
        while any(found.secrets for found in await site.admin.secrets.status(caller_for()) if found.version != version):
            await asyncio.sleep(0.05)


async def test_a_key_rotates_under_load_without_a_failed_request(tmp_path: Path) -> None:
    with orthanc_with(tmp_path / "orthanc", PASSWORD) as orthanc:
        _fill(orthanc)
        async with running_site(tmp_path, orthanc, Secret(PASSWORD)) as site:
            async with under_load(site) as load:
                for rotation in range(2, 6):
                    version = await site.admin.secrets.rotate(caller_for())
                    assert version == f"file:{rotation}"
                    await everything_under(site, version)
                    await load.goes_on()
                for old in range(1, 5):  # as `prune` does once they have settled
                    (site.data_dir / "keys" / f"kek-{old:06}.key").unlink()
                await load.goes_on()
            assert [found.version for found in await site.admin.secrets.status(caller_for())] == ["file:5"]
            await _holds_no(site, PASSWORD)


async def test_a_key_that_another_process_rotates_is_used_at_once(tmp_path: Path) -> None:
    with orthanc_with(tmp_path / "orthanc", PASSWORD) as orthanc:
        _fill(orthanc)
        async with running_site(tmp_path, orthanc, Secret(PASSWORD)) as site:
            async with under_load(site) as load:
                said = await _command(site, "secrets", "rotate")
                assert said.splitlines()[0] == "file:2 is the current key"
                await everything_under(site, "file:2")  # by the command, or the server that was there first
                (site.data_dir / "keys" / "kek-000001.key").unlink()
                await load.goes_on()
            assert [(found.version, found.secrets) for found in await site.admin.secrets.status(caller_for())] == [
                ("file:2", 1)
            ]


@pytest.mark.parametrize("scheme", ["file", "env"])
async def test_a_password_rotates_without_a_restart(
    tmp_path: Path, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"

    def put(password: str) -> None:
        file.write_text(password + "\n")
        monkeypatch.setenv("ORTHANC_PASSWORD", password)

    put(PASSWORD)
    reference = parse_reference({"file": f"file:{file}", "env": "env:ORTHANC_PASSWORD"}[scheme], "ref")
    with orthanc_with(tmp_path / "orthanc", PASSWORD) as orthanc:
        _fill(orthanc)
        async with running_site(tmp_path, orthanc, reference) as site:
            assert (await site.admin.pacs.validate(caller_for("east"), "main")).passed
            orthanc.stop()
            put(NEXT_PASSWORD)
            orthanc.options["RegisteredUsers"] = {"radgate": NEXT_PASSWORD}
            await asyncio.to_thread(orthanc.start)
            # What is kept would be so for 300 s: the refusal makes it be read again, and the request goes again.
            assert (await site.admin.pacs.test(caller_for("east"), "main")).latency_ms > 0
            assert [study.study_instance_uid async for study in site.client.search_studies()] == [STUDY]
            await _holds_no(site, PASSWORD, NEXT_PASSWORD)


async def test_a_secret_that_is_gone_is_reported_and_nothing_else(tmp_path: Path) -> None:
    with orthanc_with(tmp_path / "orthanc", PASSWORD) as orthanc:
        reference = parse_reference(f"file:{tmp_path}/missing", "ref")
        async with running_site(tmp_path, orthanc, reference) as site:
            report = await site.admin.pacs.validate(caller_for("east"), "main")
            (failed,) = (check for check in report.checks if check.outcome.value == "failed")
            assert failed.name == "connectivity"
            assert "can't be read" in failed.message
            assert str(tmp_path) not in failed.message


async def _command(site: Site, *arguments: str) -> str:
    """Run `radgate` in a process of its own; returns what it says to people."""
    environment = {**os.environ, "RADGATE_DATA_DIR": str(site.data_dir)}
    command = (sys.executable, "-m", "radgate_server", *arguments)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe, stderr=pipe)
    _, said = await process.communicate()
    assert process.returncode == 0, said
    return said.decode()


def _fill(orthanc: OrthancServer) -> None:
    for number, content in enumerate(make_study(2, study=STUDY)):
        request = urllib.request.Request(f"{orthanc.url}/instances", data=content, method="POST")
        account = base64.b64encode(f"radgate:{PASSWORD}".encode()).decode()
        request.add_header("authorization", f"Basic {account}")
        with urllib.request.urlopen(request, timeout=60) as response:
            assert response.status == 200, number


async def _holds_no(site: Site, *secrets: str) -> None:
    """Look into all that the server wrote or returns: its log, its database, its cache, its keys, its answers."""
    overview = await site.admin.pacs.get(caller_for("east"), "main")
    reported = f"{overview!r} {to_pacs(overview)} {site.log.getvalue()}"
    files = list(_files_below(site.data_dir))
    for secret in secrets:
        assert secret not in reported
        assert not any(secret.encode() in content for content in files)


def _files_below(folder: Path) -> Iterator[bytes]:
    """What is in the files; the server continues and takes some away meanwhile."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file():
                yield path.read_bytes()
