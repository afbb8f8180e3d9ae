"""DICOMweb by the `dicomweb-client` library, through Envoy, from an archive that is reached over DIMSE alone."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest
from dicomweb_client import DICOMwebClient
from dicomweb_client.session_utils import create_session
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRLittleEndian

from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import (
    EAST,
    GREY_SERIES,
    GREY_SLICES,
    GREY_STUDY,
    SYNTAXES,
    SYNTAXES_STUDY,
    Original,
    of_syntax,
    real,
)

AS_STORED = (("application/dicom", "*"),)
UNCOMPRESSED = (("application/dicom", ExplicitVRLittleEndian),)
FRAMES_AS_STORED = (("application/octet-stream", "*"),)
FRAMES_UNCOMPRESSED = (("application/octet-stream", ExplicitVRLittleEndian),)

UNREAD_BY_PYDICOM = ("jpeg-ls", "jpeg lossless")
"""Names in SYNTAXES of what pydicom has no decoder for here; test_transcoding.py compares them with DCMTK's."""
DECODED = [name for name in SYNTAXES if name not in UNREAD_BY_PYDICOM]


@pytest.fixture
def web(radgate: RadgateProcess) -> Iterator[DICOMwebClient]:
    session = create_session()
    session.trust_env = False
    headers = {"Authorization": f"Bearer {radgate.keys[EAST]}"}
    with session:
        client = DICOMwebClient(f"{radgate.url}/dicom-web", session=session, headers=headers)
        client.host = urlsplit(radgate.url).netloc  # the library sends Host without the port; links would lack it too
        yield client


@pytest.mark.one_process
def test_a_client_that_leaves_the_port_out_of_host_is_in_the_log_once(radgate: RadgateProcess) -> None:
    text = "names the host viewer.example without the port"
    with radgate.client(EAST) as east:
        for path in ("/dicom-web/studies", f"/dicom-web/studies/{GREY_STUDY}/metadata", "/dicom-web/studies?limit=1"):
            answer = east.get(path, headers={"host": "viewer.example"})
            assert "http://viewer.example/dicom-web/" in answer.text
    [line] = [line for line in map(json.loads, radgate.log().splitlines()) if text in line.get("message", "")]
    assert (line["level"], "gateway.public_url" in line["message"]) == ("WARNING", True)


def test_capabilities_are_those_of_this_server(radgate: RadgateProcess, web: DICOMwebClient) -> None:
    with radgate.client(EAST) as east:
        answer = east.options("/dicom-web/", headers={"accept": "application/vnd.sun.wadl+xml"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.sun.wadl+xml")
        assert east.options("/dicom-web", headers={"accept": "application/json"}).status_code == 406
        assert east.options("/dicom-web", headers={"authorization": "Bearer none"}).status_code == 401
    [resources] = ElementTree.fromstring(answer.content)
    assert resources.attrib["base"] == web.base_url
    rendered = resources.find(".//{*}method[@id='RetrieveRendered.frames']/{*}response/{*}representation")
    assert rendered is not None
    assert rendered.attrib["mediaType"] == "image/jpeg"


def uids(found: list[dict[str, dict[str, object]]], tag: str) -> set[str]:
    values = [match[tag]["Value"] for match in found]
    assert all(isinstance(value, list) and len(value) == 1 for value in values)
    return {value[0] for value in values}  # type: ignore[index]


def assert_same(received: Dataset, original: Original) -> None:
    """Everything is the same but what DIMSE does not carry: padding, and a wrong VR of compressed pixels."""
    assert bytes(received.PixelData) == bytes(original.dataset.PixelData)
    assert without_pixels(received) == without_pixels(original.dataset)


def without_pixels(dataset: Dataset) -> Dataset:
    rest = Dataset()
    for element in dataset:
        if element.keyword not in ("PixelData", "DataSetTrailingPadding"):
            rest.add(element)
    return rest


def test_every_study_of_the_archive_is_found(web: DICOMwebClient, originals: list[Original]) -> None:
    stored = {original.ref.study_instance_uid for original in originals}
    assert len(stored) > 8
    assert uids(web.search_for_studies(), "0020000D") == stored


def test_matching_goes_by_keys(web: DICOMwebClient) -> None:
    by_name = web.search_for_studies(search_filters={"PatientName": "Quadrant*"})
    assert uids(by_name, "0020000D") == {GREY_STUDY}
    assert by_name[0]["00100010"]["Value"] == [{"Alphabetic": "Quadrant^Quentin"}]
    assert by_name[0]["00080061"]["Value"] == ["CT"]
    assert by_name[0]["00201208"]["Value"] == [GREY_SLICES]
    assert web.search_for_studies(search_filters={"PatientID": "nobody"}) == []


def test_pages_add_up(web: DICOMwebClient, originals: list[Original]) -> None:
    pages = [web.search_for_studies(limit=3, offset=offset) for offset in range(0, 30, 3)]
    found = [match["0020000D"]["Value"][0] for page in pages for match in page]
    assert sorted(found) == sorted({original.ref.study_instance_uid for original in originals})


def test_series_and_instances_are_found(web: DICOMwebClient) -> None:
    assert uids(web.search_for_series(GREY_STUDY), "0020000E") == {GREY_SERIES}
    assert len(web.search_for_series(SYNTAXES_STUDY)) == len(SYNTAXES)
    instances = {f"{GREY_SERIES}.{number}" for number in range(1, GREY_SLICES + 1)}
    assert uids(web.search_for_instances(GREY_STUDY), "00080018") == instances
    assert uids(web.search_for_instances(GREY_STUDY, GREY_SERIES), "00080018") == instances


@pytest.mark.parametrize("name", SYNTAXES)
def test_instances_come_as_they_are_stored(web: DICOMwebClient, name: str) -> None:
    original = of_syntax(name)
    received = web.retrieve_instance(*uids_of(original), media_types=AS_STORED)
    assert received.file_meta.TransferSyntaxUID == original.transfer_syntax_uid
    assert_same(received, original)


@pytest.mark.parametrize("name", DECODED)
def test_instances_come_uncompressed(web: DICOMwebClient, name: str) -> None:
    original = of_syntax(name)
    received = web.retrieve_instance(*uids_of(original), media_types=UNCOMPRESSED)
    assert received.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    np.testing.assert_array_equal(pixel_array(received), pixel_array(original.dataset))


@pytest.mark.parametrize("fields", [None, ["AvailableTransferSyntaxUID"]])
def test_a_search_names_the_transfer_syntaxes_of_what_is_cached(web: DICOMwebClient, fields: list[str] | None) -> None:
    original = of_syntax("jpeg-ls")
    study, series, _ = uids_of(original)
    web.retrieve_instance(*uids_of(original), media_types=AS_STORED)
    (match,) = web.search_for_instances(study, series, fields=fields)
    available = Dataset.from_json(match).AvailableTransferSyntaxUID
    assert available == [original.transfer_syntax_uid, ExplicitVRLittleEndian]


def test_a_study_comes_whole_in_many_syntaxes(web: DICOMwebClient) -> None:
    received = {
        dataset.SOPInstanceUID: dataset for dataset in web.retrieve_study(SYNTAXES_STUDY, media_types=AS_STORED)
    }
    stored = [of_syntax(name) for name in SYNTAXES]
    assert set(received) == {original.ref.sop_instance_uid for original in stored}
    for original in stored:
        assert_same(received[original.ref.sop_instance_uid], original)


def test_a_series_comes_whole(web: DICOMwebClient, originals: list[Original]) -> None:
    received = web.retrieve_series(GREY_STUDY, GREY_SERIES)
    stored = [original for original in originals if original.ref.series_instance_uid == GREY_SERIES]
    assert len(received) == len(stored) == GREY_SLICES
    for dataset, original in zip(sorted(received, key=lambda found: found.InstanceNumber), stored, strict=True):
        assert_same(dataset, original)


@pytest.mark.parametrize("name", SYNTAXES)
def test_frames_come_as_they_are_stored(web: DICOMwebClient, name: str) -> None:
    original = of_syntax(name)
    count = int(original.dataset.get("NumberOfFrames", 1))
    numbers = [count, 1] if count > 1 else [1]
    frames = web.retrieve_instance_frames(*uids_of(original), numbers, media_types=FRAMES_AS_STORED)
    assert [bytes(frame) for frame in frames] == [stored_frame(original.dataset, number) for number in numbers]


@pytest.mark.parametrize("name", DECODED)
def test_frames_come_uncompressed(web: DICOMwebClient, name: str) -> None:
    original = of_syntax(name)
    (frame,) = web.retrieve_instance_frames(*uids_of(original), [1], media_types=FRAMES_UNCOMPRESSED)
    assert bytes(frame) == pixel_array(original.dataset, index=0, raw=True).tobytes()


def test_metadata_is_the_full_header(web: DICOMwebClient) -> None:
    original = real("CT_small.dcm")
    (metadata,) = web.retrieve_study_metadata(original.ref.study_instance_uid)
    received = Dataset.from_json(metadata, lambda tag, vr, uri: None)
    for keyword in ("PatientName", "PixelSpacing", "ImagePositionPatient", "RescaleIntercept", "ImageType", "Rows"):
        assert received[keyword].value == original.dataset[keyword].value
    assert metadata["7FE00010"]["BulkDataURI"].startswith("http://127.0.0.1:")
    assert len(web.retrieve_series_metadata(GREY_STUDY, GREY_SERIES)) == GREY_SLICES
    one = web.retrieve_instance_metadata(*uids_of(original))
    assert one == metadata


def test_bulkdata_is_found_by_its_uri(web: DICOMwebClient) -> None:
    original = real("CT_small.dcm")
    metadata = web.retrieve_instance_metadata(*uids_of(original))
    (private,) = web.retrieve_bulkdata(metadata["00431029"]["BulkDataURI"])
    assert private == original.dataset[0x0043, 0x1029].value
    (pixels,) = web.retrieve_bulkdata(metadata["7FE00010"]["BulkDataURI"])
    assert pixels == original.dataset.PixelData


def uids_of(original: Original) -> tuple[str, str, str]:
    ref = original.ref
    return ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid


def stored_frame(dataset: Dataset, number: int) -> bytes:
    """A frame's bytes as they are in the file."""
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return bytes(dataset.PixelData)
    return get_frame(dataset.PixelData, number - 1, number_of_frames=int(dataset.get("NumberOfFrames", 1)))
