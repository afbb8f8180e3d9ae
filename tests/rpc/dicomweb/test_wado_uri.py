"""WADO-URI against the running server."""

from io import BytesIO

import pytest
from pydicom import dcmread

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import PacsUnreachableError
from tests.fakes.instances import make_instance, make_study
from tests.rpc.calls import reason_of
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_STUDY, WEST_STUDY, Rig

SERIES = f"{EAST_STUDY}.1"
J2K_PART_2 = "1.2.840.10008.1.2.4.92"
IMPLICIT = "2.25.6"


def url(study: str = EAST_STUDY, more: str = "") -> str:
    return f"/wado?requestType=WADO&studyUID={study}&seriesUID={study}.1&objectUID={study}.1.1{more}"


async def test_one_instance_comes_byte_for_byte(rig: Rig, web: Web) -> None:
    answer = await web.get(url(more="&contentType=application%2Fdicom"), "*/*")
    assert answer.error is None
    assert answer.content_type == f"application/dicom; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}"
    assert answer.body == make_study(3, study=EAST_STUDY, series=2)[0]
    entry = rig.audit.entries[-1]
    assert (entry.action, entry.sop_instance_uid) == (AuditAction.RETRIEVE, f"{SERIES}.1")


async def test_a_large_instance_comes_in_several_messages(rig: Rig, web: Web) -> None:
    rig.east.add(large := make_instance("2.25.5", "2.25.5.1", "2.25.5.1.1", rows=256, columns=256))
    answer = await web.get(url("2.25.5"), "application/dicom")
    assert answer.body == large
    assert answer.messages > 3


@pytest.mark.parametrize(
    ("more", "syntax"),
    [
        ("", EXPLICIT_VR_LITTLE_ENDIAN),
        (f"&transferSyntax={EXPLICIT_VR_LITTLE_ENDIAN}", EXPLICIT_VR_LITTLE_ENDIAN),
        (f"&transferSyntax={IMPLICIT_VR_LITTLE_ENDIAN}", IMPLICIT_VR_LITTLE_ENDIAN),
        ("&transferSyntax=*", IMPLICIT_VR_LITTLE_ENDIAN),
    ],
)
async def test_the_transfer_syntax_is_the_one_asked_for(rig: Rig, web: Web, more: str, syntax: str) -> None:
    rig.east.add(*make_study(1, study=IMPLICIT, transfer_syntax_uid=IMPLICIT_VR_LITTLE_ENDIAN))
    answer = await web.get(url(IMPLICIT, more), "application/dicom")
    assert answer.content_type == f"application/dicom; transfer-syntax={syntax}"
    assert dcmread(BytesIO(answer.body)).file_meta.TransferSyntaxUID == syntax


async def test_a_transfer_syntax_that_can_not_be_made_is_not_acceptable_and_others_are_named(web: Web) -> None:
    answer = await web.get(url(more=f"&transferSyntax={J2K_PART_2}"))
    assert answer.error is not None
    assert reason_of(answer.error) == "NOT_ACCEPTABLE"
    assert EXPLICIT_VR_LITTLE_ENDIAN in (answer.error.details() or "")


@pytest.mark.parametrize(
    ("more", "accept", "reason"),
    [
        ("&objectUID=1.2", "", "INVALID_ARGUMENT"),
        ("&contentType=image/jpeg", "image/png", "NOT_ACCEPTABLE"),
        ("&anonymize=yes", "", "NOT_ACCEPTABLE"),
        ("", "multipart/related", "NOT_ACCEPTABLE"),
        ("&windowCenter=40&windowWidth=0", "", "INVALID_ARGUMENT"),
        ("&rows=1000000000&columns=1000000000", "", "IMAGE_TOO_LARGE"),
    ],
)
async def test_what_is_refused_bothers_no_pacs(rig: Rig, web: Web, more: str, accept: str, reason: str) -> None:
    answer = await web.get(url(more=more), accept)
    assert answer.error is not None
    assert reason_of(answer.error) == reason
    assert not rig.east.calls


async def test_neighbours_and_outages(rig: Rig, web: Web) -> None:
    answer = await web.get(url(WEST_STUDY))
    assert answer.error is not None
    assert reason_of(answer.error) == "OBJECT_NOT_FOUND"
    rig.east.refuse_with = PacsUnreachableError("no connection", pacs="main")
    answer = await web.get(url())
    assert answer.error is not None
    assert (reason_of(answer.error), answer.messages) == ("PACS_UNREACHABLE", 0)
    assert not rig.audit.entries
