import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.errors import InvalidArgumentError, NotAcceptableError
from radgate_server.core.imaging.render_target import RenderTarget, Viewport, Window
from radgate_server.rpc.dicomweb.negotiation.accept import ANYTHING, Acceptable
from radgate_server.rpc.dicomweb.pictures.request import PictureRequest
from radgate_server.rpc.dicomweb.wado_uri.query import parse_wado_uri

PLACE = "/wado?requestType=WADO&studyUID=1.2&seriesUID=3&objectUID=4"
JLS = "1.2.840.10008.1.2.4.80"
DICOM = Acceptable(False, "application/dicom")


def test_the_query_names_the_instance_in_any_order_and_other_parameters_are_passed_over() -> None:
    url = "/wado?objectUID=4&charset=UTF-8&x=5&seriesUID=3&requestType=WADO&studyUID=1%2E2&x=6"
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
    wanted = parse_wado_uri(PLACE + query, accept)
    assert wanted.accepted == (accepted,)
    assert wanted.picture is None


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("", ""),
        ("", "*/*"),
        ("", "image/webp,image/*,*/*;q=0.8"),
        ("&contentType=image/jpeg", "*/*"),
        ("&contentType=image/png,application/dicom;q=0.5", ""),
        ("&contentType=application/pdf", "application/*"),
    ],
)
def test_a_picture_is_the_default_and_what_other_media_types_ask_for(query: str, accept: str) -> None:
    assert parse_wado_uri(PLACE + query, accept).picture is not None


def picture_of(query: str) -> PictureRequest:
    picture = parse_wado_uri(f"{PLACE}&contentType=image/jpeg{query}", "").picture
    assert picture is not None
    return picture


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("&rows=20&columns=10", RenderTarget(viewport=Viewport(10, 20))),
        ("&windowCenter=-600&windowWidth=1.5e3", RenderTarget(window=Window(-600, 1500))),
        ("&imageQuality=7&rows=&windowCenter=&annotation=", RenderTarget(quality=7)),
    ],
)
def test_how_the_picture_is_to_look(query: str, target: RenderTarget) -> None:
    assert picture_of(query).target == target


def test_which_frame_and_which_part_of_it() -> None:
    picture = picture_of("&frameNumber=3&region=0,0.25,.5,1")
    assert (picture.frame_numbers, picture.region) == ((3,), (0, 0.25, 0.5, 1))
    assert picture.detail == "3"


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
        (f"{PLACE}&rows=5", "rows"),
        (f"{PLACE}&rows=5&rows=6", "rows"),
        (f"{PLACE}&rows=5&columns=0", "columns"),
        (f"{PLACE}&windowWidth=5", "windowWidth"),
        (f"{PLACE}&windowWidth=0&windowCenter=1", "windowWidth"),
        (f"{PLACE}&windowWidth=nan&windowCenter=1", "windowWidth"),
        (f"{PLACE}&frameNumber=0", "frameNumber"),
        (f"{PLACE}&frameNumber=1,2", "frameNumber"),
        (f"{PLACE}&region=0,0,1", "region"),
        (f"{PLACE}&region=0,0,1,1.1", "region"),
        (f"{PLACE}&region=.5,0,.5,1", "region"),
        (f"{PLACE}&imageQuality=101", "imageQuality"),
        (f"{PLACE}&annotation=patient", "annotation"),
        (f"{PLACE}&imageAnnotation=technique", "imageAnnotation"),
        (f"{PLACE}&presentationUID=1.2", "presentationUID"),
    ],
)
def test_what_is_missing_malformed_or_given_twice_is_named(url: str, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_wado_uri(url, "")
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("query", "accept", "words"),
    [
        ("&contentType=application/dicom", "image/jpeg", "does not allow the media type of contentType"),
        ("&contentType=image/png", "image/jpeg", "does not allow the media type of contentType"),
        ("", "application/dicom;q=0", "without multipart"),
        ("", 'multipart/related; type="application/dicom"', "without multipart"),
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
