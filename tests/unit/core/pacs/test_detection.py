from dataclasses import replace

import pytest

from radgate_server.core.errors import (
    GatewayError,
    InvalidArgumentError,
    PacsAbortedError,
    PacsCredentialsError,
    PacsFailedError,
    PacsRejectedError,
    PacsTimeoutError,
    PacsUnreachableError,
)
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    HttpAuth,
    HttpAuthMethod,
    OrthancConnection,
    PacsConnection,
    RetrieveMethod,
)
from radgate_server.core.pacs.detection import (
    Attempt,
    Finding,
    check_target,
    continues_after,
    finding_of,
    hints,
    in_order,
    ladders,
    ports_of,
    report_of,
)
from radgate_server.core.pacs.kinds.dimse import USUAL_AE_TITLES
from radgate_server.core.pacs.kinds.kind import DetectTarget
from radgate_server.core.secrets.secret import Secret

DIMSE = DimseConnection("pacs.example", 104, "PACS", "RADGATE")
ORTHANC = OrthancConnection("http://pacs.example:8042")
WEB = DicomWebConnection("http://pacs.example:8042/dicom-web")
SECURE = DicomWebConnection("https://pacs.example/dicom-web")


def found(connection: PacsConnection) -> Finding:
    return Finding(connection, Capabilities(), 1.0)


def rejected(**details: str) -> PacsRejectedError:
    return PacsRejectedError("rejected", pacs="detected", **details)


@pytest.mark.parametrize(
    ("target", "field"),
    [
        (DetectTarget("0x7f.1"), "host"),
        (DetectTarget("pacs.example", 0), "port"),
        (DetectTarget("pacs.example", 70_000), "port"),
        (DetectTarget("pacs.example", called_aets=("A" * 17,)), "called_aets"),
        (DetectTarget("pacs.example", called_aets=("A",) * 33), "called_aets"),
        (DetectTarget("pacs.example", calling_aet="back\\slash"), "calling_aet"),
        (DetectTarget("pacs.example", username="me"), "secret"),
    ],
)
def test_malformed_targets_are_refused(target: DetectTarget, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        check_target(target)
    assert caught.value.field == field


def test_a_target_is_tidied_and_keeps_its_secret_to_itself() -> None:
    target = check_target(DetectTarget("pacs.example", None, (" A ", "A", "B"), secret=Secret("s3cret")))
    assert target.called_aets == ("A", "B")
    assert set(ports_of(target)) == {104, 11112, 4242, 8042, 80, 443, 8080}
    assert ports_of(replace(target, port=105)) == (105,)
    assert "s3cret" not in repr(target)


def test_each_port_is_asked_for_all_protocols() -> None:
    https, http, dimse = ladders(DetectTarget("pacs.example", 443), 443, "RADGATE")
    assert https[0] == OrthancConnection("https://pacs.example")
    assert DicomWebConnection("https://pacs.example/dicom-web") in https
    assert http[0] == OrthancConnection("http://pacs.example:443")
    assert [each.called_aet for each in dimse if isinstance(each, DimseConnection)] == list(USUAL_AE_TITLES)


def test_an_ipv6_address_stands_in_brackets() -> None:
    https, http, _ = ladders(DetectTarget("2001:db8::1"), 80, "RADGATE")
    assert https[0] == OrthancConnection("https://[2001:db8::1]:80")
    assert http[0] == OrthancConnection("http://[2001:db8::1]")


@pytest.mark.parametrize(
    ("username", "method"), [("me", HttpAuthMethod.BASIC), ("", HttpAuthMethod.BEARER)], ids=["user", "token"]
)
def test_credentials_are_for_the_web(username: str, method: HttpAuthMethod) -> None:
    target = DetectTarget("pacs.example", called_aets=("A",), calling_aet="ME", username=username, secret=Secret("s"))
    https, _, dimse = ladders(target, 443, "RADGATE")
    auth = HttpAuth(method, username=username)
    assert https[0] == OrthancConnection("https://pacs.example", auth=auth, password=Secret("s"))
    assert dimse == (DimseConnection("pacs.example", 443, "A", "ME"),)


@pytest.mark.parametrize(
    ("first", "outcome", "expected"),
    [
        (DIMSE, found(DIMSE), False),
        (DIMSE, rejected(rejection="called-aet"), True),
        (DIMSE, rejected(), True),
        (DIMSE, rejected(rejection="calling-aet"), False),
        (DIMSE, PacsAbortedError("x", pacs="p"), False),
        (DIMSE, PacsTimeoutError("x", pacs="p"), False),
        (ORTHANC, found(ORTHANC), True),
        (ORTHANC, PacsFailedError("x", pacs="p"), True),
        (ORTHANC, PacsCredentialsError("x", pacs="p"), True),
        (ORTHANC, PacsTimeoutError("x", pacs="p"), False),
        (ORTHANC, PacsAbortedError("x", pacs="p"), False),
        (ORTHANC, PacsUnreachableError("x", pacs="p"), False),
    ],
)
def test_others_are_tried_while_they_can_answer(
    first: PacsConnection, outcome: Finding | GatewayError, expected: bool
) -> None:
    assert continues_after(first, outcome) is expected


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        ((RetrieveMethod.GET, RetrieveMethod.MOVE), RetrieveMethod.GET),
        ((RetrieveMethod.MOVE,), RetrieveMethod.MOVE),
        ((), RetrieveMethod.GET),
    ],
)
def test_c_get_goes_before_c_move(methods: tuple[RetrieveMethod, ...], expected: RetrieveMethod) -> None:
    finding = finding_of(DIMSE, Capabilities(retrieve_methods=methods), 1.0)
    assert finding.connection == replace(DIMSE, retrieve_method=expected)


def test_orthanc_goes_before_dicomweb_before_dimse_and_tls_before_none() -> None:
    order = in_order([found(DIMSE), found(WEB), found(ORTHANC), found(SECURE)])
    assert [finding.connection for finding in order] == [ORTHANC, SECURE, WEB, DIMSE]


def test_a_report_names_each_server_once_and_all_that_was_tried() -> None:
    other = replace(WEB, url="http://pacs.example:8042")
    third = replace(DIMSE, called_aet="OTHER")
    outcomes = {
        WEB: found(WEB),
        other: found(other),
        DIMSE: found(DIMSE),
        third: rejected(),
    }
    closed = {443: PacsUnreachableError("closed", pacs="p")}
    tried = {8042: ((ORTHANC, WEB, other),), 104: ((DIMSE, third),)}
    report = report_of(tried, outcomes, closed, complete=False, duration_ms=5.0)
    assert [finding.connection for finding in report.findings] == [WEB, DIMSE]
    assert report.attempts == (
        Attempt("tcp", 443, "", "PACS_UNREACHABLE", "closed"),
        Attempt("dicomweb", 8042, WEB.url, "", "a PACS answered"),
        Attempt("dicomweb", 8042, other.url, "", "a PACS answered"),
        Attempt("dimse", 104, "PACS", "", "a PACS answered"),
        Attempt("dimse", 104, "OTHER", "PACS_REJECTED", "rejected"),
    )
    assert "2 ways (dicomweb, dimse)" in report.hints[0]
    assert "not everything" in report.hints[-1]


REJECTED = Attempt("dimse", 104, "PACS", "PACS_REJECTED", "")
REFUSED = Attempt("orthanc", 80, "http://pacs.example", "PACS_CREDENTIALS_REFUSED", "")


@pytest.mark.parametrize(
    ("findings", "attempts", "expected"),
    [
        ((), (), ["nothing there"]),
        ((found(DIMSE),), (), []),
        ((), (REJECTED,), ["does not know this AE title"]),
        ((found(DIMSE),), (REJECTED,), []),
        ((), (REJECTED, REFUSED), ["does not know this AE title", "requires credentials"]),
        ((found(DIMSE),), (REFUSED,), ["requires credentials"]),
    ],
)
def test_hints_say_what_to_do(
    findings: tuple[Finding, ...], attempts: tuple[Attempt, ...], expected: list[str]
) -> None:
    reported = hints(findings, attempts)
    assert len(reported) == len(expected)
    assert all(part in hint for part, hint in zip(expected, reported, strict=True))


def test_a_host_can_not_say_much_of_itself() -> None:
    reported = finding_of(DIMSE, Capabilities(vendor="a\n\x1b[2J" + "b" * 1000, version="1.0"), 1.0).capabilities
    assert len(reported.vendor) == 64
    assert reported.vendor.startswith("a[2Jb")
    assert reported.version == "1.0"
