"""PACS adapters of other packages, from the command line in processes of its own and from its installation."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from radgate_server.adapters.pacs.context import AdapterContext
from radgate_server.adapters.pacs.destinations import Destinations
from radgate_server.core.access.tenancy import ANY_TENANT, Caller, Principal, Role
from radgate_server.core.errors import PacsTlsFailedError, PacsUnreachableError
from radgate_server.core.pacs.kinds.documents import connection_of_document
from radgate_server.core.pacs.setup import PacsSetup
from radgate_server.core.secrets.secret import Secret
from radgate_server.installation.administration import open_admin
from radgate_server.installation.gate import Purpose
from radgate_server.settings.settings import Settings
from tests.e2e.radgate_process import RADGATE
from tests.extension.installing import install, install_toy, installed
from tests.extension.toy_archive import ToyArchive
from tests.fakes.instances import make_dataset
from tests.fakes.keys import MemoryKeys
from tests.integration.certificates import server_context, write_certificate
from tests.unit.cli.command_line import Cli

SECRET = "correct-horse-battery"
ONE = ("--tenant", "north", "--name", "toys")
INSTANCES = [make_dataset("2.25.7077", "2.25.7077.1", "2.25.7077.1.1")]


@pytest.fixture(scope="module")
def archive() -> Iterator[ToyArchive]:
    with ToyArchive(INSTANCES, SECRET) as archive:
        yield archive


class Commands:
    """`radgate` in processes of its own, with what is installed in `site`."""

    def __init__(self, folder: Path) -> None:
        self.site, self.data_dir = folder / "site", folder / "data"
        self.site.mkdir()
        paths = {"PYTHONPATH": str(self.site), "RADGATE_DATA_DIR": str(self.data_dir)}
        self._environment = {**os.environ, **paths, "RADGATE_DATABASE_URL": "", "TOY_SECRET": SECRET}

    def __call__(self, *arguments: str, status: int = 0) -> str:
        """What the command prints, on stdout and stderr."""
        run = subprocess.run(
            (*RADGATE, *arguments),
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert run.returncode == status, run.stdout
        assert "Traceback" not in run.stdout
        return run.stdout


@pytest.fixture
def radgate(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


def test_a_toy_from_outside_is_detected_added_and_unusable_once_it_is_removed(
    radgate: Commands, archive: ToyArchive
) -> None:
    metadata = install_toy(radgate.site)
    radgate("tenant", "create", "north")
    shown = radgate("pacs", "add", "toy", "--help")
    assert "Add a toy archive." in shown
    assert all(words in shown for words in ("--host", "TCP port; 7077 by default.", "--tls", "--password-env"))
    port = str(archive.port)
    found = radgate("pacs", "detect", "127.0.0.1", port, "--username", "me", "--password-env", "TOY_SECRET")
    suggested = f"add toy --tenant TENANT --name toy --host 127.0.0.1 --port {port} --password-env PACS_SECRET"
    assert suggested in found
    added = radgate("pacs", "add", "toy", *ONE, "--host", "127.0.0.1", "--port", port, "--password-env", "TOY_SECRET")
    assert [line.split()[:2] for line in added.splitlines()[:3]] == [
        ["connectivity", "passed"],
        ["credentials", "passed"],
        ["query", "passed"],
    ], added
    assert "1 instances" in radgate("pacs", "test", *ONE)
    assert not [file for file in radgate.data_dir.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]
    radgate("pacs", "update", "toy", *ONE, "--no-password", "--no-validate")
    assert "the toy archive refuses the secret" in radgate("pacs", "test", *ONE, status=1)
    for file in metadata.iterdir():
        file.unlink()
    metadata.rmdir()
    assert "install what provides the kind" in radgate("pacs", "test", *ONE, status=1)
    assert "unusable: its kind is unknown" in radgate("pacs", "list")


def test_packages_that_claim_one_kind_refuse_to_start_and_are_named(radgate: Commands) -> None:
    install_toy(radgate.site)
    install(radgate.site, "other-toys", "ADAPTER = 1", "other_toys:ADAPTER")
    both = "Error: the packages other-toys and toy-pacs both declare a PACS adapter 'toy': remove one of them"
    for command in (("serve",), ("pacs", "add", "--help")):
        assert both in radgate(*command, status=1)


@pytest.fixture
def north(tmp_path: Path) -> Cli:
    cli = Cli(tmp_path / "data")
    cli.ok("tenant", "create", "north")
    return cli


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    return site


def test_a_package_that_takes_a_built_in_kind_refuses_to_start(north: Cli, site: Path) -> None:
    install(site, "taker", "raise SystemExit('imported')", "taker:ADAPTER", kind="dimse")
    with installed(site):
        refusal = north.refused("pacs", "list")
    assert "the package taker declares a PACS adapter 'dimse', which is a kind of radgate-server itself" in refusal


def test_a_package_that_fails_costs_its_own_pacs_alone(
    north: Cli, site: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    north.ok("pacs", "add", "folder", "--tenant", "north", "--name", "disc", "--path", str(tmp_path), "--no-index")
    north.ok("pacs", "add", "folder", *ONE, "--path", str(tmp_path), "--no-index")
    north.change("UPDATE pacs SET connection = ? WHERE name = 'toys'", ('{"kind": "toy", "host": "a"}',))
    install(site, "liar", "raise RuntimeError('broken wheel')", "liar:ADAPTER")
    with installed(site):
        listed = north.ok("pacs", "list")
        assert [line.split()[1:3] for line in listed.stdout.splitlines()[1:]] == [["disc", "folder"], ["toys", "toy"]]
        failed = "PACS toys of north can't be used: the kind 'toy' can't be used: the package liar failed to load"
        assert failed in listed.stderr
        assert "unusable: its adapter failed" in listed.stdout
        assert "the package liar failed to load: RuntimeError: broken wheel" in caplog.messages
        assert "No such command 'toy'" in north.refused("pacs", "add", "toy", *ONE, status=2)
        north.ok("pacs", "remove", *ONE)


OPERATOR = Caller(Principal("operator", (ANY_TENANT,), Role.ADMIN), "east", "127.0.0.1", "test", "test")
TENANT = Caller(Principal("tenant", ("east",), Role.ADMIN), "east", "127.0.0.1", "test", "test")


async def test_a_name_that_leads_elsewhere_when_it_is_connected_to_is_refused(
    site: Path, tmp_path: Path, archive: ToyArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, resolve = "198.41.0.4", socket.getaddrinfo

    def lie(host: Any, *arguments: Any, **options: Any) -> Any:
        return resolve(address if host in ("pacs.example", b"pacs.example") else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lie)
    install_toy(site)
    settings = Settings(data_dir=tmp_path / "data")
    with installed(site):
        async with open_admin(settings, Purpose.BEGIN) as admin:
            await admin.create_tenant(OPERATOR, "east")
            document = {"kind": "toy", "host": "pacs.example", "port": archive.port}
            setup = PacsSetup(connection_of_document(document).with_secret(Secret(SECRET)))
            await admin.pacs.create(TENANT, "theirs", setup, skip_validation=True)
            await admin.pacs.create(OPERATOR, "ours", setup, skip_validation=True)
            address = "127.0.0.1"
            assert (await admin.pacs.test(TENANT, "ours")).detail == "1 instances"
            with pytest.raises(PacsUnreachableError, match="not open to tenants"):
                await admin.pacs.test(TENANT, "theirs")


async def test_tls_trusts_the_file_that_is_named_and_nothing_else(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path, "toys")
    context = AdapterContext("toys", MemoryKeys(), Destinations())
    with ToyArchive(INSTANCES, SECRET, server_context(certificate)) as archive:
        reader, writer = await context.connect("127.0.0.1", archive.port, tls=context.tls(str(certificate[0])))
        writer.write(b"wrong LIST -\n")
        assert await reader.readline() == b"REFUSED\n"
        writer.close()
        await writer.wait_closed()
        with pytest.raises(PacsTlsFailedError, match="TLS handshake"):
            await context.connect("127.0.0.1", archive.port, tls=context.tls())
