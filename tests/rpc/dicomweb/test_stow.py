"""STOW-RS on a real gRPC server: what is taken, what is answered."""

import json
from xml.etree import ElementTree

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from radgate.dicomweb.v1.dicomweb_service_pb2 import StoreRequest
from radgate_server.core.access.tenancy import Role
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.errors import PacsUnreachableError
from tests.fakes.instances import make_instance, make_study
from tests.rpc.calls import reason_of, trailer_of
from tests.rpc.rig import EAST_STUDY, Rig

STORE = "/radgate.dicomweb.v1.DicomWebService/StoreInstances"
MULTIPART = 'multipart/related; type="application/dicom"; boundary=frontier'
NATIVE = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"


def multipart(*files: bytes, part_type: str = "application/dicom") -> bytes:
    parts = (f"--frontier\r\nContent-Type: {part_type}\r\n\r\n".encode() + file + b"\r\n" for file in files)
    return b"".join(parts) + b"--frontier--\r\n"


class Uploader:
    """A client that may store."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._channel = channel
        self._token = token

    async def post(
        self, body: bytes, content_type: str = MULTIPART, *, study: str = "", accept: str = "", piece_bytes: int = 1000
    ) -> tuple[int, HttpBody]:
        """The HTTP status and the answer."""
        pieces = [body[start : start + piece_bytes] for start in range(0, len(body), piece_bytes)] or [b""]
        requests = [StoreRequest(body=HttpBody(data=piece)).SerializeToString() for piece in pieces]
        first = HttpBody(content_type=content_type, data=pieces[0])
        requests[0] = StoreRequest(study=study, body=first).SerializeToString()
        metadata = [
            ("authorization", f"Bearer {self._token}"),
            ("x-forwarded-host", "pacs.example"),
            *([("accept", accept)] if accept else []),
        ]
        call = self._channel.stream_unary(STORE)(iter(requests), metadata=metadata, timeout=30)
        answer = HttpBody.FromString(await call)
        headers = dict(iter(await call.initial_metadata()))
        return int(headers.get("x-http-status", 200)), answer


@pytest.fixture
async def uploader(rig: Rig, channel: grpc.aio.Channel) -> Uploader:
    return Uploader(channel, await rig.key("east", role=Role.OPERATOR))


def items(answer: HttpBody, tag: str) -> list[dict[str, object]]:
    """The items of a sequence, attributes by tag with their first value."""
    sequence = json.loads(answer.data).get(tag, {}).get("Value", [])
    return [{name: element["Value"][0] for name, element in item.items()} for item in sequence]


@pytest.mark.parametrize("piece_bytes", [7, 1000, 1 << 20])
async def test_all_instances_are_stored_and_named(rig: Rig, uploader: Uploader, piece_bytes: int) -> None:
    files = make_study(2, study="2.25.7")
    status, answer = await uploader.post(multipart(*files), piece_bytes=piece_bytes)
    root = "http://pacs.example/dicom-web/studies/2.25.7"
    assert (status, answer.content_type) == (200, "application/dicom+json")
    assert json.loads(answer.data)["00081190"] == {"vr": "UR", "Value": [root]}
    assert items(answer, "00081199") == [
        {
            "00081150": "1.2.840.10008.5.1.4.1.1.2",
            "00081155": f"2.25.7.1.{number}",
            "00081190": f"{root}/series/2.25.7.1/instances/2.25.7.1.{number}",
        }
        for number in (1, 2)
    ]
    assert sorted(b"".join(stored.content.pieces(1 << 20)) for stored in rig.east.stored) == sorted(files)
    assert rig.audit.actions == [AuditAction.STORE]


async def test_one_instance_may_come_alone(rig: Rig, uploader: Uploader) -> None:
    status, answer = await uploader.post(make_study(1)[0], "application/dicom")
    assert (status, len(items(answer, "00081199"))) == (200, 1)
    assert len(rig.east.stored) == 1


async def test_what_fails_stands_beside_what_was_stored(uploader: Uploader) -> None:
    other = make_instance("2.25.9", "2.25.8", "2.25.7")
    body = multipart(make_study(1)[0], other, b"no DICOM")
    status, answer = await uploader.post(body, study=EAST_STUDY)
    assert status == 202
    assert len(items(answer, "00081199")) == 1
    assert items(answer, "00081198") == [
        {"00081150": "1.2.840.10008.5.1.4.1.1.2", "00081155": "2.25.7", "00081197": 0xA900}
    ]
    assert items(answer, "0008119A") == [{"00081197": 0xC000}]


async def test_nothing_stored_is_a_conflict(uploader: Uploader) -> None:
    status, answer = await uploader.post(multipart(b"no DICOM"))
    assert (status, items(answer, "0008119A")) == (409, [{"00081197": 0xC000}])
    assert json.loads(answer.data)["00081190"] == {"vr": "UR"}


async def test_a_pacs_out_of_reach_says_try_later(rig: Rig, uploader: Uploader) -> None:
    rig.east.refuse_with = PacsUnreachableError("no connection", pacs="main")
    status, answer = await uploader.post(multipart(*make_study(2)))
    assert status == 503
    assert [item["00081197"] for item in items(answer, "00081198")] == [0xA700] * 2


@pytest.mark.parametrize("content_type", ["application/dicom", MULTIPART])
async def test_too_large_an_instance_is_413(uploader: Uploader, content_type: str) -> None:
    large = make_instance("2.25.9", "2.25.8", "2.25.7", rows=1000, columns=1000)
    body = large if content_type == "application/dicom" else multipart(large)
    status, _ = await uploader.post(body, content_type, piece_bytes=1 << 18)
    assert status == 413


async def test_a_body_that_breaks_off_has_stored_what_had_come(rig: Rig, uploader: Uploader) -> None:
    body = multipart(*make_study(2))
    status, answer = await uploader.post(body[: len(body) * 3 // 4])
    assert (status, len(items(answer, "00081199")), items(answer, "0008119A")) == (202, 1, [{"00081197": 0xC000}])
    assert len(rig.east.stored) == 1


async def test_a_part_of_another_type_fails_alone(rig: Rig, uploader: Uploader) -> None:
    mixed = multipart(b"{}", part_type="application/json").removesuffix(b"--frontier--\r\n") + multipart(
        make_study(1)[0]
    )
    status, answer = await uploader.post(mixed)
    assert (status, items(answer, "0008119A")) == (202, [{"00081197": 0xC000}])
    assert len(rig.east.stored) == 1


async def test_xml_is_written_for_those_who_want_it(uploader: Uploader) -> None:
    status, answer = await uploader.post(
        multipart(make_study(1)[0], b"no DICOM"), accept="application/dicom+xml, application/dicom+json;q=0.5"
    )
    assert (status, answer.content_type) == (202, "application/dicom+xml")
    root = ElementTree.fromstring(answer.data)
    assert root.tag == f"{NATIVE}NativeDicomModel"
    values = {
        element.get("keyword"): element.findtext(f"{NATIVE}Value") for element in root.iter(f"{NATIVE}DicomAttribute")
    }
    assert values["ReferencedSOPInstanceUID"] == "2.25.1000.1.1"
    assert values["FailureReason"] == str(0xC000)
    assert [element.get("tag") for element in root] == ["00081190", "00081199", "0008119A"]


@pytest.mark.parametrize(
    ("content_type", "reason", "status"),
    [
        ('multipart/related; type="application/dicom+json"; boundary=frontier', "UNSUPPORTED_MEDIA_TYPE", "415"),
        ("multipart/related; type=application/dicom+xml; boundary=frontier", "UNSUPPORTED_MEDIA_TYPE", "415"),
        ("multipart/form-data; boundary=frontier", "UNSUPPORTED_MEDIA_TYPE", "415"),
        ("application/json", "UNSUPPORTED_MEDIA_TYPE", "415"),
        ("", "UNSUPPORTED_MEDIA_TYPE", "415"),
        ("multipart/related; type=application/dicom", "INVALID_ARGUMENT", ""),
    ],
)
async def test_bodies_that_are_not_taken(
    rig: Rig, uploader: Uploader, content_type: str, reason: str, status: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await uploader.post(multipart(make_study(1)[0]), content_type)
    assert (reason_of(caught.value), trailer_of(caught.value, "x-http-status")) == (reason, status)
    assert not rig.east.stored


@pytest.mark.parametrize("body", [b"", b"--frontier--\r\n", b"something else entirely"])
async def test_an_upload_without_an_instance_is_malformed(uploader: Uploader, body: bytes) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await uploader.post(body)
    assert reason_of(caught.value) == "INVALID_ARGUMENT"


async def test_an_answer_that_the_client_does_not_take_is_refused_before_anything_is_stored(
    rig: Rig, uploader: Uploader
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await uploader.post(multipart(make_study(1)[0]), accept="text/html")
    assert reason_of(caught.value) == "NOT_ACCEPTABLE"
    assert not rig.east.stored


async def test_a_viewers_key_stores_nothing(rig: Rig, channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await Uploader(channel, await rig.key("east")).post(multipart(make_study(1)[0]))
    assert reason_of(caught.value) == "ROLE_NOT_ALLOWED"
    assert not rig.east.stored
