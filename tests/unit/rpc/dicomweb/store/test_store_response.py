"""The status of an upload and its response module, result by result."""

import pytest

from radgate_server.core import errors
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.store.outcome import RefusedInstance, StoredInstance, StoreResult, failure_reason
from radgate_server.rpc.dicomweb.store.response import encode_module, http_status, response_module

REF, OTHER = InstanceRef("1", "1.1", "1.1.1"), InstanceRef("2", "2.1", "2.1.1")
STORED, WARNED = StoredInstance(REF, "9"), StoredInstance(REF, "9", 0xB000)
MALFORMED = RefusedInstance(errors.InstanceMalformedError("truncated"))
LARGE = RefusedInstance(errors.InstanceTooLargeError("too large"))
DOWN = RefusedInstance(errors.PacsUnreachableError("down", pacs="main"), REF, "9")
DEFECT = RefusedInstance(ZeroDivisionError(), REF, "9")


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ((STORED, STORED), 200),
        ((STORED, WARNED), 202),
        ((STORED, MALFORMED), 202),
        ((STORED, DOWN), 202),
        ((MALFORMED,), 409),
        ((DEFECT,), 409),
        ((DOWN, MALFORMED), 409),
        ((DOWN, DOWN), 503),
        ((LARGE,), 413),
        ((LARGE, LARGE), 413),
        ((LARGE, DOWN), 409),
        ((LARGE, STORED), 202),
    ],
)
def test_status(results: tuple[StoreResult, ...], status: int) -> None:
    assert http_status(results) == status


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.InstanceMalformedError(""), 0xC000),
        (errors.UnsupportedMediaTypeError(""), 0xC000),
        (errors.InvalidArgumentError("study_instance_uid", ""), 0xA900),
        (errors.SpoolFullError(""), 0xA700),
        (errors.InstanceTooLargeError(""), 0xA700),
        (errors.AuditUnavailableError(""), 0xA700),
        (errors.PacsUnreachableError("", pacs="main"), 0xA700),
        (errors.PacsCircuitOpenError("", pacs="main"), 0xA700),
        (errors.PacsNoContextError("", pacs="main"), 0x0122),
        (errors.PacsCredentialsError("", pacs="main"), 0x0124),
        (errors.PacsFailedError("", pacs="main"), 0x0110),
        (errors.PacsFailedError("", pacs="main", status="A702"), 0xA702),
        (errors.PacsFailedError("", pacs="main", status="0xA702"), 0xA702),
        (errors.PacsFailedError("", pacs="main", status="0000"), 0x0110),
        (errors.PacsFailedError("", pacs="main", status="-1"), 0x0110),
        (errors.PacsFailedError("", pacs="main", status="FFFFF"), 0x0110),
        (errors.PacsFailedError("", pacs="main", status="no number"), 0x0110),
        (ZeroDivisionError(), 0x0110),
    ],
)
def test_failure_reasons(error: Exception, reason: int) -> None:
    assert failure_reason(error) == reason


def test_a_warning_stands_with_its_instance() -> None:
    (item,) = response_module((WARNED,), "https://pacs.example/dicom-web")["00081199"]["Value"]
    assert item["00081196"] == {"vr": "US", "Value": [0xB000]}


def test_an_upload_of_several_studies_has_no_retrieve_url_of_its_own() -> None:
    module = response_module((STORED, StoredInstance(OTHER, "9")), "https://pacs.example/dicom-web")
    assert module["00081190"] == {"vr": "UR"}
    assert module["00081199"]["Value"][1]["00081190"]["Value"] == [
        "https://pacs.example/dicom-web/studies/2/series/2.1/instances/2.1.1"
    ]


def test_sequences_without_items_are_left_out() -> None:
    assert list(response_module((MALFORMED,), "")) == ["00081190", "0008119A"]


def test_xml_holds_an_element_without_value() -> None:
    text = encode_module(response_module((MALFORMED,), ""), "application/dicom+xml").decode()
    assert '<DicomAttribute tag="00081190" vr="UR" keyword="RetrieveURL" />' in text
    assert '<Item number="1"><DicomAttribute tag="00081197" vr="US" keyword="FailureReason">' in text
