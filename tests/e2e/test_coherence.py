"""A study is corrected, deleted and overwritten in a real archive: by each kind of PACS, here it is too."""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from io import BytesIO

import httpx
import pydicom
import pytest

import radgate as sdk
from radgate_server.core.access.tenancy import Role
from radgate_server.core.pacs.connections import DicomWebConnection, OrthancConnection
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.two_servers import files_of, knows_the_other
from tests.e2e.waiting import wait_for
from tests.fakes.instances import make_study
from tests.integration.orthanc import OrthancServer
from tests.integration.postgres import running_postgres
from tests.integration.tagging_proxy import TaggingProxy

AGE_S = 1
KINDS = ("dimse", "dicomweb", "orthanc")
WITH_VERSIONS = ("orthanc", "tagged")
BY_FEED = "feed"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    dicomweb = {"Enable": True, "Root": "/dicom-web/", "EnableMetadataCache": False}  # it outlives what is overwritten
    options = {"OverwriteInstances": True, "DicomWeb": dicomweb}
    with OrthancServer(tmp_path_factory.mktemp("archive"), options=options) as orthanc:
        yield orthanc


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory, archive: OrthancServer) -> Iterator[RadgateProcess]:
    """A tenant for each kind of PACS, with a short age; no feed is read in the time of a test."""
    settings = {"RADGATE_CACHE__REVALIDATE_AFTER_S": str(AGE_S), "RADGATE_PACS__CHANGES_INTERVAL_S": "600"}
    radgate = RadgateProcess(tmp_path_factory.mktemp("radgate"), settings)
    radgate.tenant("dimse", dimse(archive), Role.OPERATOR).tenant("dicomweb", DicomWebConnection(archive.dicomweb_url))
    with TaggingProxy(archive.dicomweb_url) as tagged:
        radgate.tenant("tagged", DicomWebConnection(tagged.url))
        with radgate.tenant("orthanc", OrthancConnection(archive.url)):
            yield radgate


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory, archive: OrthancServer) -> Iterator[Sequence[RadgateProcess]]:
    """Two servers, each of which reads the feed of the native Orthanc, and an age that no test waits for."""
    folder = tmp_path_factory.mktemp("fed")
    settings = {"RADGATE_CACHE__REVALIDATE_AFTER_S": "6000", "RADGATE_PACS__CHANGES_INTERVAL_S": "0.2"}
    with running_postgres() as postgres, postgres.database(folder.name) as url:
        common = {"RADGATE_DATABASE_URL": url, **settings}
        first = RadgateProcess(folder / "first", common).tenant(BY_FEED, OrthancConnection(archive.url))
        second = first.tenant("dimse", dimse(archive)).beside(folder / "second", common)
        with first, second:
            wait_for(lambda: knows_the_other(first) and knows_the_other(second), "they know of each other")
            yield first, second


class Study:
    """A study in the archive, and as a client sees it."""

    def __init__(self, archive: OrthancServer, client: httpx.Client, uid: str) -> None:
        self.archive, self.client, self.uid = archive, client, uid
        self.series = f"/dicom-web/studies/{uid}/series/{uid}.1"
        self.instance = f"{self.series}/instances/{uid}.1.1"
        self.upload()

    def at(self, client: httpx.Client) -> "Study":
        """The same, as the client of another server sees it."""
        other = copy(self)
        other.client = client
        return other

    def grow(self) -> None:
        """A third instance comes."""
        self.archive.request("POST", "/instances", make_study(3, study=self.uid, PatientID=f"P-{self.uid}")[2])

    def came(self) -> set[str]:
        """SOP Instance UIDs of the files that come when the study is asked for."""
        accepted = {"accept": 'multipart/related; type="application/dicom"'}
        files = files_of(self.client.get(f"/dicom-web/studies/{self.uid}", headers=accepted))
        return {str(file.SOPInstanceUID) for file in files}

    def first(self, instances: int) -> set[str]:
        """SOP Instance UIDs of so many."""
        return {f"{self.uid}.1.{number}" for number in range(1, instances + 1)}

    def upload(self, **attributes: str) -> None:
        for file in make_study(2, study=self.uid, PatientID=f"P-{self.uid}", **attributes):
            self.archive.request("POST", "/instances", file)

    def found(self) -> str:
        """Orthanc's name of it."""
        body = {"Level": "Study", "Query": {"StudyInstanceUID": self.uid}}
        (found,) = self.archive.request("POST", "/tools/find", json.dumps(body).encode())
        return str(found)

    @property
    def right(self) -> str:
        """The Patient ID after the correction."""
        return f"RIGHT-{self.uid}"

    def correct(self) -> None:
        """Give it to another patient under the same UIDs, as an archive's own tool does."""
        body = {
            "Replace": {"PatientID": self.right, "PatientName": "Right^Patient"},
            "Keep": ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"],
            "Force": True,
            "KeepSource": False,
        }
        self.archive.request("POST", f"/studies/{self.found()}/modify", json.dumps(body).encode())

    def delete(self) -> None:
        self.archive.request("DELETE", f"/studies/{self.found()}")

    def patients(self) -> set[str]:
        """Whose it is by metadata, by the file of an instance, and by WADO-URI."""
        metadata = self.client.get(f"{self.instance}/metadata")
        query = f"?requestType=WADO&studyUID={self.uid}&seriesUID={self.uid}.1&objectUID={self.uid}.1.1"
        file = self.client.get(f"/dicom-web/wado{query}", headers={"accept": "application/dicom"})
        reported = {one.status_code for one in (metadata, file)}
        assert reported == {200}, reported
        of_file = pydicom.dcmread(BytesIO(file.content)).PatientID
        return {metadata.json()[0]["00100020"]["Value"][0], of_file}

    def statuses(self) -> set[int]:
        """What each kind of route answers."""
        paths = (
            (f"/dicom-web/studies/{self.uid}", ""),
            (self.instance, ""),
            (f"{self.instance}/metadata", ""),
            (f"{self.instance}/frames/1", ""),
            (f"{self.instance}/rendered", "image/png"),
            (f"{self.instance}/thumbnail", "image/png"),
        )
        return {self.client.get(path, headers={"accept": accept or "*/*"}).status_code for path, accept in paths}

    def description(self) -> str:
        """Series Description of the first instance."""
        return str(self.client.get(f"{self.instance}/metadata").json()[0]["0008103E"]["Value"][0])


@pytest.mark.parametrize("kind", KINDS)
def test_once_the_age_is_over(archive: OrthancServer, hospital: RadgateProcess, kind: str) -> None:
    with hospital.client(kind) as client:
        study = Study(archive, client, f"2.25.36{KINDS.index(kind)}")
        assert study.statuses() == {200}
        assert study.patients() == {f"P-{study.uid}"}
        study.correct()
        wait_for(lambda: study.patients() == {study.right}, "the patient is corrected here", 20)
        assert study.statuses() == {200}
        study.delete()
        wait_for(lambda: study.statuses() == {404}, "the study is deleted here", 20)


@pytest.mark.parametrize("kind", WITH_VERSIONS)
def test_an_overwritten_file_where_the_pacs_keeps_a_version(
    archive: OrthancServer, hospital: RadgateProcess, kind: str
) -> None:
    with hospital.client(kind) as client:
        study = Study(archive, client, f"2.25.37{WITH_VERSIONS.index(kind)}")
        assert study.description() == "Axial"
        study.upload(SeriesDescription="Sagittal")
        wait_for(lambda: study.description() == "Sagittal", "the new file is served", 20)


def test_at_once_by_a_query(archive: OrthancServer, hospital: RadgateProcess) -> None:
    with hospital.client("dimse") as client:
        study = Study(archive, client, "2.25.380")
        assert study.patients() == {f"P-{study.uid}"}
        study.correct()
        client.get(f"/dicom-web/studies?PatientID={study.right}")
        assert study.patients() == {study.right}


def overwrite_until_served(study: Study, *others: Study) -> None:
    """Overwrite a file in the archive. One that came since the last look at the feed is not reported from a new one."""
    seen = (study, *others)
    for _ in range(5):
        study.upload(SeriesDescription="Sagittal")
        with contextlib.suppress(AssertionError):
            wait_for(lambda: all(each.description() == "Sagittal" for each in seen), "the new file is served", 3)
            return
    raise AssertionError("a file was overwritten five times, and the first one is served")


REFRESH: dict[str, Callable[[RadgateProcess, httpx.Client, str], object]] = {
    "rest": lambda radgate, client, study: client.post(
        "/api/v1/admin/cache/invalidate", json={"studyInstanceUid": study}
    ).raise_for_status(),
    "sdk": lambda radgate, client, study: refresh_by_sdk(radgate, study),
    "cli": lambda radgate, client, study: radgate.cli("cache", "invalidate", "--tenant", "dimse", "--study", study),
}


def refresh_by_sdk(radgate: RadgateProcess, study: str) -> None:
    with sdk.Client(radgate.endpoints["http"], radgate.keys["dimse"]) as client:
        assert client.refresh_study(study) == 1


@pytest.mark.parametrize("surface", REFRESH)
def test_an_overwritten_file_that_dimse_shows_nothing_of_comes_once_the_study_is_refreshed(
    archive: OrthancServer, hospital: RadgateProcess, surface: str
) -> None:
    with hospital.client("dimse") as client:
        study = Study(archive, client, f"2.25.395{list(REFRESH).index(surface)}")
        assert study.description() == "Axial"
        study.upload(SeriesDescription="Sagittal")
        REFRESH[surface](hospital, client, study.uid)
        wait_for(lambda: study.description() == "Sagittal", "the new file is served", 10)


def test_a_validation_leaves_the_cache_as_it_is(archive: OrthancServer, hospital: RadgateProcess) -> None:
    with hospital.client("dimse") as client:
        study = Study(archive, client, "2.25.399")
        assert study.description() == "Axial"
        before = hot_entries(client)
        client.post("/api/v1/pacs/archive:validate", json={}).raise_for_status()
        assert hot_entries(client) == before > 0


def hot_entries(client: httpx.Client) -> int:
    tiers = client.get("/api/v1/admin/cache/stats").raise_for_status().json()["tiers"]
    return sum(int(tier["entries"]) for tier in tiers if tier["tier"] == "CACHE_TIER_HOT")


def test_by_the_feed_of_a_native_orthanc_at_each_server(archive: OrthancServer, fed: Sequence[RadgateProcess]) -> None:
    with fed[0].client(BY_FEED) as first, fed[1].client(BY_FEED) as second:
        study = Study(archive, first, "2.25.390")
        both = study, study.at(second)
        assert [each.came() for each in both] == [study.first(2)] * 2
        study.grow()
        wait_for(lambda: all(each.came() == study.first(3) for each in both), "the new instance is served", 20)
        overwrite_until_served(*both)
        study.correct()
        wait_for(lambda: all(each.patients() == {study.right} for each in both), "the patient is corrected here", 20)
        study.delete()
        wait_for(lambda: all(each.statuses() == {404} for each in both), "the study is deleted here", 20)


def received(servers: Sequence[RadgateProcess], tenant: str) -> float:
    """Bytes of instances that the archive has sent."""
    return sum(server.metric("radgate_pacs_received_bytes_total", tenant=tenant) for server in servers)


@pytest.mark.parametrize(("kind", "sent"), [("dimse", 1), ("dicomweb", 1), ("orthanc", 3), ("tagged", 3)])
def test_a_study_that_grew_is_completed_and_fetched_again_where_the_pacs_keeps_a_version(
    archive: OrthancServer, hospital: RadgateProcess, kind: str, sent: int
) -> None:
    with hospital.client(kind) as client:
        study = Study(archive, client, f"2.25.40{sent}{len(kind)}")
        before = received([hospital], kind)
        assert study.came() == study.first(2)
        of_two = received([hospital], kind) - before
        study.grow()
        wait_for(lambda: study.came() == study.first(3), "the new instance is served", 20)
        assert received([hospital], kind) - before - of_two == pytest.approx(of_two * sent / 2, rel=0.05)


def test_a_study_that_grew_is_completed_at_two_servers(archive: OrthancServer, fed: Sequence[RadgateProcess]) -> None:
    """The first has never seen it; the second has it as it was, and hears of it by a query."""
    with fed[0].client("dimse") as first, fed[1].client("dimse") as second:
        study = Study(archive, second, "2.25.405")
        before = received(fed, "dimse")
        assert study.came() == study.first(2)
        of_two = received(fed, "dimse") - before
        study.grow()
        assert study.at(first).came() == study.first(3)
        second.get(f"/dicom-web/studies?StudyInstanceUID={study.uid}&includefield=00201208").raise_for_status()
        assert study.came() == study.first(3)
        assert received(fed, "dimse") - before == pytest.approx(of_two * 3 / 2, rel=0.05)


def test_a_silent_archive_is_answered_for_with_a_warning(archive: OrthancServer, hospital: RadgateProcess) -> None:
    with hospital.client("dimse") as client:
        study = Study(archive, client, "2.25.391")
        frame = client.get(f"{study.instance}/frames/1")
        assert "warning" not in frame.headers
        archive.pause()
        try:
            answer = wait_for(lambda: _warned(client, f"{study.instance}/frames/1"), "a warning comes", 30)
        finally:
            archive.resume()
        assert answer.content == frame.content
        assert answer.headers["warning"].startswith('299 radgate "The PACS could not be asked')


def _warned(client: httpx.Client, path: str) -> httpx.Response | None:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer if "warning" in answer.headers else None
