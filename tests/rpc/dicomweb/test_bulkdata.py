"""WADO-RS Retrieve Bulkdata against the running server."""

import json
import sys
from array import array

import pytest
from pydicom.encaps import encapsulate

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN
from tests.fakes.instances import make_instance
from tests.rpc.calls import reason_of
from tests.rpc.composition import CHUNK_BYTES
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import Rig

J2K_PART_2 = "1.2.840.10008.1.2.4.92"
OCTETS = "application/octet-stream"
MULTIPART = f'multipart/related; type="{OCTETS}"'
STUDY, SERIES = "2.25.5000", "2.25.5000.1"
PIXELS = bytes(range(256)) * 320
COMPRESSED = [b"\xff\xd8one\xff\xd9", b"\xff\xd8two!\xff\xd9"]


def url(sop: str, path: str = "7FE00010") -> str:
    return f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.{sop}/bulkdata/{path}"


@pytest.fixture
async def bulk_web(rig: Rig, web: Web) -> Web:
    """Instance 1 has large native pixels, 2 compressed frames, 3 is a document."""
    document = {"EncapsulatedDocument": b"%PDF-1.7" + b"x" * 4000, "Rows": None, "Columns": None, "PixelData": None}
    rig.east.add(
        make_instance(STUDY, SERIES, f"{SERIES}.1", rows=320, columns=128, PixelData=PIXELS),
        make_instance(
            STUDY, SERIES, f"{SERIES}.2", frames=2, transfer_syntax_uid=J2K_PART_2, PixelData=encapsulate(COMPRESSED)
        ),
        make_instance(STUDY, SERIES, f"{SERIES}.3", **document),
    )
    return web


@pytest.mark.parametrize("accept", ["", "*/*", MULTIPART, f"{MULTIPART}; transfer-syntax=*"])
async def test_a_value_comes_as_a_part(rig: Rig, bulk_web: Web, accept: str) -> None:
    answer = await bulk_web.get(url("1"), accept)
    assert answer.parts == [(f"{OCTETS}; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}", PIXELS)]
    assert answer.messages >= len(PIXELS) // CHUNK_BYTES // 2
    assert [(entry.action, entry.detail) for entry in rig.audit.entries] == [
        (AuditAction.RETRIEVE_BULKDATA, "7FE00010")
    ]


async def test_a_value_comes_bare(bulk_web: Web) -> None:
    answer = await bulk_web.get(url("1"), OCTETS)
    assert (answer.body, answer.header("accept-ranges"), answer.header("x-http-status")) == (PIXELS, ["bytes"], [])


@pytest.mark.parametrize(
    ("wanted", "first", "last"), [("bytes=0-0", 0, 0), ("bytes=1000-50000", 1000, 50000), ("bytes=-5", 81915, 81919)]
)
@pytest.mark.parametrize("accept", ["*/*", OCTETS])
async def test_a_range_comes_as_partial_content(bulk_web: Web, accept: str, wanted: str, first: int, last: int) -> None:
    answer = await bulk_web.get(url("1"), accept, range=wanted)
    assert answer.body == PIXELS[first : last + 1]
    assert answer.header("x-http-status") == ["206"]
    assert answer.header("content-range") == [f"bytes {first}-{last}/81920"]


@pytest.mark.parametrize(("accept", "wanted"), [(OCTETS, "bytes=0-1,5-6"), (MULTIPART, "bytes=0-1")])
async def test_ranges_that_are_not_honoured_give_the_whole(bulk_web: Web, accept: str, wanted: str) -> None:
    answer = await bulk_web.get(url("1"), accept, range=wanted)
    assert PIXELS in answer.body
    assert answer.header("x-http-status") == []


async def test_a_range_outside_is_refused_with_the_size(bulk_web: Web) -> None:
    answer = await bulk_web.get(url("1"), OCTETS, range="bytes=81920-")
    assert answer.error is not None
    trailers = dict(iter(answer.error.trailing_metadata()))
    assert (trailers["x-http-status"], trailers["content-range"]) == ("416", "bytes */81920")


@pytest.mark.parametrize(("accept", "media_type"), [(f"{MULTIPART}; transfer-syntax=*", OCTETS), ("", "image/jpx")])
async def test_compressed_pixels_come_as_one_part_for_each_frame(bulk_web: Web, accept: str, media_type: str) -> None:
    answer = await bulk_web.get(url("2"), accept)
    assert [head for head, _ in answer.parts] == [f"{media_type}; transfer-syntax={J2K_PART_2}"] * 2
    assert [data.rstrip(b"\0") for _, data in answer.parts] == COMPRESSED


async def test_the_uris_of_metadata_lead_to_their_values(bulk_web: Web) -> None:
    metadata = await bulk_web.get(f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.3/metadata")
    uri = json.loads(metadata.body)[0]["00420011"]["BulkDataURI"]
    answer = await bulk_web.get(uri.partition("/dicom-web")[2], OCTETS)
    assert answer.body.startswith(b"%PDF-1.7xxx")


@pytest.mark.parametrize(
    ("path", "accept", "wanted", "reason"),
    [
        ("00420011", OCTETS, "", "OBJECT_NOT_FOUND"),
        ("nonsense/0/..", OCTETS, "", "OBJECT_NOT_FOUND"),
        ("7FE00010", "application/pdf", "", "NOT_ACCEPTABLE"),
        ("7FE00010", OCTETS, "bytes=5-1", "INVALID_ARGUMENT"),
        ("7FE00010", "what?", "", "INVALID_ARGUMENT"),
    ],
)
async def test_what_can_not_be_answered(
    rig: Rig, bulk_web: Web, path: str, accept: str, wanted: str, reason: str
) -> None:
    answer = await bulk_web.get(url("1", path), accept, range=wanted)
    assert answer.error is not None
    assert (reason_of(answer.error), answer.messages) == (reason, 0)
    assert rig.audit.entries == []


async def test_nothing_is_served_that_can_not_be_recorded(rig: Rig, bulk_web: Web) -> None:
    rig.audit.broken = True
    answer = await bulk_web.get(url("1"))
    assert answer.error is not None
    assert (reason_of(answer.error), answer.messages, answer.header("x-http-status")) == ("AUDIT_UNAVAILABLE", 0, [])


async def test_big_endian_values_are_made_little_endian(rig: Rig, web: Web) -> None:
    words = array("H", range(64))
    big = array("H", words)
    if sys.byteorder == "little":
        big.byteswap()
    file = make_instance(
        STUDY, SERIES, f"{SERIES}.4", transfer_syntax_uid=EXPLICIT_VR_BIG_ENDIAN, PixelData=big.tobytes()
    )
    rig.east.add(file)
    answer = await web.get(url("4"), OCTETS, range="bytes=2-5")
    assert answer.body == b"\1\0\2\0"
