"""What becomes of C-STORE requests."""

from io import BytesIO
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pynetdicom.dimse_primitives import C_STORE

from radgate_server.adapters.pacs.dimse.messages.status import (
    CANNOT_UNDERSTAND,
    NOT_AUTHORISED,
    REFUSED_OUT_OF_RESOURCES,
    SUCCESS,
    failure,
    is_warning,
)
from radgate_server.adapters.pacs.dimse.retrieve.intake import Intake, answer_of
from radgate_server.adapters.pacs.dimse.storage_scp.awaited import choose_intake
from radgate_server.adapters.pacs.dimse.store import data_set_fragments
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, FailedInstance, ListedInstance, MemoryContent, ReceivedInstance
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import InstanceMalformedError, InstanceNotSentError

CT = "1.2.840.10008.5.1.4.1.1.2"
REF = InstanceRef("1.2", "1.2.3", "1.2.3.4")


def encoded(**values: str) -> bytes:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = False, True
    write_dataset(file, dataset)
    return file.getvalue()


def placed(*, study: str, sop_instance_uid: str) -> bytes:
    uids = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.8", "SOPInstanceUID": sop_instance_uid}
    return encoded(SOPClassUID=CT, **uids)


def request(data_set: bytes | None, sop_instance_uid: str = REF.sop_instance_uid) -> C_STORE:
    message = C_STORE()
    message.MessageID = 7
    message.AffectedSOPClassUID = CT
    message.AffectedSOPInstanceUID = sop_instance_uid
    message.DataSet = None if data_set is None else BytesIO(data_set)
    return message


def intake_of(arrivals: list[Arrival], scope: RetrieveScope = RetrieveScope("1.2"), aet: str = "PACS") -> Intake:  # noqa: B008
    return Intake("main", aet, scope, [ListedInstance(REF, CT)], arrivals.append)


def test_a_listed_instance_is_delivered_with_its_bytes_untouched() -> None:
    arrivals: list[Arrival] = []
    data_set = encoded(SOPInstanceUID=REF.sop_instance_uid)
    assert intake_of(arrivals).take(request(data_set), EXPLICIT_VR_LITTLE_ENDIAN) == SUCCESS
    (received,) = arrivals
    assert isinstance(received, ReceivedInstance)
    assert received.ref == REF
    content: Any = received.content
    assert content.parts[1] == data_set
    meta = dcmread(BytesIO(b"".join(content.parts))).file_meta
    assert meta.TransferSyntaxUID == EXPLICIT_VR_LITTLE_ENDIAN
    assert meta.MediaStorageSOPClassUID == CT


def test_an_instance_that_was_not_listed_reports_its_place_itself() -> None:
    arrivals: list[Arrival] = []
    data_set = placed(study="1.2", sop_instance_uid="9")
    assert intake_of(arrivals).take(request(data_set, "9"), EXPLICIT_VR_LITTLE_ENDIAN) == SUCCESS
    assert [arrival.ref for arrival in arrivals] == [InstanceRef("1.2", "1.2.8", "9")]


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI:UserWarning")
@pytest.mark.parametrize(
    ("data_set", "sop_instance_uid", "status"),
    [
        (
            encoded(SOPClassUID=CT, StudyInstanceUID="1.9", SeriesInstanceUID="1", SOPInstanceUID="9"),
            "9",
            NOT_AUTHORISED,
        ),
        (
            encoded(SOPClassUID=CT, StudyInstanceUID="1.2", SeriesInstanceUID="1", SOPInstanceUID="8"),
            "9",
            CANNOT_UNDERSTAND,
        ),
        (b"\x08\x00garbage", "9", CANNOT_UNDERSTAND),
        (b"", "../9", CANNOT_UNDERSTAND),
        (None, "9", REFUSED_OUT_OF_RESOURCES),
    ],
)
def test_what_does_not_belong_is_refused(data_set: bytes | None, sop_instance_uid: str, status: int) -> None:
    arrivals: list[Arrival] = []
    assert intake_of(arrivals).take(request(data_set, sop_instance_uid), EXPLICIT_VR_LITTLE_ENDIAN) == status
    assert [arrival.ref.study_instance_uid for arrival in arrivals] == (["1.9"] if status == NOT_AUTHORISED else [])


def test_an_instance_beyond_the_limit_comes_as_failed() -> None:
    arrivals: list[Arrival] = []
    assert intake_of(arrivals).take(request(None), EXPLICIT_VR_LITTLE_ENDIAN) == REFUSED_OUT_OF_RESOURCES
    (failed,) = arrivals
    assert isinstance(failed, FailedInstance)
    assert isinstance(failed.error, InstanceMalformedError)


def test_instances_that_the_pacs_failed_to_send() -> None:
    arrivals: list[Arrival] = []
    intake_of(arrivals).fail([REF.sop_instance_uid, "unknown"])
    (failed,) = arrivals
    assert isinstance(failed, FailedInstance)
    assert failed.ref == REF
    assert isinstance(failed.error, InstanceNotSentError)


def test_the_answer_repeats_what_was_asked() -> None:
    answer = answer_of(request(b""), SUCCESS)
    assert answer.is_valid_response
    assert (answer.MessageIDBeingRespondedTo, answer.AffectedSOPInstanceUID) == (7, REF.sop_instance_uid)


def test_an_instance_of_unknown_origin_goes_to_the_one_that_waits_for_it() -> None:
    one, other = intake_of([], aet="ONE"), intake_of([], aet="OTHER")
    stranger = Intake("main", "THIRD", RetrieveScope("5"), [], lambda _: None)
    assert choose_intake([one, stranger], REF.sop_instance_uid, "ANY") is one
    assert choose_intake([one, other], REF.sop_instance_uid, "OTHER") is other
    assert choose_intake([one, other], REF.sop_instance_uid, "ANY") is None
    assert choose_intake([one, stranger], "not listed", "THIRD") is stranger
    assert choose_intake([], REF.sop_instance_uid, "ANY") is None


@pytest.mark.parametrize("piece_bytes", [1, 10, 1000])
def test_storing_leaves_the_file_meta_behind(piece_bytes: int) -> None:
    arrivals: list[Arrival] = []
    data_set = encoded(SOPInstanceUID=REF.sop_instance_uid, PatientID="x" * 60)
    intake_of(arrivals).take(request(data_set), EXPLICIT_VR_LITTLE_ENDIAN)
    received: Any = arrivals[0]
    pieces = list(data_set_fragments(received.content, piece_bytes))
    assert b"".join(pieces) == data_set
    assert max(map(len, pieces)) <= piece_bytes


def test_a_file_without_file_meta_is_malformed() -> None:
    with pytest.raises(InstanceMalformedError):
        list(data_set_fragments(MemoryContent((b"not DICOM",)), 100))


def test_failures_say_what_the_status_means() -> None:
    error = failure("main", "C-MOVE", 0xA801)
    assert "AE title" in error.message
    assert error.details == {"pacs": "main", "status": "0xA801"}
    assert "it can't process the request" in failure("main", "C-FIND", 0xC123).message
    assert "no known meaning" in failure("main", "C-FIND", 0x0999).message


@pytest.mark.parametrize(("status", "expected"), [(0xB000, True), (0x0107, True), (0xA700, False), (0x0000, False)])
def test_warnings_are_distinguished_from_failures(status: int, expected: bool) -> None:
    assert is_warning(status) is expected
