"""The command line on an installation whose server runs: what it changes, the server soon knows."""

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
        unfit = rest.patch(url, json={"dimse": {"port": 9}})
        assert (unfit.status_code, unfit.json()["details"][0]["reason"]) == (422, "PACS_VALIDATION_FAILED")
        assert rest.get(url).json()["pacs"]["dimse"]["port"] == masked["dimse"]["port"]
        assert rest.post(f"{url}:validate", json={}).json()["report"]["passed"]


def test_what_is_thrown_away_is_gone_from_memory_too(server: RadgateProcess) -> None:
    admin = server.cli("key", "create", "--tenant", EAST, "--role", "admin").strip()

    def entries() -> dict[str, int]:
        url = f"{server.url}/api/v1/admin/cache/stats"
        stats = httpx.get(url, headers={"authorization": f"Bearer {admin}"}, timeout=60).json()
        return {tier["tier"]: int(tier["entries"]) for tier in stats["tiers"]}

    with server.client(EAST) as web:
        for study in (GREY_STUDY, SYNTAXES_STUDY):
            assert web.get(f"/dicom-web/studies/{study}/metadata").status_code == 200
            assert web.get(f"/dicom-web/studies/{study}").status_code == 200
    assert entries()["warm"] == GREY_SLICES + len(SYNTAXES)
    server.cli("cache", "invalidate", "--tenant", EAST, "--study", GREY_STUDY)
    wait_for(lambda: entries()["warm"] == len(SYNTAXES), "the study is gone", SEEN_S)
    server.cli("cache", "invalidate", "--tenant", EAST)
    wait_for(lambda: not any(entries().values()), "nothing is left in any tier", SEEN_S)
