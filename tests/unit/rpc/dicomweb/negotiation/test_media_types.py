"""What a client gets for what it accepts."""

import pytest

from radgate_server.core.dicom.transfer_syntaxes import ENCODABLE_SYNTAXES, TRANSFER_SYNTAXES
from radgate_server.core.errors import NotAcceptableError
from radgate_server.rpc.dicomweb.negotiation.accept import parse_accept
from radgate_server.rpc.dicomweb.negotiation.media_types import (
    negotiate_bulkdata,
    negotiate_frames,
    negotiate_instance,
    negotiate_json,
    require_instances,
    takes_instance,
)
from radgate_server.rpc.dicomweb.negotiation.offers import MULTIPART_FIRST, MULTIPART_ONLY, SINGLE_FIRST

IVRLE = "1.2.840.10008.1.2"
EVRLE = "1.2.840.10008.1.2.1"
BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG = "1.2.840.10008.1.2.4.50"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JLS = "1.2.840.10008.1.2.4.80"
J2K = "1.2.840.10008.1.2.4.90"
HTJ2K = "1.2.840.10008.1.2.4.202"
H264 = "1.2.840.10008.1.2.4.102"
J2K_PART_2 = "1.2.840.10008.1.2.4.92"  # known, without a codec
NEAR = "1.2.840.10008.1.2.4.81"
HTJ2K_ANY_ORDER = "1.2.840.10008.1.2.4.201"
PRIVATE = "1.3.46.670589.33.1.4.1"

OCTETS = "application/octet-stream"
DICOM = "application/dicom"


def multi(part_type: str, *syntaxes: str, quoted: bool = True, q: str = "") -> str:
    value = f'"{part_type}"' if quoted else part_type
    parameters = "".join(f"; transfer-syntax={syntax}" for syntax in syntaxes)
    return f"multipart/related; type={value}{parameters}{f'; q={q}' if q else ''}"


INSTANCES = [
    # accept, stored -> multipart, transfer syntax
    ("", EVRLE, True, EVRLE),
    ("*/*", EVRLE, True, EVRLE),
    ("*/*", IVRLE, True, EVRLE),
    ("*/*", J2K, True, EVRLE),
    ("*/*", BIG, True, EVRLE),
    ("*/*", JLS, True, EVRLE),
    ("*/*", J2K_PART_2, True, J2K_PART_2),  # can't be decoded: better as stored than not at all (PS3.18 8.7.3)
    ("*/*", PRIVATE, True, PRIVATE),
    (multi(DICOM), J2K, True, EVRLE),
    (multi(DICOM), J2K_PART_2, True, J2K_PART_2),
    (multi(DICOM, HTJ2K), EVRLE, True, HTJ2K),
    (multi(DICOM, HTJ2K), JPEG, True, HTJ2K),
    (multi(DICOM, DEFLATED), EVRLE, True, DEFLATED),
    (multi(DICOM, HTJ2K, EVRLE), IVRLE, True, EVRLE),  # what takes the least work
    (multi(DICOM, HTJ2K, EVRLE), EVRLE, True, EVRLE),
    (f"{multi(DICOM, HTJ2K)}, {multi(DICOM, EVRLE)}", IVRLE, True, HTJ2K),
    (multi(DICOM, JPEG, JLS), EVRLE, True, JLS),  # nothing is lost that need not be
    (f"{multi(DICOM, JPEG)}, {multi(DICOM, JLS)}", EVRLE, True, JLS),
    (f"{multi(DICOM, JPEG, q='0.9')}, {multi(DICOM, JLS, q='0.5')}", EVRLE, True, JPEG),
    (multi(DICOM, JPEG), EVRLE, True, JPEG),
    (f"{DICOM}; transfer-syntax={HTJ2K}, */*;q=0.1", EVRLE, False, HTJ2K),
    (multi(DICOM, "*"), J2K, True, J2K),
    (multi(DICOM, "*"), IVRLE, True, IVRLE),
    (multi(DICOM, J2K), J2K, True, J2K),
    (multi(DICOM, EVRLE), J2K, True, EVRLE),
    (multi(DICOM, EVRLE, J2K), J2K, True, J2K),
    (f"{multi(DICOM, J2K_PART_2)}, {multi(DICOM, EVRLE)}", J2K, True, EVRLE),
    (f"{multi(DICOM, EVRLE, q='0.5')}, {multi(DICOM, J2K, q='0.9')}", J2K, True, J2K),
    (f"{multi(DICOM, EVRLE, q='0.9')}, {multi(DICOM, J2K, q='0.5')}", J2K, True, EVRLE),
    ("multipart/related", J2K, True, EVRLE),
    ("multipart/related; transfer-syntax=*", J2K, True, J2K),
    (DICOM, EVRLE, False, EVRLE),
    ("application/*", J2K, False, EVRLE),
    (f"{DICOM}; transfer-syntax=*", J2K, False, J2K),
    (f"{DICOM}, */*;q=0.1", J2K, False, EVRLE),
]


@pytest.mark.parametrize(("accept", "stored", "multipart", "syntax"), INSTANCES)
def test_instances(accept: str, stored: str, multipart: bool, syntax: str) -> None:
    offer = negotiate_instance(parse_accept(accept), stored, MULTIPART_FIRST)
    assert (offer.multipart, offer.media_type, offer.transfer_syntax_uid) == (multipart, DICOM, syntax)
    assert offer.stored == (syntax == stored)


@pytest.mark.parametrize(
    ("accept", "stored"),
    [
        (multi(DICOM, J2K_PART_2), EVRLE),
        (multi(DICOM, EVRLE), J2K_PART_2),
        (multi(DICOM, HTJ2K), PRIVATE),
        (multi(DICOM, HTJ2K), H264),
        (multi(DICOM, IVRLE), EVRLE),
        (multi(DICOM, HTJ2K, q="0"), EVRLE),
        (multi("application/dicom+xml"), EVRLE),
        ("image/jpeg", JPEG),
        ("text/html", EVRLE),
        (f"{DICOM};q=0", EVRLE),
        (f"*/*, {DICOM};q=0, {multi(DICOM, q='0')}", EVRLE),
    ],
)
def test_instances_that_do_not_fit(accept: str, stored: str) -> None:
    with pytest.raises(NotAcceptableError) as caught:
        negotiate_instance(parse_accept(accept), stored, MULTIPART_FIRST)
    assert caught.value.details == {"stored": stored}


@pytest.mark.parametrize("accept", ["", "*/*", "multipart/related", multi(DICOM, JLS), f"text/html, {multi(DICOM)}"])
def test_several_instances_come_as_multipart(accept: str) -> None:
    accepted = parse_accept(accept)
    require_instances(accepted)
    assert takes_instance(accepted, multipart=True)


@pytest.mark.parametrize("accept", [DICOM, "application/zip", multi(OCTETS), multi(DICOM, q="0")])
def test_several_instances_do_not_come_as_anything_else(accept: str) -> None:
    accepted = parse_accept(accept)
    with pytest.raises(NotAcceptableError, match=r"^instances are given as multipart/related"):
        require_instances(accepted)
    assert not takes_instance(accepted, multipart=True)


FRAMES = [
    # accept, stored -> multipart, media type, transfer syntax, encoded again
    ("", EVRLE, True, OCTETS, EVRLE, False),
    ("*/*", IVRLE, True, OCTETS, EVRLE, False),
    ("*/*", J2K, True, OCTETS, EVRLE, True),
    ("*/*", JLS, True, OCTETS, EVRLE, True),
    ("*/*", J2K_PART_2, True, "image/jpx", J2K_PART_2, False),
    ("*/*", PRIVATE, True, OCTETS, PRIVATE, False),
    ("*/*; transfer-syntax=*", J2K, True, "image/jp2", J2K, False),
    ("*/*", H264, True, "video/mp4", H264, False),
    (multi(OCTETS), BIG, True, OCTETS, EVRLE, False),
    (multi(OCTETS, "*"), BIG, True, OCTETS, EVRLE, False),
    (multi(OCTETS, "*"), DEFLATED, True, OCTETS, EVRLE, False),
    (multi(OCTETS, "*"), IVRLE, True, OCTETS, EVRLE, False),
    (multi(OCTETS, "*", quoted=False), J2K, True, OCTETS, J2K, False),
    (multi(OCTETS, "*"), JLS, True, OCTETS, JLS, False),
    (multi(OCTETS), J2K, True, OCTETS, EVRLE, True),
    (multi(OCTETS), J2K_PART_2, True, OCTETS, J2K_PART_2, False),
    (multi(OCTETS, EVRLE), J2K, True, OCTETS, EVRLE, True),
    (multi(OCTETS, JLS), JLS, True, OCTETS, JLS, False),
    (multi("image/jls"), JLS, True, "image/jls", JLS, False),
    (multi("image/jls", JLS, EVRLE), JLS, True, "image/jls", JLS, False),
    (multi("image/jpeg"), JPEG, True, "image/jpeg", JPEG, False),  # not the type's default, yet stored so
    (multi("image/jpeg"), JPEG_LOSSLESS, True, "image/jpeg", JPEG_LOSSLESS, False),
    (multi("image/*"), HTJ2K, True, "image/jphc", HTJ2K, False),
    (f"{multi('image/jphc')}, {multi(OCTETS)}", EVRLE, True, "image/jphc", HTJ2K_ANY_ORDER, True),
    (f"{multi('image/jpeg')}, {multi(OCTETS, '*')}", JLS, True, "image/jpeg", JPEG_LOSSLESS, True),
    (f"{multi('image/jpx')}, {multi(OCTETS, '*')}", JLS, True, OCTETS, JLS, False),
    (multi("image/jpeg"), EVRLE, True, "image/jpeg", JPEG_LOSSLESS, True),  # the type's default, never a lossy one
    (multi("image/jpeg", JPEG), EVRLE, True, "image/jpeg", JPEG, True),
    (multi("image/jls"), EVRLE, True, "image/jls", JLS, True),
    (multi("image/jls", NEAR, JLS), EVRLE, True, "image/jls", JLS, True),
    (multi("image/jls"), NEAR, True, "image/jls", NEAR, False),
    (multi("image/jp2"), EVRLE, True, "image/jp2", J2K, True),
    (multi("image/jphc"), EVRLE, True, "image/jphc", HTJ2K_ANY_ORDER, True),
    (multi("image/jphc"), HTJ2K, True, "image/jphc", HTJ2K, False),
    (multi("image/jphc", HTJ2K), EVRLE, True, "image/jphc", HTJ2K, True),
    (multi("image/jxl"), EVRLE, True, "image/jxl", "1.2.840.10008.1.2.4.110", True),
    (multi("image/dicom-rle"), EVRLE, True, "image/dicom-rle", "1.2.840.10008.1.2.5", True),
    (multi(OCTETS, HTJ2K), EVRLE, True, OCTETS, HTJ2K, True),
    ("image/jphc", EVRLE, False, "image/jphc", HTJ2K_ANY_ORDER, True),
    (multi("image/jls", "*"), JLS, True, "image/jls", JLS, False),
    (f"{multi(OCTETS, q='0.4')}, {multi('image/jp2', q='0.8')}", J2K, True, "image/jp2", J2K, False),
    (OCTETS, EVRLE, False, OCTETS, EVRLE, False),
    ("image/jpeg", JPEG, False, "image/jpeg", JPEG, False),
    ("image/jls;transfer-syntax=*", JLS, False, "image/jls", JLS, False),
    ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", EVRLE, True, OCTETS, EVRLE, False),
]


@pytest.mark.parametrize(("accept", "stored", "multipart", "media_type", "syntax", "encoded"), FRAMES)
def test_frames(accept: str, stored: str, multipart: bool, media_type: str, syntax: str, encoded: bool) -> None:
    offer = negotiate_frames(parse_accept(accept), stored, MULTIPART_FIRST)
    assert (offer.multipart, offer.media_type, offer.transfer_syntax_uid) == (multipart, media_type, syntax)
    assert offer.stored != encoded


@pytest.mark.parametrize(
    ("accept", "stored"),
    [
        (multi("image/jpeg"), J2K_PART_2),
        (multi("image/jpx"), EVRLE),
        (multi("image/jls", "*"), EVRLE),
        (multi(OCTETS, EVRLE), J2K_PART_2),
        (multi(OCTETS, J2K_PART_2), J2K),
        (multi(DICOM), EVRLE),
        ("image/png", JPEG),
    ],
)
def test_frames_that_do_not_fit(accept: str, stored: str) -> None:
    with pytest.raises(NotAcceptableError):
        negotiate_frames(parse_accept(accept), stored, MULTIPART_FIRST)


def test_several_frames_need_multipart() -> None:
    with pytest.raises(NotAcceptableError):
        negotiate_frames(parse_accept(OCTETS), EVRLE, MULTIPART_ONLY)


@pytest.mark.parametrize("stored", [*TRANSFER_SYNTAXES, PRIVATE])
@pytest.mark.parametrize("accept", ["*/*", multi(OCTETS), multi(OCTETS, "*")])
def test_viewers_get_frames_of_everything(stored: str, accept: str) -> None:
    offer = negotiate_frames(parse_accept(accept), stored, MULTIPART_ONLY)
    assert offer.multipart
    assert offer.transfer_syntax_uid not in (IVRLE, BIG, DEFLATED)  # never on the web (PS3.18 8.7.3)
    row = TRANSFER_SYNTAXES.get(stored)
    assert offer.stored or (row is not None and row.decodable)


@pytest.mark.parametrize(
    ("accept", "framings", "multipart"),
    [
        ("", MULTIPART_FIRST, True),
        ("*/*", SINGLE_FIRST, False),
        (OCTETS, MULTIPART_FIRST, False),
        (multi(OCTETS), SINGLE_FIRST, True),
        (multi(OCTETS, "*"), MULTIPART_FIRST, True),
        (multi(OCTETS, EVRLE), MULTIPART_FIRST, True),
    ],
)
def test_bulkdata(accept: str, framings: tuple[bool, ...], multipart: bool) -> None:
    offer = negotiate_bulkdata(parse_accept(accept), framings)
    assert (offer.multipart, offer.media_type) == (multipart, OCTETS)


@pytest.mark.parametrize("accept", ["image/jpeg", "application/pdf", multi(OCTETS, JLS)])
def test_bulkdata_that_does_not_fit(accept: str) -> None:
    with pytest.raises(NotAcceptableError):
        negotiate_bulkdata(parse_accept(accept), MULTIPART_FIRST)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "application/dicom+json"),
        ("*/*", "application/dicom+json"),
        ("application/*", "application/dicom+json"),
        ("application/json", "application/json"),
        ("application/json, application/dicom+json", "application/json"),
        ("application/json;q=0.5, application/dicom+json", "application/dicom+json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/dicom+json"),
    ],
)
def test_json(accept: str, content_type: str) -> None:
    assert negotiate_json(parse_accept(accept)) == content_type


@pytest.mark.parametrize("accept", ["application/dicom+xml", multi("application/dicom+xml"), "text/html"])
def test_xml_is_not_made(accept: str) -> None:
    with pytest.raises(NotAcceptableError):
        negotiate_json(parse_accept(accept))


@pytest.mark.parametrize(("accept", "media_type"), [("*/*", "image/jpeg"), (multi(OCTETS), OCTETS), (OCTETS, OCTETS)])
def test_frames_that_the_decoder_refused_come_as_stored(accept: str, media_type: str) -> None:
    offer = negotiate_frames(parse_accept(accept), JPEG, MULTIPART_FIRST, refused=frozenset({EVRLE}))
    assert (offer.media_type, offer.transfer_syntax_uid, offer.stored) == (media_type, JPEG, True)


def test_an_instance_that_the_decoder_refused_comes_as_stored_unless_that_was_excluded() -> None:
    assert (
        negotiate_instance(parse_accept("*/*"), JPEG, MULTIPART_FIRST, refused=frozenset({EVRLE})).transfer_syntax_uid
        == JPEG
    )
    with pytest.raises(NotAcceptableError):
        negotiate_instance(parse_accept(multi(DICOM, EVRLE)), JPEG, MULTIPART_FIRST, refused=frozenset({EVRLE}))


def test_what_could_not_be_made_leaves_what_else_is_accepted() -> None:
    accepted = parse_accept(multi(DICOM, JLS, HTJ2K, JPEG))
    chosen = [
        negotiate_instance(accepted, EVRLE, MULTIPART_FIRST, refused=frozenset(refused)).transfer_syntax_uid
        for refused in ((), (HTJ2K,), (HTJ2K, JLS))
    ]
    assert chosen == [HTJ2K, JLS, JPEG]


def test_every_encoding_stands_in_the_order_of_preference() -> None:
    encodable = {row.uid for row in TRANSFER_SYNTAXES.values() if row.encodable and row.kind == "image"}
    assert {row.uid for row in ENCODABLE_SYNTAXES} == encodable
    assert [row.lossy for row in ENCODABLE_SYNTAXES] == sorted(row.lossy for row in ENCODABLE_SYNTAXES)
