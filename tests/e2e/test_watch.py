"""News of an Orthanc: its feed of changes reaches the caches and whoever watches."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

import radgate as sdk
from radgate.v1.query_service_pb2 import StudyChanged
from radgate_server.core.pacs.connections import OrthancConnection
from tests.e2e.radgate_process import RadgateProcess
from tests.fakes.instances import make_study
from tests.integration.orthanc import OrthancServer

STUDY = "2.25.1000"


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path / "orthanc") as orthanc:
        orthanc.request("POST", "/instances", make_study(2)[0])
        yield orthanc


@pytest.fixture
def radgate(tmp_path: Path, orthanc: OrthancServer) -> Iterator[RadgateProcess]:
    (tmp_path / "radgate").mkdir()
    settings = {
        "RADGATE_PACS__CHANGES_INTERVAL_S": "0.2",
        "RADGATE_PACS__PROBE_INTERVAL_S": "1",
        "RADGATE_CACHE__QUERY_TTL_S": "600",
        "RADGATE_CACHE__LISTING_TTL_S": "600",
    }
    process = RadgateProcess(tmp_path / "radgate", settings).tenant("east", OrthancConnection(orthanc.url))
    with process:
        yield process


def changed_until_reported(orthanc: OrthancServer, news: Iterator[StudyChanged]) -> tuple[StudyChanged, int]:
    """Put one instance more into the study until that is reported; the news, and how many there are then.

    One is enough, but for a server that has not yet read the feed to its end: what is there by then is no news.
    """
    thread = ThreadPoolExecutor(1)
    reported = thread.submit(next, news)
    thread.shutdown(wait=False)  # it ends with the client, if nothing is reported
    for count, file in enumerate(make_study(10)[1:], 2):
        orthanc.request("POST", "/instances", file)
        if wait((reported,), timeout=3).done:
            return reported.result(), count
    raise AssertionError("a server that has read the feed long since reports no news")


def test_a_change_in_the_archive_is_reported_and_what_was_remembered_is_asked_again(
    radgate: RadgateProcess, orthanc: OrthancServer
) -> None:
    with sdk.Client(radgate.endpoints["http"], radgate.keys["east"]) as client:
        assert [study.number_of_study_related_instances for study in client.search_studies()] == [1]
        assert len(list(client.retrieve_study(STUDY))) == 1
        news = client.watch_studies()
        assert next(news).study_instance_uid == "", "the watch has begun"
        changed, count = changed_until_reported(orthanc, news)
        assert (changed.study_instance_uid, changed.pacs, changed.removed) == (STUDY, "archive", False)
        assert [study.number_of_study_related_instances for study in client.search_studies()] == [count]
        assert len(list(client.retrieve_study(STUDY))) == count
        (orthanc_id,) = orthanc.request("GET", "/studies")
        orthanc.request("DELETE", f"/studies/{orthanc_id}")
        while not (changed := next(news)).removed:
            assert changed.study_instance_uid == STUDY
        assert list(client.search_studies()) == []
        with pytest.raises(sdk.NotFoundError):
            list(client.retrieve_study(STUDY))
