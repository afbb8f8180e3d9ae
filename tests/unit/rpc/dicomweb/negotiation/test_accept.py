"""Accept headers as real clients send them, and as nobody should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.rpc.dicomweb.negotiation.accept import (
    ANYTHING,
    Acceptable,
    accept_parameter,
    acceptables,
    parse_accept,
)

OCTETS = "application/octet-stream"
JLS = "1.2.840.10008.1.2.4.80"
EVRLE = "1.2.840.10008.1.2.1"

HEADERS = [
    ("", [ANYTHING]),
    (" , ,", [ANYTHING]),
    ("*/*", [ANYTHING]),
    ("*", [ANYTHING]),
    ("application/dicom+json", [Acceptable(False, "application/dicom+json")]),
    ("Application/DICOM+JSON;charset=utf-8", [Acceptable(False, "application/dicom+json")]),
    # Cornerstone: unquoted
    (f"multipart/related; type={OCTETS}; transfer-syntax=*", [Acceptable(True, OCTETS, ("*",))]),
    # OHIF: quoted
    (f'multipart/related; type="{OCTETS}"; transfer-syntax="*"', [Acceptable(True, OCTETS, ("*",))]),
    # transfer-syntax twice
    (
        f'multipart/related; type="image/jls"; transfer-syntax={JLS}; transfer-syntax={EVRLE}; transfer-syntax={JLS}',
        [Acceptable(True, "image/jls", (JLS, EVRLE))],
    ),
    (
        f"multipart/related;type={OCTETS};transfer-syntax=*,multipart/related;type=image/jls;q=0.5",
        [Acceptable(True, OCTETS, ("*",)), Acceptable(True, "image/jls", (), 0.5)],
    ),
    ("multipart/related", [Acceptable(True, "*/*")]),
    ("multipart/*;q=.5", [Acceptable(True, "*/*", (), 0.5)]),
    ('multipart/related; type=""; transfer-syntax=', [Acceptable(True, "*/*")]),
    # Java's HttpURLConnection
    (
        "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
        [
            Acceptable(False, "text/html"),
            Acceptable(False, "image/gif"),
            Acceptable(False, "image/jpeg"),
            Acceptable(False, "*/*", (), 0.2),
            Acceptable(False, "*/*", (), 0.2),
        ],
    ),
    ('application/dicom; transfer-syntax="1.2\\.3"; ;', [Acceptable(False, "application/dicom", ("1.2.3",))]),
    (
        "application/dicom;q=1.000, image/*;q=0",
        [Acceptable(False, "application/dicom"), Acceptable(False, "image/*", (), 0)],
    ),
]


@pytest.mark.parametrize(("header", "expected"), HEADERS)
def test_it_is_understood(header: str, expected: list[Acceptable]) -> None:
    assert list(parse_accept(header)) == expected


@pytest.mark.parametrize(
    "header",
    [
        "application",
        "application/",
        "/dicom",
        "a/b/c",
        "application/dicom json",
        "application/dicom; transfer-syntax",
        'application/dicom; type="open',
        "application/dicom; q=2",
        "application/dicom; q=-1",
        "application/dicom; q=.",
        "application/dicom; q=high",
        "application/dicom; =x",
        "application/dicom\x00",
        "a/b" + " " * 9000,
    ],
)
def test_what_is_malformed_is_refused(header: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_accept(header)
    assert caught.value.field == "accept"


@given(st.text(alphabet='abz/*;,="\\q. \t+-01', max_size=300))
def test_anything_is_understood_or_refused(header: str) -> None:
    try:
        ranges = parse_accept(header)
    except InvalidArgumentError:
        return
    assert ranges


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/studies", ""),
        ("/studies?limit=1", ""),
        ("/studies?accept=application/dicom+json", "application/dicom+json"),
        ("/studies?limit=1&accept=application%2Fdicom%2Bjson", "application/dicom+json"),
        ("/studies?accept=image/jls&accept=*/*", "image/jls,*/*"),
        ("/studies?xaccept=image/jls", ""),
    ],
)
def test_the_query_parameter(path: str, expected: str) -> None:
    assert accept_parameter(path) == expected


def test_the_query_parameter_goes_before_the_header() -> None:
    assert acceptables("text/html", "/x?accept=image/jls") == (Acceptable(False, "image/jls"),)
    assert acceptables("text/html", "/x") == (Acceptable(False, "text/html"),)
    assert acceptables("", "") == (ANYTHING,)
