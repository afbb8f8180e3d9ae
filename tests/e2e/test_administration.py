"""The command line on an installation whose server runs: what it changes, the server soon knows."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydicom import dcmread

from tests.e2e.radgate_process import PACS, RadgateProcess, dimse
from tests.e2e.studies import EAST, GREY_SLICES, GREY_STUDY, SYNTAXES, SYNTAXES_STUDY, WEST_FILE, path_of
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer

SEEN_S = 30.0
"""How long it may take on a busy machine."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, orthanc: OrthancServer) -> Iterator[RadgateProcess]:
    settings = {"RADGATE_IMAGING__BACKGROUND_THUMBNAILS": "false"}  # nothing comes into a cache when nobody asks
    with RadgateProcess(tmp_path_factory.mktemp("administered"), settings).tenant(EAST, dimse(orthanc)) as server:
        yield server


def status_of(server: RadgateProcess, key: str) -> int:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{server.url}/dicom-web/studies?limit=1", headers=headers, timeout=60).status_code


def test_a_key_is_good_at_once_and_bad_when_revoked(server: RadgateProcess) -> None:
    key = server.cli("key", "create", "--tenant", EAST, "--role", "viewer").strip()
    assert status_of(server, key) == 200
    server.cli("key", "revoke", key.split("_")[1])
    wait_for(lambda: status_of(server, key) == 401, "the key is refused", SEEN_S)


def test_a_pacs_is_asked_once_it_is_added_and_no_more_when_removed(server: RadgateProcess, tmp_path: Path) -> None:
    (tmp_path / "dose.dcm").symlink_to(path_of(WEST_FILE))
    with server.client(EAST) as web:

        def studies() -> Counter[str]:
            return Counter(study["0020000D"]["Value"][0] for study in web.get("/dicom-web/studies").json())

        before = studies()
        server.cli("pacs", "add", "folder", "--tenant", EAST, "--name", "second", "--path", str(tmp_path))
        added = wait_for(lambda: studies() - before, "the new archive's study is found", SEEN_S)
        assert added == {dcmread(path_of(WEST_FILE)).StudyInstanceUID: 1}
        server.cli("pacs", "remove", "--tenant", EAST, "--name", "second")
        gone = wait_for(lambda: added - studies(), "the old archive's study is gone", SEEN_S)
        assert (gone, studies()) == (added, before)


def test_an_archive_answers_the_test(server: RadgateProcess) -> None:
    assert f"{PACS} answered in " in server.cli("pacs", "test", "--tenant", EAST, "--name", PACS)


def test_what_the_server_sees_of_an_archive_is_listed(server: RadgateProcess) -> None:
    def probed() -> list[str]:
        return [row for row in server.cli("pacs", "list").splitlines() if " up (" in row]

    (seen,) = wait_for(probed, "the archive was probed", 5 * SEEN_S)
    assert PACS in seen


def test_an_archive_is_changed_and_validated_over_rest(server: RadgateProcess) -> None:
    key = server.cli("key", "create", "--tenant", "*", "--role", "admin").strip()
    headers = {"authorization": f"Bearer {key}", "x-tenant-id": EAST}
    url = f"{server.url}/api/v1/pacs/{PACS}"
    with httpx.Client(headers=headers, timeout=60) as rest:
        given = {"dimse": {"maxAssociations": 3, "calledAet": "NOBODY"}, "failover": {"failbackAfter": "90s"}}
        masked = rest.patch(f"{url}?updateMask=dimse.maxAssociations,failover.failbackAfter", json=given).json()["pacs"]
        assert (masked["dimse"]["maxAssociations"], masked["failover"]["failbackAfter"]) == (3, "90s")
        assert masked["dimse"]["calledAet"] == "ORTHANC"
        assert masked["validation"]["passed"]
        wrong = rest.patch(f"{url}?updateMask=dimse.nonsense", json=given)
        assert (wrong.status_code, "dimse.nonsense" in wrong.json()["message"]) == (400, True)
        for named in ("dimse.calledAet", "dimse.called_aet"):
            malformed = rest.patch(url, json={"dimse": {named.partition(".")[2]: "A" * 17}})
            assert (malformed.status_code, malformed.json()["message"].partition(": ")[0]) == (400, named)
            assert malformed.json()["details"][1]["fieldViolations"][0]["field"] == named
        unfit = rest.patch(url, json={"dimse": {"port": 9}})
        assert (unfit.status_code, unfit.json()["details"][0]["reason"]) == (422, "PACS_VALIDATION_FAILED")
        assert rest.get(url).json()["pacs"]["dimse"]["port"] == masked["dimse"]["port"]
        assert rest.post(f"{url}:validate", json={}).json()["report"]["passed"]


def test_what_is_thrown_away_is_gone_from_memory_too(server: RadgateProcess) -> None:
    admin = server.cli("key", "create", "--tenant", EAST, "--role", "admin").strip()
    headers = {"authorization": f"Bearer {admin}"}

    def entries() -> dict[str, int]:
        url = f"{server.url}/api/v1/admin/cache/stats"
        stats = httpx.get(url, headers=headers, timeout=60).json()
        return {tier["tier"].removeprefix("CACHE_TIER_").lower(): int(tier["entries"]) for tier in stats["tiers"]}

    with server.client(EAST) as web:
        for study in (GREY_STUDY, SYNTAXES_STUDY):
            assert web.get(f"/dicom-web/studies/{study}/metadata").status_code == 200
            assert web.get(f"/dicom-web/studies/{study}").status_code == 200
    assert entries()["warm"] == GREY_SLICES + len(SYNTAXES)

    def fetched() -> int:
        tiers = json.loads(server.cli("cache", "analytics", "--tenant", EAST, "--json"))["tiers"]
        return sum(tier["accesses"] for tier in tiers if tier["tier"] == "pacs")

    assert wait_for(fetched, "the history has what was fetched", SEEN_S) >= 2
    named = httpx.get(f"{server.url}/api/v1/admin/cache/stats/{EAST}?days=7", headers=headers, timeout=60).json()
    assert named["history"]["recommendation"]["sizeReason"].startswith("too little data")
    of_another = httpx.get(f"{server.url}/api/v1/admin/cache/stats/elsewhere", headers=headers, timeout=60)
    assert of_another.status_code == 403
    operator = server.cli("key", "create", "--tenant", "*", "--role", "operator").strip()
    url = f"{server.url}/api/v1/admin/cache/stats"
    whole = httpx.get(url, headers={"authorization": f"Bearer {operator}"}, timeout=60).json()
    assert EAST in [one["tenantId"] for one in whole["tenants"]]
    assert [ages["tier"] for ages in whole["ages"]] == ["CACHE_TIER_WARM"]
    server.cli("cache", "invalidate", "--tenant", EAST, "--study", GREY_STUDY)
    wait_for(lambda: entries()["warm"] == len(SYNTAXES), "the study is gone", SEEN_S)
    server.cli("cache", "invalidate", "--tenant", EAST)
    wait_for(lambda: not any(entries().values()), "nothing is left in any tier", SEEN_S)


def rest_of(server: RadgateProcess) -> httpx.Client:
    key = server.cli("key", "create", "--tenant", "*", "--role", "admin").strip()
    headers = {"authorization": f"Bearer {key}", "x-tenant-id": EAST}
    return httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=60)


def test_a_misspelt_field_is_refused_with_the_one_that_was_meant(server: RadgateProcess) -> None:
    viewer = {"role": "ROLE_VIEWER", "label": "reading"}
    misspelt = [
        ("POST", "/keys", {**viewer, "restrictions": {"modalities": ["CT"]}}, "restriction"),
        ("POST", "/keys", {**viewer, "expires": "2031-01-01T00:00:00Z"}, "expireTime"),
        ("POST", "/keys", {**viewer, "restriction": {"studyDate": "20260101-"}}, "studyDates"),
        ("PATCH", "/limits", {"allowedNetwork": ["10.0.0.0/8"]}, "allowedNetworks"),
        ("POST", "/admin/cache/invalidate", {"studyInstanceUids": "1.2.3"}, "studyInstanceUid"),
        ("PATCH", f"/pacs/{PACS}", {"dimse": {"tls": {"cafile": "x"}}}, "caFile"),
        ("GET", "/audit/records?patient=7", None, "patientId"),
        ("POST", "/jobs", {"makeThumbnails": {"studyUid": "1.2.3"}}, "studyInstanceUid"),
        ("POST", "/retention/holds", {"subjects": "KIND_STUDY", "value": "1.2.3", "reason": "x"}, "subject"),
    ]
    with rest_of(server) as rest:
        keys_before = len(rest.get("/keys").json()["apiKeys"])
        for method, path, body, meant in misspelt:
            answer = rest.request(method, path, json=body)
            assert (answer.status_code, f"the nearest is {meant}" in answer.text) == (400, True), (path, answer.text)
        assert len(rest.get("/keys").json()["apiKeys"]) == keys_before


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("POST", "/keys", '{"restriction": {"modalities": ["CT"]}, "restriction": {}}', "restriction"),
        ("POST", "/keys", '{"expireTime": "2031-01-01T00:00:00Z", "expire_time": null}', "expire_time"),
        ("POST", "/keys", '{"restriction": {"modalities": ["CT"], "modalities": []}}', "restriction.modalities"),
        ("GET", "/audit/records?patientId=7&patientId=8", "", "patientId"),
    ],
)
def test_a_field_that_is_given_twice_is_refused(
    server: RadgateProcess, method: str, path: str, body: str, named: str
) -> None:
    with rest_of(server) as rest:
        keys_before = len(rest.get("/keys").json()["apiKeys"])
        answer = rest.request(method, path, content=body.replace("{", '{"role": "ROLE_VIEWER", ', 1))
        assert answer.status_code == 400, answer.text
        assert answer.json()["message"].startswith(f"{named}: the "), answer.text
        assert "is given twice" in answer.text
        assert len(rest.get("/keys").json()["apiKeys"]) == keys_before


def test_both_spellings_of_a_field_are_accepted(server: RadgateProcess) -> None:
    with rest_of(server) as rest:
        assert rest.get("/audit/records?page_size=1&patientId=7").status_code == 200
        assert rest.get("/audit/records?pageSize=1&patient_id=7&until=2031-01-01T00:00:00Z").status_code == 200
        assert (
            rest.post("/keys", json={"role": "ROLE_VIEWER", "expire_time": "2031-01-01T00:00:00Z"}).status_code == 201
        )


def test_a_value_that_is_none_of_the_known_ones_is_refused(server: RadgateProcess) -> None:
    with rest_of(server) as rest:
        assert rest.post("/keys", json={"role": "ROLE_VIEVER"}).status_code == 400
        assert rest.get("/audit/records?outcome=AUDIT_OUTCOME_DENYED").status_code == 400


def test_a_study_is_prefetched_over_rest_and_its_outcome_is_listed(server: RadgateProcess) -> None:
    server.cli("cache", "invalidate", "--tenant", EAST)
    with rest_of(server) as rest:
        taken = rest.post("/admin/cache/warm", json={"studyInstanceUids": [GREY_STUDY, "2.25.404"]})
        assert taken.status_code == 200, taken.text
        job_id = taken.json()["job"]["jobId"]

        def job() -> dict[str, str]:
            found: dict[str, str] = rest.get(f"/jobs/{job_id}").json()["job"]
            return found

        wait_for(lambda: job()["state"] == "JOB_STATE_SUCCEEDED", "the job has ended", SEEN_S)
        assert int(job()["fetchedBytes"]) > 0
        rows = rest.get(f"/admin/cache/warm/{job_id}").json()["studies"]
        assert {row["studyInstanceUid"]: row["outcome"] for row in rows} == {
            GREY_STUDY: "PREFETCH_OUTCOME_FETCHED",
            "2.25.404": "PREFETCH_OUTCOME_NOT_FOUND",
        }
        by_command = json.loads(server.cli("cache", "warmed", "--tenant", EAST, "--json", job_id))
        assert {row["study_instance_uid"]: row["instances"] for row in by_command}[GREY_STUDY] == GREY_SLICES
