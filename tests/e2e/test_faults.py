"""What happens when something dies, fills up or goes away, in real processes."""

import io
import os
import shutil
import signal
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count, islice
from pathlib import Path
from threading import Event

import grpc
import httpx
import pydicom
import pytest

import radgate as sdk
from tests.e2e.network import child_of, connections_to
from tests.e2e.processes import has_ended, running_child_of
from tests.e2e.radgate_process import PACS, RadgateProcess, dimse
from tests.e2e.studies import BULKY_INSTANCES, BULKY_STUDY, EAST, bulky_instances, store
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port

SERIES = f"{BULKY_STUDY}.1"
STUDY_PATH = f"/dicom-web/studies/{BULKY_STUDY}"
SETTINGS = {
    "RADGATE_RETRIEVE__WINDOW_BYTES": str(1 << 20),  # a reader that stands still holds the archive up
    "RADGATE_DIMSE__POOL_IDLE_S": "0.5",
    "RADGATE_PACS__BREAKER_OPEN_S": "0.1",  # an archive that is back is asked at once
}


@pytest.fixture(scope="module")
def pixels() -> dict[str, bytes]:
    """Pixels of the bulky study by SOP Instance UID."""
    return {original.ref.sop_instance_uid: original.dataset.PixelData for original in bulky_instances()}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """An Orthanc that tests may kill, with one bulky study."""
    with OrthancServer(tmp_path_factory.mktemp("archive")) as orthanc:
        store(orthanc, bulky_instances())
        yield orthanc


@pytest.fixture
def running_archive(archive: OrthancServer) -> Iterator[OrthancServer]:
    """The same; started again after the test when it was killed."""
    yield archive
    archive.kill()
    archive.start()


@pytest.fixture
def radgate(tmp_path: Path, archive: OrthancServer) -> Iterator[RadgateProcess]:
    """A server of the test's own, not started yet."""
    server = RadgateProcess(tmp_path, SETTINGS).tenant(EAST, dimse(archive))
    yield server
    server.kill()


def client_of(radgate: RadgateProcess, endpoint: str = "grpc") -> sdk.Client:
    return sdk.Client(radgate.endpoints[endpoint], radgate.keys[EAST])


def pixels_of(instances: Sequence[sdk.RetrievedInstance]) -> dict[str, bytes]:
    return {found.sop_instance_uid: pydicom.dcmread(io.BytesIO(found.data)).PixelData for found in instances}


def test_calls_in_progress_survive_a_change_of_the_settings_of_a_pacs(tmp_path: Path, archive: OrthancServer) -> None:
    changed = Event()
    with RadgateProcess(tmp_path).tenant(EAST, dimse(archive)) as radgate:
        operator = radgate.cli("key", "create", "--tenant", "*", "--role", "admin").strip()

        def search(caller: int) -> set[int]:
            answered = set()
            with radgate.client(EAST) as web:
                for number in count():  # each another search, so that the PACS is asked
                    answered.add(web.get(f"/dicom-web/studies?PatientID={caller}-{number}").status_code)
                    if changed.is_set():
                        break
            return answered

        with ThreadPoolExecutor(64) as callers, radgate.client(EAST) as admin:
            admin.headers.update({"authorization": f"Bearer {operator}", "x-tenant-id": EAST})
            searches = callers.map(search, range(64))
            try:
                changes = [
                    admin.patch(
                        f"/api/v1/pacs/{PACS}",
                        params={"updateMask": "dimse.maxAssociations"},
                        json={"dimse": {"maxAssociations": associations}},
                    ).status_code
                    for associations in range(3, 13)
                ]
            finally:
                changed.set()
            assert changes == [200] * 10
            assert set().union(*searches) == {200}


def test_a_killed_server_leaves_whole_instances(
    radgate: RadgateProcess, running_archive: OrthancServer, pixels: dict[str, bytes]
) -> None:
    radgate.start()
    envoy = running_child_of(radgate.pid, "envoy")
    with client_of(radgate) as client:
        stream = client.retrieve_study(BULKY_STUDY, max_resumes=0)
        received = list(islice(stream, 5))
        radgate.kill()
        with pytest.raises(sdk.RadgateError) as caught:
            list(stream)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    wait_for(lambda: has_ended(envoy), "Envoy ends with the server")

    running_archive.kill()
    radgate.start()
    with radgate.client(EAST) as web:  # only what is near can be had now
        for instance in received:
            path = f"{STUDY_PATH}/series/{SERIES}/instances/{instance.sop_instance_uid}"
            answer = web.get(path, headers={"accept": "application/dicom; transfer-syntax=*"})
            assert answer.status_code == 200
            assert answer.content == instance.data

    running_archive.start()
    with client_of(radgate) as client, warnings.catch_warnings():
        # Until the archive has answered again, nobody can say whether what is cached is still what it holds.
        warnings.simplefilter("ignore", sdk.DoubtfulAnswerWarning)
        assert pixels_of(list(client.retrieve_study(BULKY_STUDY))) == pixels
    radgate.stop()


@pytest.mark.parametrize("endpoint", ["http", "grpc"])
def test_a_stream_continues_when_a_killed_server_is_back(
    radgate: RadgateProcess, endpoint: str, pixels: dict[str, bytes]
) -> None:
    ports = {f"RADGATE_{name}_PORT": str(free_port()) for name in ("HTTP", "GRPC")}
    radgate.settings = {**radgate.settings, **ports}  # the second start listens where the first did
    radgate.start()
    with client_of(radgate, endpoint) as client:
        stream = client.retrieve_study(BULKY_STUDY)
        received = list(islice(stream, 5))
        radgate.kill()
        radgate.start()
        received += stream
        assert len(received) == BULKY_INSTANCES, "none came twice"
        assert pixels_of(received) == pixels
        assert list(client.retrieve_study(BULKY_STUDY, resume_token=stream.resume_token)) == []
    radgate.stop()


@pytest.mark.parametrize("endpoint", ["http", "grpc"])
def test_streams_in_flight_outlive_sigterm(radgate: RadgateProcess, endpoint: str, pixels: dict[str, bytes]) -> None:
    radgate.start()
    with client_of(radgate, endpoint) as client:
        stream = client.retrieve_study(BULKY_STUDY)
        received = [next(stream)]
        radgate.terminate()
        wait_for(lambda: "radgate stops" in radgate.log(), "the server begins to stop")
        received += stream
    assert pixels_of(received) == pixels
    assert radgate.wait() == 0


def test_a_body_that_outlasts_the_drain_is_broken_off(radgate: RadgateProcess, archive: OrthancServer) -> None:
    radgate.settings = {**radgate.settings, "RADGATE_DRAIN_S": "1"}
    radgate.start()
    paths = (STUDY_PATH, f"{STUDY_PATH}/series/{SERIES}", f"{STUDY_PATH}/metadata")
    with radgate.client(EAST) as web, ExitStack() as stack, ThreadPoolExecutor(len(paths)) as threads:
        answers = [stack.enter_context(web.stream("GET", path)) for path in paths]
        archive.pause()
        stack.callback(archive.resume)
        reading = [threads.submit(answer.read) for answer in answers]  # all that there is when the drain ends
        radgate.terminate()
        assert radgate.wait() == 0
        assert [answer.status_code for answer in answers] == [200] * len(paths)
        assert [type(read.exception()) for read in reading] == [httpx.RemoteProtocolError] * len(paths)


def test_new_calls_are_refused_from_the_beginning_of_the_drain(radgate: RadgateProcess) -> None:
    radgate.start()
    with radgate.client(EAST) as web, radgate.client(EAST) as other, web.stream("GET", STUDY_PATH) as answer:
        pieces = answer.iter_raw()
        next(pieces)  # holds the drain up
        radgate.terminate()
        wait_for(lambda: "radgate stops" in radgate.log(), "the server begins to stop")
        refused = other.get("/dicom-web/studies")
        assert (refused.status_code, refused.json()["details"][0]["reason"]) == (503, "SERVER_STOPPING")
        assert int(refused.headers["retry-after"]) > 0
        assert httpx.get(radgate.metrics_url.replace("/metrics", "/readyz")).status_code == 503
        for _ in pieces:
            continue
    assert radgate.wait() == 0


def test_a_client_that_goes_gives_the_association_back(radgate: RadgateProcess, archive: OrthancServer) -> None:
    radgate.start()

    def is_sending() -> bool:
        return radgate.metric("radgate_pacs_running") > 0 < connections_to(archive.dicom_port)

    def is_left() -> bool:
        return connections_to(archive.dicom_port) == 0

    with client_of(radgate) as client:
        stream = client.retrieve_study(BULKY_STUDY)
        next(stream)
        wait_for(is_sending, "the archive sends")
        stream.close()
        wait_for(is_left, "no association is open")
    with radgate.client(EAST) as web, web.stream("GET", STUDY_PATH) as answer:
        pieces = answer.iter_bytes()  # when nobody holds it any more, httpx closes the connection
        next(pieces)  # of what is near since the first time, which comes while the rest is being asked for
        wait_for(is_sending, "the archive sends")
    wait_for(is_left, "no association is open")
    with client_of(radgate) as client:
        assert len(list(client.retrieve_study(BULKY_STUDY))) == BULKY_INSTANCES
    radgate.stop()


def retrieved_unless_cut_off(client: sdk.Client) -> list[sdk.RetrievedInstance]:
    """The bulky study; nothing while the failures of before keep the PACS from being asked."""
    try:
        return list(client.retrieve_study(BULKY_STUDY))
    except sdk.IncompleteStudyError as error:
        if {missing.reason for missing in error.missing} != {"PACS_CIRCUIT_OPEN"}:
            raise
        return []


def test_an_archive_that_dies_in_mid_transfer_is_reported(
    radgate: RadgateProcess, running_archive: OrthancServer, pixels: dict[str, bytes]
) -> None:
    radgate.start()
    with client_of(radgate) as sdk_client:
        stream = sdk_client.retrieve_study(BULKY_STUDY)
        next(stream)
        running_archive.kill()
        with pytest.raises(sdk.IncompleteStudyError) as caught:
            list(stream)
    reported = caught.value
    assert reported.expected == BULKY_INSTANCES
    assert {missing.reason for missing in reported.missing} <= {"PACS_ABORTED", "PACS_UNREACHABLE"}
    assert reported.delivered + len(reported.missing) == BULKY_INSTANCES
    assert 0 < len(reported.missing) < BULKY_INSTANCES
    # HTTP has no such record: a body that breaks off must look broken, not short.
    for http2 in (False, True):
        client = httpx.Client(http1=not http2, http2=http2, headers=authorization(radgate), timeout=60)
        with client as web, pytest.raises(httpx.RemoteProtocolError):
            web.get(radgate.url + STUDY_PATH)
    running_archive.start()
    with client_of(radgate) as client:
        came = wait_for(lambda: retrieved_unless_cut_off(client), "the circuit breaker lets a call try")
    assert pixels_of(came) == pixels
    radgate.stop()


def test_a_full_disk_costs_the_cache_alone(tmp_path: Path, archive: OrthancServer, pixels: dict[str, bytes]) -> None:
    server = RadgateProcess(tmp_path, SETTINGS).tenant(EAST, dimse(archive))
    server.prefix = on_a_small_disk(server.data_dir / "warm", mib=8)
    with server:
        for endpoint in ("grpc", "http"):
            with client_of(server, endpoint) as client:
                assert pixels_of(list(client.retrieve_study(BULKY_STUDY))) == pixels
        with server.client(EAST) as web:
            frame = web.get(f"{STUDY_PATH}/series/{SERIES}/instances/{SERIES}.60/frames/1")
            assert pixels[f"{SERIES}.60"] in frame.content
            assert len(web.get("/dicom-web/studies").json()) == 1


def on_a_small_disk(folder: Path, mib: int) -> list[str]:
    """A command that runs another where `folder` is a file system of `mib` MiB, which nobody else sees."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = f'mount -t tmpfs -o size={mib}m tmpfs "$0" && exec "$@"'
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--mount", *rights, "sh", "-c", mount, str(folder)]
    if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
        return command
    # No right to mount: files end at 256 KiB, half an instance, as on a disk that is full by then.
    prlimit = shutil.which("prlimit")
    assert prlimit
    return [prlimit, f"--fsize={256 << 10}", "--"]


def test_a_killed_envoy_comes_back(radgate: RadgateProcess) -> None:
    radgate.start()
    envoy = running_child_of(radgate.pid, "envoy")
    os.kill(envoy, signal.SIGKILL)
    wait_for(lambda: child_of(radgate.pid, "envoy") not in (0, envoy), "another Envoy")

    def served() -> httpx.Response | None:
        try:
            with radgate.client(EAST) as web:
                answer = web.get("/dicom-web/studies")
        except httpx.TransportError:
            return None
        return answer if answer.status_code == 200 else None

    answer = wait_for(served, "the gateway serves again")
    assert [study["0020000D"]["Value"] for study in answer.json()] == [[BULKY_STUDY]]
    radgate.stop()


def authorization(radgate: RadgateProcess) -> dict[str, str]:
    return {"authorization": f"Bearer {radgate.keys[EAST]}"}
