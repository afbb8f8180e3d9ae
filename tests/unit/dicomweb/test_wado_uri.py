import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.errors import InvalidArgumentError, NotAcceptableError
from radgate_server.core.identifiers import RetrieveScope
from radgate_server.rpc.dicomweb.accept import ANYTHING, Acceptable
from radgate_server.rpc.dicomweb.wado_uri import parse_wado_uri

PLACE = "/wado?requestType=WADO&studyUID=1.2&seriesUID=3&objectUID=4"
JLS = "1.2.840.10008.1.2.4.80"
DICOM = Acceptable(False, "application/dicom")


def test_the_query_names_the_instance_in_any_order_and_other_parameters_are_passed_over() -> None:
    url = "/wado?objectUID=4&charset=UTF-8&rows=5&seriesUID=3&frameNumber=2&requestType=WADO&studyUID=1%2E2&rows=6"
    wanted = parse_wado_uri(url, "")
    assert wanted.scope == RetrieveScope("1.2", "3", "4")
    assert wanted.accepted == (ANYTHING,)


@pytest.mark.parametrize(
    ("query", "accept", "accepted"),
    [
        ("&contentType=application/dicom", "*/*", DICOM),
        ("&contentType=application%2Fdicom", "", DICOM),
        ("&contentType=", "application/dicom", DICOM),
        ("", "application/dicom", DICOM),
        (f"&transferSyntax={JLS}", "application/dicom", Acceptable(False, "application/dicom", (JLS,))),
        (f"&contentType=application/dicom&transferSyntax={JLS}", "", Acceptable(False, "application/dicom", (JLS,))),
        (
            f"&contentType=application/dicom;transfer-syntax={JLS}&transferSyntax=1.2",
            "",
            Acceptable(False, "application/dicom", (JLS,)),
        ),
        ("&transferSyntax=*", "", Acceptable(False, "*/*", ("*",))),
        ("&anonymize=no", "application/*", Acceptable(False, "application/*")),
    ],
)
def test_media_type_and_transfer_syntax(query: str, accept: str, accepted: Acceptable) -> None:
    assert parse_wado_uri(PLACE + query, accept).accepted == (accepted,)


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ("/wado", "requestType"),
        (PLACE.replace("requestType=WADO", "requestType=wado"), "requestType"),
        (PLACE.replace("requestType=WADO", "requesttype=WADO"), "requestType"),
        (PLACE.replace("&studyUID=1.2", ""), "studyUID"),
        (PLACE.replace("&seriesUID=3", "&seriesUID="), "seriesUID"),
        (PLACE.replace("&objectUID=4", "&objectUID=4.x"), "objectUID"),
        (PLACE.replace("&objectUID=4", "&objectUID=%ff"), "objectUID"),
        (f"{PLACE}&objectUID=4", "objectUID"),
        (f"{PLACE}&requestType=WADO", "requestType"),
        (f"{PLACE}&transferSyntax=JPEG", "transferSyntax"),
        (f"{PLACE}&contentType=dicom", "contentType"),
        (f"{PLACE}&anonymize=maybe", "anonymize"),
    ],
)
def test_what_is_missing_malformed_or_given_twice_is_named(url: str, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_wado_uri(url, "")
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("query", "accept", "words"),
    [
        ("&contentType=image/jpeg", "*/*", "application/dicom alone"),
        ("&contentType=application/dicom%2Bxml", "", "application/dicom alone"),
        ("&contentType=application/dicom", "image/jpeg", "application/dicom alone"),
        ("", "image/jpeg, text/html", "application/dicom alone"),
        ("", "application/dicom;q=0", "application/dicom alone"),
        ("", 'multipart/related; type="application/dicom"', "application/dicom alone"),
        ("&anonymize=yes", "", "anonymize=yes is not served"),
    ],
)
def test_what_is_not_served_is_refused_and_said(query: str, accept: str, words: str) -> None:
    with pytest.raises(NotAcceptableError, match=words):
        parse_wado_uri(PLACE + query, accept)


@given(st.text(max_size=60))
def test_noise_is_refused(noise: str) -> None:
    with pytest.raises(InvalidArgumentError):
        parse_wado_uri(f"/wado?{noise}", "")
