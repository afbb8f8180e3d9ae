"""News of an Orthanc: its feed of changes reaches the caches and whoever watches."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import radgate as sdk
from radgate_server.core.pacs import OrthancConnection
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


def test_a_change_in_the_archive_is_told_and_what_was_remembered_is_asked_anew(
    radgate: RadgateProcess, orthanc: OrthancServer
) -> None:
    with sdk.Client(radgate.doors["http"], radgate.keys["east"]) as client:
        assert [study.number_of_study_related_instances for study in client.search_studies()] == [1]
        assert len(list(client.retrieve_study(STUDY))) == 1
        news = client.watch_studies()
        assert next(news).study_instance_uid == "", "the watch has begun"
        orthanc.request("POST", "/instances", make_study(2)[1])
        changed = next(news)
        assert (changed.study_instance_uid, changed.pacs, changed.removed) == (STUDY, "archive", False)
        assert [study.number_of_study_related_instances for study in client.search_studies()] == [2]
        assert len(list(client.retrieve_study(STUDY))) == 2
        (orthanc_id,) = orthanc.request("GET", "/studies")
        orthanc.request("DELETE", f"/studies/{orthanc_id}")
        while not (changed := next(news)).removed:
            assert changed.study_instance_uid == STUDY
        assert list(client.search_studies()) == []
        with pytest.raises(sdk.NotFoundError):
            list(client.retrieve_study(STUDY))
