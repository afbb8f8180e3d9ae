"""WADO-URI through Envoy, from an archive that is reached over DIMSE alone."""

from io import BytesIO

import httpx
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian

from tests.e2e.studies import SYNTAXES, Original, of_syntax

ROOTS = ("/wado", "/dicom-web/wado")


def ask(east: httpx.Client, original: Original, root: str = "/wado", **more: str) -> httpx.Response:
    ref = original.ref
    query = {
        "requestType": "WADO",
        "studyUID": ref.study_instance_uid,
        "seriesUID": ref.series_instance_uid,
        "objectUID": ref.sop_instance_uid,
    }
    return east.get(root, params=query | more)


def read(answer: httpx.Response) -> Dataset:
    assert answer.status_code == 200
    dataset = dcmread(BytesIO(answer.content))
    assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={dataset.file_meta.TransferSyntaxUID}"
    return dataset


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("name", SYNTAXES)
def test_an_instance_comes_as_it_is_stored(east: httpx.Client, name: str, root: str) -> None:
    original = of_syntax(name)
    stored = original.transfer_syntax_uid
    dataset = read(ask(east, original, root, contentType="application/dicom", transferSyntax=stored))
    assert dataset.file_meta.TransferSyntaxUID == stored
    assert bytes(dataset.PixelData) == bytes(original.dataset.PixelData)


@pytest.mark.parametrize("name", SYNTAXES)
def test_without_a_transfer_syntax_it_comes_uncompressed(east: httpx.Client, name: str) -> None:
    dataset = read(ask(east, of_syntax(name), contentType="application/dicom"))
    assert dataset.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_what_is_not_served_is_reported(east: httpx.Client) -> None:
    original = of_syntax("explicit")
    for more in ({"contentType": "image/jp2"}, {"anonymize": "yes"}):
        answer = ask(east, original, **more)
        assert (answer.status_code, answer.json()["details"][0]["reason"]) == (406, "NOT_ACCEPTABLE")
    assert "image/jpeg, image/png" in ask(east, original, contentType="image/jp2").json()["message"]
    wrong = east.get("/wado", params={"requestType": "WADO", "studyUID": "1.2", "seriesUID": "1.3"})
    assert (wrong.status_code, "objectUID" in wrong.json()["message"]) == (400, True)
