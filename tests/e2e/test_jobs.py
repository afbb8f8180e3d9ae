"""Jobs over REST, and images in another form by the SDK, through Envoy and from the server's own port."""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image

import radgate as sdk
from radgate.v1.job_service_pb2 import JOB_STATE_SUCCEEDED
from radgate_server.core.access.tenancy import Role
from radgate_server.core.dicom.transfer_syntaxes import HTJ2K_LOSSLESS_RPCL, JPEG_2000_LOSSLESS
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.studies import EAST, GREY_SERIES, GREY_SLICES, GREY_STUDY, SYNTAXES, SYNTAXES_STUDY, path_of
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer

DONE_S = 60.0
"""How long a job may take on a busy machine."""
URL = "/api/v1/jobs"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, orthanc: OrthancServer) -> Iterator[RadgateProcess]:
    with RadgateProcess(tmp_path_factory.mktemp("jobs")).tenant(EAST, dimse(orthanc), Role.OPERATOR) as server:
        yield server


@pytest.fixture
def web(server: RadgateProcess) -> Iterator[httpx.Client]:
    with server.client(EAST) as client:
        yield client


@pytest.fixture(params=["http", "grpc"])
def client(request: pytest.FixtureRequest, server: RadgateProcess) -> Iterator[sdk.Client]:
    with sdk.Client(server.endpoints[request.param], server.keys[EAST]) as client:
        yield client


def ended(web: httpx.Client, job_id: str) -> dict[str, Any]:
    """The job, once it has ended."""

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = web.get(f"{URL}/{job_id}").json()["job"]
        return job if job["state"] not in ("JOB_STATE_WAITING", "JOB_STATE_RUNNING") else None

    job = wait_for(look, "the job has ended", DONE_S)
    assert job is not None
    return job


def test_a_study_is_transcoded_over_rest(web: httpx.Client, server: RadgateProcess) -> None:
    work = {"studyInstanceUid": SYNTAXES_STUDY, "transferSyntaxUid": HTJ2K_LOSSLESS_RPCL}
    created = web.post(URL, json={"transcodeStudy": work, "requestId": "once"})
    assert created.status_code == 201, created.text
    job_id = created.json()["job"]["jobId"]
    assert web.post(URL, json={"transcodeStudy": work, "requestId": "once"}).json()["job"]["jobId"] == job_id
    job = ended(web, job_id)
    assert (job["state"], job["done"], job["failures"]) == ("JOB_STATE_SUCCEEDED", len(SYNTAXES), [])
    assert web.get(URL).json()["jobs"][0]["jobId"] == job_id
    for verb in ("cancel", "pause", "resume"):  # which do nothing to what has ended
        assert web.post(f"{URL}/{job_id}:{verb}", json={}).json()["job"] == job
    with sdk.Client(server.endpoints["http"], server.keys[EAST]) as client:
        accepted = [HTJ2K_LOSSLESS_RPCL]
        retrieved = list(client.retrieve_study(SYNTAXES_STUDY, transfer_syntaxes=accepted))
    assert [instance.transfer_syntax_uid for instance in retrieved] == accepted * len(SYNTAXES)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (URL, {}, 400),
        (URL, {"makeThumbnails": {"studyInstanceUid": "no uid"}}, 400),
        (URL, {"transcodeStudy": {"studyInstanceUid": "1.2", "transferSyntaxUid": "1.2.840.10008.1.2.4.100"}}, 406),
        (f"{URL}/nothing:cancel", {}, 404),
    ],
)
def test_what_can_not_be_done_is_reported_in_json(
    web: httpx.Client, path: str, body: dict[str, Any], status: int
) -> None:
    response = web.post(path, json=body)
    assert response.status_code == status
    assert response.json()["details"][0]["domain"] == "radgate.dev"


def test_a_job_is_watched_until_it_has_ended(client: sdk.Client) -> None:
    job = client.jobs.make_thumbnails(GREY_STUDY)
    *_, last = client.jobs.watch(job.job_id, timeout_s=DONE_S)
    assert (last.state, last.done, last.total) == (JOB_STATE_SUCCEEDED, GREY_SLICES, GREY_SLICES)


def test_frames_come_as_pictures_and_in_another_transfer_syntax(client: sdk.Client) -> None:
    first = next(iter(client.retrieve_study(GREY_STUDY, GREY_SERIES)))
    ref = GREY_STUDY, GREY_SERIES, first.sop_instance_uid
    (picture,) = client.transcode.frames(*ref, quality_level="thumbnail")
    with Image.open(io.BytesIO(picture.data)) as image:
        assert (image.format, max(image.size)) == ("JPEG", 128)
    (frame,) = client.transcode.frames(*ref, transfer_syntax=HTJ2K_LOSSLESS_RPCL)
    assert (frame.transfer_syntax_uid, frame.lossy) == (HTJ2K_LOSSLESS_RPCL, False)
    instance = client.transcode.instance(*ref, JPEG_2000_LOSSLESS)
    transcoded, stored = pydicom.dcmread(io.BytesIO(instance.data)), pydicom.dcmread(io.BytesIO(first.data))
    assert np.array_equal(transcoded.pixel_array, stored.pixel_array)


def test_a_file_of_ones_own_comes_back_transcoded(client: sdk.Client) -> None:
    path = path_of("CT_small.dcm")
    made = client.transcode.file(path, JPEG_2000_LOSSLESS)
    read = pydicom.dcmread(io.BytesIO(made.data))
    assert read.file_meta.TransferSyntaxUID == JPEG_2000_LOSSLESS
    assert np.array_equal(read.pixel_array, pydicom.dcmread(path).pixel_array)
    with pytest.raises(sdk.RadgateError) as caught:
        client.transcode.file(b"no DICOM file", JPEG_2000_LOSSLESS)
    assert caught.value.reason == "INSTANCE_MALFORMED"
