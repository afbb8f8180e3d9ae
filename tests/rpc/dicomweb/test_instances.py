"""WADO-RS Retrieve Study, Series and Instance against the running server."""

from io import BytesIO

import pytest
from pydicom import dcmread

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import PacsFailedError, PacsUnreachableError
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from tests.fakes.clock import START
from tests.fakes.instances import make_instance, make_study
from tests.rpc.calls import reason_of
from tests.rpc.composition import CHUNK_BYTES
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_STUDY, WEST_STUDY, Rig

SERIES = f"{EAST_STUDY}.1"
FILES = make_study(3, study=EAST_STUDY, series=2)
MIXED_STUDY = "2.25.3000"
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'


def mixed_study() -> list[bytes]:
    """Two instances in different transfer syntaxes; the second is larger than a message."""
    return [
        make_instance(
            MIXED_STUDY, f"{MIXED_STUDY}.1", f"{MIXED_STUDY}.1.1", transfer_syntax_uid=IMPLICIT_VR_LITTLE_ENDIAN
        ),
        make_instance(MIXED_STUDY, f"{MIXED_STUDY}.1", f"{MIXED_STUDY}.1.2", rows=200, columns=200),
    ]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"/studies/{EAST_STUDY}", FILES),
        (f"/studies/{EAST_STUDY}/series/{SERIES}", FILES[:3]),
        (f"/studies/{EAST_STUDY}/series/{SERIES}/instances/{SERIES}.2", FILES[1:2]),
    ],
)
async def test_every_level_comes_byte_for_byte(rig: Rig, web: Web, url: str, expected: list[bytes]) -> None:
    for _ in range(2):  # cold, then warm
        answer = await web.get(url)
        assert answer.error is None
        assert answer.content_type.startswith('multipart/related; type="application/dicom"; boundary=')
        assert answer.parts == [
            (f"application/dicom; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}", file) for file in expected
        ]
    assert rig.east.calls["retrieve"] == 1
    assert rig.audit.actions == [AuditAction.RETRIEVE] * 2


async def test_a_single_instance_can_come_bare(web: Web) -> None:
    answer = await web.get(f"/studies/{EAST_STUDY}/series/{SERIES}/instances/{SERIES}.2", "application/dicom")
    assert answer.content_type == f"application/dicom; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}"
    assert answer.body == FILES[1]


async def test_each_instance_has_its_own_transfer_syntax(rig: Rig, web: Web) -> None:
    files = mixed_study()
    rig.east.add(*files)
    answer = await web.get(f"/studies/{MIXED_STUDY}", AS_STORED)
    assert answer.parts == [
        (f"application/dicom; transfer-syntax={IMPLICIT_VR_LITTLE_ENDIAN}", files[0]),
        (f"application/dicom; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}", files[1]),
    ]
    assert answer.messages > 1 + len(files[1]) // CHUNK_BYTES // 2


async def test_what_the_client_can_not_take_is_converted(rig: Rig, web: Web) -> None:
    rig.east.add(*mixed_study())
    answer = await web.get(f"/studies/{MIXED_STUDY}")
    assert {head for head, _ in answer.parts} == {f"application/dicom; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}"}
    converted = dcmread(BytesIO(answer.parts[0][1]))
    assert converted.file_meta.TransferSyntaxUID == EXPLICIT_VR_LITTLE_ENDIAN
    assert converted.SOPInstanceUID == f"{MIXED_STUDY}.1.1"


@pytest.mark.parametrize(
    "url",
    [
        f"/studies/{WEST_STUDY}",
        f"/studies/{EAST_STUDY}/series/1.2",
        f"/studies/{EAST_STUDY}/series/{SERIES}/instances/1.2",
    ],
)
async def test_what_is_not_there_is_not_found(rig: Rig, web: Web, url: str) -> None:
    answer = await web.get(url)
    assert answer.error is not None
    assert (reason_of(answer.error), answer.messages) == ("OBJECT_NOT_FOUND", 0)
    assert rig.audit.entries == []


async def test_a_failed_instance_ends_the_stream_after_all_others(rig: Rig, web: Web) -> None:
    rig.east.failing[f"{SERIES}.1"] = PacsFailedError("the PACS could not send it", pacs="main")
    answer = await web.get(f"/studies/{EAST_STUDY}/series/{SERIES}")
    assert answer.error is not None
    assert reason_of(answer.error) == "PACS_FAILED"
    assert all(file in answer.body for file in FILES[1:3])
    assert FILES[0] not in answer.body
    assert not answer.body.endswith(b"--\r\n")


async def test_an_abort_amidst_the_study_is_seen(rig: Rig, web: Web) -> None:
    rig.east.abort_after = 2
    answer = await web.get(f"/studies/{EAST_STUDY}")
    assert answer.error is not None
    assert all(file in answer.body for file in FILES[:2])
    assert not answer.body.endswith(b"--\r\n")


async def test_an_outage_is_the_answer_when_nothing_comes(rig: Rig, web: Web) -> None:
    rig.east.refuse_with = PacsUnreachableError("no connection", pacs="main")
    answer = await web.get(f"/studies/{EAST_STUDY}")
    assert answer.error is not None
    assert (reason_of(answer.error), answer.messages) == ("PACS_UNREACHABLE", 0)


@pytest.mark.parametrize(
    "accept",
    ["application/dicom", "text/html", 'multipart/related; type="application/dicom+xml"'],
)
async def test_a_study_does_not_come_in_other_media_types(rig: Rig, web: Web, accept: str) -> None:
    answer = await web.get(f"/studies/{EAST_STUDY}", accept)
    assert answer.error is not None
    assert reason_of(answer.error) == "NOT_ACCEPTABLE"
    assert not rig.east.calls


async def test_a_transfer_syntax_that_nothing_fits_is_not_acceptable(web: Web) -> None:
    accept = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.92'
    answer = await web.get(f"/studies/{EAST_STUDY}", accept)
    assert answer.error is not None
    assert reason_of(answer.error) == "NOT_ACCEPTABLE"


async def test_nothing_is_served_that_can_not_be_recorded(rig: Rig, web: Web) -> None:
    rig.audit.broken = True
    for url in (f"/studies/{EAST_STUDY}", f"/studies/{EAST_STUDY}/series/{SERIES}/instances/{SERIES}.2"):
        answer = await web.get(url)
        assert answer.error is not None
        assert (reason_of(answer.error), answer.messages) == ("AUDIT_UNAVAILABLE", 0)


@pytest.mark.parametrize("resource", ["", "/metadata"])
async def test_a_pacs_that_did_not_answer_and_may_hold_more_is_reported(rig: Rig, web: Web, resource: str) -> None:
    await rig.directory.create_pacs(PacsConfig("east", "second", FolderConnection("/second"), START))
    rig.second.refuse_with = PacsUnreachableError("the PACS can't be reached", pacs="second")
    answer = await web.get(f"/studies/{EAST_STUDY}{resource}")
    assert answer.error is None
    assert answer.header("warning") == ['299 radgate "PACS second did not answer and may hold more of this"']
    rig.second.refuse_with = None
    rig.clock.advance(60)
    assert (await web.get(f"/studies/{EAST_STUDY}{resource}")).header("warning") == []
