"""A key for some studies alone, in front of a real archive that speaks DIMSE."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import EAST

STUDIES = "/dicom-web/studies"


def restricted(server: RadgateProcess, *only: str) -> httpx.Client:
    """A client with a new key, made at the command line."""
    token = server.cli("key", "create", "--tenant", EAST, "--role", "viewer", *only).strip()
    headers = {"authorization": f"Bearer {token}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False)


@pytest.fixture(scope="module")
def every(radgate: RadgateProcess) -> list[dict[str, Any]]:
    """All studies of the archive."""
    with radgate.client(EAST) as client:
        found: list[dict[str, Any]] = client.get(STUDIES).raise_for_status().json()
    return found


@pytest.fixture(scope="module")
def of_magnets(radgate: RadgateProcess) -> Iterator[httpx.Client]:
    with restricted(radgate, "--only-modality", "MR") as client:
        yield client


def values(study: dict[str, Any], tag: str) -> list[Any]:
    found: list[Any] = study.get(tag, {}).get("Value", [])
    return found


def uid_of(study: dict[str, Any]) -> str:
    return str(values(study, "0020000D")[0])


def test_a_search_finds_the_studies_of_the_modality(of_magnets: httpx.Client, every: list[dict[str, Any]]) -> None:
    mine = sorted(uid_of(study) for study in every if "MR" in values(study, "00080061"))
    assert 0 < len(mine) < len(every)
    for level in ("studies", "series", "instances"):
        found = of_magnets.get(f"/dicom-web/{level}").raise_for_status().json()
        assert sorted({uid_of(match) for match in found}) == mine


def test_reading_is_for_the_same_studies(of_magnets: httpx.Client, every: list[dict[str, Any]]) -> None:
    for study in every:
        status = of_magnets.get(f"{STUDIES}/{uid_of(study)}/metadata").status_code
        assert status == (200 if "MR" in values(study, "00080061") else 404), uid_of(study)


def test_a_study_within_opens_nothing_of_another(
    radgate: RadgateProcess, of_magnets: httpx.Client, every: list[dict[str, Any]]
) -> None:
    mine = next(uid_of(study) for study in every if "MR" in values(study, "00080061"))
    other = next(uid_of(study) for study in every if "MR" not in values(study, "00080061"))
    with radgate.client(EAST) as anybody:
        one = anybody.get(f"{STUDIES}/{other}/instances").raise_for_status().json()[0]
        series, instance = values(one, "0020000E")[0], values(one, "00080018")[0]
        for path in below(other, series, instance):
            assert anybody.get(path).is_success, path  # so that every cache has it
    for theirs, nobodys in zip(below(mine, series, instance), below(mine, "2.25.901", "2.25.902"), strict=True):
        answer, expected = of_magnets.get(theirs), of_magnets.get(nobodys)
        assert answer.status_code in (200, 404), theirs
        assert (answer.status_code, answer.content) == (expected.status_code, expected.content), theirs


def below(study: str, series: str, instance: str) -> list[str]:
    """Paths of a series and of an instance under the study, read and searched for."""
    in_series = f"{STUDIES}/{study}/series/{series}"
    in_instance = f"{in_series}/instances/{instance}"
    return [
        *(f"{in_series}{what}" for what in ("", "/metadata", "/rendered", "/thumbnail", "/instances")),
        *(
            f"{in_instance}{what}"
            for what in ("", "/metadata", "/frames/1", "/frames/1/rendered", "/bulkdata/7FE00010")
        ),
        f"/wado?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={instance}",
        f"/dicom-web/instances?StudyInstanceUID={study}&SeriesInstanceUID={series}&includefield=all",
    ]


def test_each_attribute_has_to_fit(radgate: RadgateProcess, every: list[dict[str, Any]]) -> None:
    one = next(study for study in every if values(study, "00100020") and values(study, "00080020"))
    patient, day = values(one, "00100020")[0], values(one, "00080020")[0]
    same = {uid_of(study) for study in every if values(study, "00100020") == [patient]}
    with restricted(radgate, "--only-patient", patient, "--only-study-date", f"{day}-{day}") as client:
        found = {uid_of(match) for match in client.get(STUDIES).raise_for_status().json()}
    assert uid_of(one) in found
    assert found <= same
    with restricted(radgate, "--only-patient", patient, "--only-study-date", "1d") as client:
        assert client.get(STUDIES).json() == []
        assert client.get(f"{STUDIES}/{uid_of(one)}/metadata").status_code == 404


def test_such_a_key_does_nothing_else(radgate: RadgateProcess, of_magnets: httpx.Client) -> None:
    answer = of_magnets.get("/api/v1/jobs")
    assert (answer.status_code, "RESTRICTED_CREDENTIAL" in answer.text) == (403, True)
    with pytest.raises(AssertionError, match="viewer's"):
        radgate.cli("key", "create", "--tenant", EAST, "--role", "admin", "--only-modality", "MR")
