"""`radgate pacs` with a real Orthanc: what is added works, and what would not work is not added."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port
from tests.unit.cli.command_line import Cli

ACCOUNT = {"AuthenticationEnabled": True, "RegisteredUsers": {"radgate": "hunter2"}}
ONE = ("--tenant", "north", "--name", "main")


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("orthanc")) as orthanc:
        orthanc.upload([Path(get_testdata_file("CT_small.dcm"))])
        yield orthanc


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """One that asks for a password."""
    with OrthancServer(tmp_path_factory.mktemp("guarded"), options=ACCOUNT) as orthanc:
        yield orthanc


@pytest.fixture
def north(tmp_path: Path) -> Cli:
    cli = Cli(tmp_path / "data")
    cli.environment |= {"GOOD": "hunter2", "BAD": "hunter3"}
    cli.ok("tenant", "create", "north")
    return cli


def dimse(port: int, called_aet: str = "ORTHANC") -> tuple[str, ...]:
    return ("--host", "127.0.0.1", "--port", str(port), "--called-aet", called_aet, "--calling-aet", "RADGATE")


def test_a_pacs_is_added_once_it_has_passed_its_validation(north: Cli, orthanc: OrthancServer) -> None:
    added = north.ok("pacs", "add", "dimse", *ONE, *dimse(orthanc.dicom_port))
    assert [line.split()[:2] for line in added.stderr.splitlines()[:3]] == [
        ["connectivity", "passed"],
        ["credentials", "passed"],
        ["query", "passed"],
    ]
    assert "passed (" in north.ok("pacs", "list").stdout
    validated = north.ok("pacs", "validate", "main", "--tenant", "north").stdout
    assert "failed" not in validated


def test_a_pacs_that_is_not_there_is_not_added(north: Cli) -> None:
    add = ("pacs", "add", "dimse", *ONE, *dimse(free_port()))
    result = north.run(*add)
    assert result.exit_code == 1
    assert "Error: nothing was saved; connectivity: " in result.stderr
    assert north.json("pacs", "list") == []
    north.ok(*add, "--no-validate")
    assert north.run("pacs", "validate", "main", "--tenant", "north").exit_code == 1


@pytest.mark.parametrize(("kind", "path"), [("orthanc", ""), ("dicomweb", "/dicom-web")])
def test_wrong_credentials_are_noticed(north: Cli, guarded: OrthancServer, kind: str, path: str) -> None:
    add = ("pacs", "add", kind, *ONE, "--url", guarded.url + path, "--username", "radgate", "--password-env")
    assert "nothing was saved; credentials: " in north.run(*add, "BAD").stderr
    assert "credentials       passed" in north.ok(*add, "GOOD").stderr
    change = ("pacs", "update", kind, *ONE, "--username", "radgate", "--password-env")
    assert "nothing was saved; credentials: " in north.run(*change, "BAD").stderr
    assert "answered in" in north.ok("pacs", "test", *ONE).stdout


def test_what_is_detected_can_be_added_as_suggested(north: Cli, orthanc: OrthancServer) -> None:
    for port in (orthanc.http_port, orthanc.dicom_port):
        detected = north.ok("pacs", "detect", "127.0.0.1", str(port), "--called-aet", "ORTHANC", "--tenant", "north")
        commands = [line for line in detected.stdout.splitlines() if line.startswith("radgate pacs add ")]
        assert commands
        for command in commands:
            north.ok(*command.split()[1:])
    assert {found["kind"] for found in north.json("pacs", "list")} == {"orthanc", "dicomweb", "dimse"}
    report = north.json("pacs", "detect", "127.0.0.1", str(orthanc.http_port))
    assert report["findings"][0]["connection"]["kind"] == "orthanc"


def test_nothing_is_detected_where_nobody_listens(north: Cli) -> None:
    result = north.run("pacs", "detect", "127.0.0.1", str(free_port()))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Error: no PACS answered" in result.stderr
