"""Validation of real PACS."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    FolderConnection,
    HttpAuth,
    HttpAuthMethod,
    OrthancConnection,
    PacsConnection,
)
from radgate_server.core.pacs.validation import Check, CheckOutcome, ValidationReport
from radgate_server.core.secrets.secret import Secret
from radgate_server.services.administration import validation_checks as examination
from tests.conformance.pacs_suite import config_of, sample_instances
from tests.fakes.instances import encode, make_dataset
from tests.integration.dcmqrscp import DcmqrscpServer
from tests.integration.orthanc import OrthancServer
from tests.integration.pacs_looking import GATEWAY_AET, make_validator
from tests.integration.ports import free_port
from tests.integration.qrscp import QrscpServer

HOST = "127.0.0.1"
PASSED, WARNING = CheckOutcome.PASSED, CheckOutcome.WARNING
FAILED, SKIPPED = CheckOutcome.FAILED, CheckOutcome.SKIPPED


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("orthanc")) as server:
        server.upload(sample_instances())
        yield server


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine makes no archive slow."""
    monkeypatch.setattr(examination, "SLOW_S", 60)


async def validate(connection: PacsConnection) -> ValidationReport:
    """Validate, and see that each check was reported when it was done."""
    reported: list[Check] = []
    report = await make_validator().validate(config_of(connection), reported.append)
    assert tuple(reported) == report.checks
    return report


def not_passed(report: ValidationReport) -> list[tuple[str, str]]:
    """The checks that did not pass, with what they say."""
    return [(check.name, check.message) for check in report.checks if check.outcome is not PASSED]


def outcomes(report: ValidationReport) -> list[CheckOutcome]:
    return [check.outcome for check in report.checks]


async def test_orthanc_over_dimse(orthanc: OrthancServer) -> None:
    report = await validate(DimseConnection(HOST, orthanc.dicom_port, "ORTHANC", GATEWAY_AET))
    assert not_passed(report) == []
    assert len(report.checks) == 6
    assert "compressed" in report.checks[-1].message


@pytest.mark.parametrize("kind", ["dicomweb", "orthanc"])
async def test_orthanc_over_the_web(orthanc: OrthancServer, kind: str) -> None:
    connections = {"dicomweb": DicomWebConnection(orthanc.dicomweb_url), "orthanc": OrthancConnection(orthanc.url)}
    report = await validate(connections[kind])
    assert outcomes(report) == [PASSED] * 5 + [SKIPPED], report
    assert report.passed


async def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(sample_instances()[0].read_bytes())
    assert outcomes(await validate(FolderConnection(str(tmp_path)))) == [PASSED] * 5 + [SKIPPED]


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    report = await validate(FolderConnection(str(tmp_path / "gone")))
    assert outcomes(report) == [FAILED] + [SKIPPED] * 5
    assert str(tmp_path) not in report.checks[0].message


async def test_dcmqrscp_sends_nothing_compressed(tmp_path: Path) -> None:
    with DcmqrscpServer(tmp_path, free_port()) as server:
        report = await validate(DimseConnection(HOST, server.port, "DCMTK", GATEWAY_AET))
        wrong = await validate(DimseConnection(HOST, server.port, "OTHER", GATEWAY_AET))
    assert outcomes(report) == [PASSED] * 5 + [WARNING], report
    assert report.passed
    assert outcomes(wrong) == [PASSED, FAILED] + [SKIPPED] * 4
    assert "called AE title" in wrong.checks[1].message


async def test_qrscp(tmp_path: Path) -> None:
    with QrscpServer(tmp_path) as server:
        server.store(sample_instances()[:2])
        report = await validate(DimseConnection(HOST, server.port, "QRSCP", GATEWAY_AET))
    assert not_passed(report) == []
    assert len(report.checks) == 6


@pytest.mark.parametrize(("encoding", "outcome"), [("Latin1", WARNING), ("Utf8", PASSED)])
async def test_names_that_lost_their_characters(tmp_path: Path, encoding: str, outcome: CheckOutcome) -> None:
    dataset = make_dataset("2.25.6", "2.25.6.1", "2.25.6.1.1")
    dataset.SpecificCharacterSet, dataset.PatientName = "ISO_IR 192", "Διονυσιος^Νίκη"
    (tmp_path / "greek.dcm").write_bytes(encode(dataset))
    with OrthancServer(tmp_path / "orthanc", options={"DefaultEncoding": encoding}) as server:
        server.upload([*sample_instances(), tmp_path / "greek.dcm"])
        report = await validate(DimseConnection(HOST, server.dicom_port, "ORTHANC", GATEWAY_AET))
    query = report.checks[2]
    assert (query.outcome, report.passed) == (outcome, True)
    assert ("DefaultEncoding" in query.message) is (outcome is WARNING)
    assert "^" not in query.message


async def test_a_closed_port() -> None:
    report = await validate(OrthancConnection(f"http://{HOST}:{free_port()}"))
    assert outcomes(report) == [FAILED] + [SKIPPED] * 5
    assert "check host and port" in report.checks[0].message


async def test_credentials_that_are_refused(tmp_path: Path) -> None:
    options = {"AuthenticationEnabled": True, "RegisteredUsers": {"radgate": "right"}}
    with OrthancServer(tmp_path, options=options) as server:
        wrong = OrthancConnection(server.url, HttpAuth(HttpAuthMethod.BASIC, "radgate"), password=Secret("wrong"))
        none = await validate(OrthancConnection(server.url))
        report = await validate(wrong)
        right = await validate(replace(wrong, password=Secret("right")))
    assert outcomes(report) == outcomes(none) == [PASSED, FAILED] + [SKIPPED] * 4
    assert "has been given none" in none.checks[1].message
    assert "check user, password" in report.checks[1].message
    assert outcomes(right)[:4] == [PASSED] * 4
