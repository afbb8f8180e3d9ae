from collections.abc import Sequence
from dataclasses import replace

import pytest

from radgate_server.core.errors import (
    AddressNotAllowedError,
    InvalidArgumentError,
    PacsError,
    PacsFailedError,
    PacsRejectedError,
    PacsUnreachableError,
)
from radgate_server.core.networks import Address
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.connections import DicomWebConnection, DimseConnection, OrthancConnection, PacsConnection
from radgate_server.core.pacs.kinds.dimse import USUAL_AE_TITLES
from radgate_server.core.pacs.kinds.kind import DetectTarget
from radgate_server.core.secrets.secret import NO_SECRET, Secret
from radgate_server.services.administration.addresses import AddressPolicy
from radgate_server.services.administration.detection import DetectLimits, Detector, impatient
from radgate_server.settings.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.scripted_pacs import Script, ScriptedPacs

ADDRESS, OTHER_ADDRESS = "93.184.216.34", "93.184.216.35"
HOST = "pacs.example"
GONE = PacsUnreachableError("no TLS here", pacs="detected")
NO_SERVICE = PacsFailedError("the PACS answered with HTTP status 404", pacs="detected")
UNKNOWN = PacsRejectedError("called AE title not recognised", pacs="detected", rejection="called-aet")
ABLE = Capabilities(vendor="Somebody")


class Dialled:
    """Ports that are open, at one of the addresses; `tried` holds what was dialled."""

    def __init__(self, *ports: int, address: str = ADDRESS) -> None:
        self._ports = ports
        self._address = address
        self.tried: set[tuple[str, int]] = set()

    async def __call__(self, address: Address, port: int) -> None:
        self.tried.add((str(address), port))
        if port not in self._ports or str(address) != self._address:
            raise ConnectionRefusedError


async def resolve(_: str) -> Sequence[str]:
    return OTHER_ADDRESS, ADDRESS


def make_detector(pacs: ScriptedPacs, dial: Dialled, limits: DetectLimits | None = None) -> Detector:
    policy = AddressPolicy((), resolve)
    return Detector(pacs.factories, policy, FakeClock(), calling_aet="RADGATE", limits=limits, dial=dial)


def web_server(path: str, *, orthanc: bool) -> Script:
    """A web server without TLS, that has DICOMweb at the path."""

    def script(connection: PacsConnection) -> Capabilities | PacsError:
        match connection:
            case OrthancConnection(url=url) if url.startswith("http:") and orthanc:
                return ABLE
            case DicomWebConnection(url=url) if url.startswith("http:") and url.endswith(path):
                return ABLE
            case OrthancConnection(url=url) | DicomWebConnection(url=url) if url.startswith("http:"):
                return NO_SERVICE
            case _:
                return GONE

    return script


async def test_an_orthanc_is_found_in_both_its_ways() -> None:
    pacs = ScriptedPacs(web_server("/dicom-web", orthanc=True))
    report = await make_detector(pacs, Dialled(8042)).detect(DetectTarget(HOST))
    assert [finding.connection for finding in report.findings] == [
        OrthancConnection(f"http://{HOST}:8042"),
        DicomWebConnection(f"http://{HOST}:8042/dicom-web"),
    ]
    assert all(finding.capabilities == ABLE and finding.latency_ms == 2.0 for finding in report.findings)
    assert [attempt.port for attempt in report.attempts if attempt.kind == "tcp"] == [104, 11112, 4242, 80, 443, 8080]
    assert not pacs.open


async def test_the_secret_goes_to_the_host_and_not_into_the_report() -> None:
    pacs = ScriptedPacs(web_server("/dicom-web", orthanc=True))
    target = DetectTarget(HOST, 8042, username="me", secret=Secret("s3cret"))
    report = await make_detector(pacs, Dialled(8042)).detect(target)
    assert report.findings
    assert "s3cret" not in repr(report)
    assert all(
        not isinstance(finding.connection, OrthancConnection) or not finding.connection.password
        for finding in report.findings
    )
    web = [each for each in pacs.asked if isinstance(each, OrthancConnection | DicomWebConnection)]
    assert all(each.password == Secret("s3cret") and HOST in each.url for each in web)
    assert all(each.password == NO_SECRET for each in pacs.asked if isinstance(each, DimseConnection))


async def test_what_speaks_no_http_is_asked_once_for_it() -> None:
    pacs = ScriptedPacs(lambda _: GONE)
    report = await make_detector(pacs, Dialled(104)).detect(DetectTarget(HOST, 104))
    assert [attempt.kind for attempt in report.attempts] == ["orthanc", "orthanc", "dimse"]
    assert not report.findings


async def test_dimse_is_asked_at_the_address_that_was_checked() -> None:
    pacs = ScriptedPacs(lambda connection: ABLE if isinstance(connection, DimseConnection) else GONE)
    report = await make_detector(pacs, Dialled(104)).detect(DetectTarget(HOST, 104, ("PACS",)))
    (asked,) = (each for each in pacs.asked if isinstance(each, DimseConnection))
    (finding,) = report.findings
    assert finding.connection == replace(asked, host=HOST)
    assert asked.host == ADDRESS


async def test_ae_titles_are_tried_until_one_is_known() -> None:
    def script(connection: PacsConnection) -> Capabilities | PacsError:
        known = isinstance(connection, DimseConnection) and connection.called_aet == "DCM4CHEE"
        return ABLE if known else UNKNOWN if isinstance(connection, DimseConnection) else GONE

    pacs = ScriptedPacs(script)
    report = await make_detector(pacs, Dialled(11112)).detect(DetectTarget(HOST, 11112))
    (finding,) = report.findings
    assert finding.connection == DimseConnection(HOST, 11112, "DCM4CHEE", "RADGATE")
    tried = [attempt.target for attempt in report.attempts if attempt.kind == "dimse"]
    assert tried == list(USUAL_AE_TITLES)


async def test_not_too_many_are_asked_at_the_same_time() -> None:
    pacs = ScriptedPacs(web_server("/nowhere", orthanc=False))
    limits = DetectLimits(parallel=4)
    await make_detector(pacs, Dialled(80, 8080, 8042), limits).detect(DetectTarget(HOST))
    assert pacs.most_open == 4
    assert len(pacs.asked) > 30


async def test_silence_ends_at_the_deadline() -> None:
    pacs = ScriptedPacs(lambda _: None)
    limits = DetectLimits(deadline_s=0.01, total_s=5)
    report = await make_detector(pacs, Dialled(104), limits).detect(DetectTarget(HOST, 104))
    assert {attempt.reason for attempt in report.attempts} == {"PACS_TIMEOUT"}
    assert not pacs.open


async def test_all_ends_at_the_total_with_what_was_found() -> None:
    script = web_server("/dicom-web", orthanc=True)
    pacs = ScriptedPacs(lambda connection: None if isinstance(connection, DimseConnection) else script(connection))
    limits = DetectLimits(deadline_s=5, total_s=0.05)
    report = await make_detector(pacs, Dialled(8042), limits).detect(DetectTarget(HOST, 8042))
    assert len(report.findings) == 2
    assert "not everything could be tried" in report.hints[-1]
    assert not pacs.open


async def test_one_that_does_not_describe_itself_is_found_all_the_same() -> None:
    pacs = ScriptedPacs(web_server("/dicom-web", orthanc=True))
    pacs.silent_description = True
    limits = DetectLimits(deadline_s=0.01, total_s=5)
    report = await make_detector(pacs, Dialled(8042), limits).detect(DetectTarget(HOST, 8042))
    assert [finding.capabilities for finding in report.findings] == [Capabilities()] * 2
    assert "did not state" in report.findings[0].notes[0]


async def test_only_kinds_that_can_be_connected_are_tried() -> None:
    pacs = ScriptedPacs(web_server("/dicom-web", orthanc=True))
    policy = AddressPolicy((), resolve)
    factories = {"dicomweb": pacs.factories["dicomweb"]}
    detector = Detector(factories, policy, FakeClock(), calling_aet="RADGATE", dial=Dialled(80))
    report = await detector.detect(DetectTarget(HOST, 80))
    assert {attempt.kind for attempt in report.attempts} == {"dicomweb"}
    assert len(report.findings) == 1


async def test_nothing_is_opened_where_it_may_not_be() -> None:
    pacs, dial = ScriptedPacs(lambda _: ABLE), Dialled(104)
    detector = make_detector(pacs, dial)
    with pytest.raises(AddressNotAllowedError):
        await detector.detect(DetectTarget("127.0.0.1", 104))
    with pytest.raises(InvalidArgumentError):
        await detector.detect(DetectTarget("0x7f.1", 104), unrestricted=True)
    assert not dial.tried
    assert not pacs.asked


def test_its_clients_give_up_before_it_does() -> None:
    settings = impatient(Settings(), DetectLimits(deadline_s=3))
    assert settings.dimse.connect_timeout_s < 3
    assert settings.web_pacs.idle_timeout_s < 3
    assert settings.dimse.max_pdu_bytes == Settings().dimse.max_pdu_bytes
