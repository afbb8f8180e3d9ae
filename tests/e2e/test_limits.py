"""Limits of a running server, as they are set by the command line and by REST, and met over HTTP."""

from collections.abc import Iterator

import httpx
import pytest

from radgate_server.core.access.tenancy import Role
from radgate_server.core.pacs.connections import FolderConnection
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.waiting import wait_for

TENANT = "east"
STUDIES = "/dicom-web/studies"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadgateProcess]:
    images = tmp_path_factory.mktemp("images")
    process = RadgateProcess(tmp_path_factory.mktemp("radgate"), {"RADGATE_GATEWAY__ALLOWED_ORIGINS": '["*"]'})
    with process.tenant(TENANT, FolderConnection(str(images)), Role.ADMIN) as server:
        yield server


@pytest.fixture
def client(server: RadgateProcess) -> Iterator[httpx.Client]:
    with server.client(TENANT) as client:
        yield client


def limit(server: RadgateProcess, *options: str) -> None:
    server.cli("limits", "set", "--tenant", TENANT, *options)


def refused(client: httpx.Client) -> httpx.Response | None:
    answer = client.get(STUDIES, headers={"origin": "https://viewer.example"})
    return answer if answer.status_code >= 400 else None


def test_a_change_by_the_command_line_holds_within_seconds(server: RadgateProcess, client: httpx.Client) -> None:
    assert client.get(STUDIES).status_code in (200, 204)
    limit(server, "--requests-per-second", "0.01", "--burst-requests", "1")
    answer = wait_for(lambda: refused(client), "a request is refused")
    assert (answer.status_code, answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) == (
        429,
        "1",
        "0",
    )
    assert 0 < int(answer.headers["retry-after"]) == int(answer.headers["ratelimit-reset"]) <= 100
    assert answer.headers["ratelimit-policy"] == '"rate";q=1;w=100'
    assert "ratelimit-reset" in answer.headers["access-control-expose-headers"]
    assert answer.json()["details"][0]["reason"] == "RATE_EXCEEDED"
    limit(server, "--requests-per-second", "default", "--burst-requests", "default")
    wait_for(lambda: refused(client) is None, "nothing is refused any more")
    metrics = httpx.get(server.metrics_url, timeout=60, trust_env=False).text
    assert 'radgate_limit_refusals_total{reason="RATE_EXCEEDED",tenant="east"}' in metrics


def test_limits_are_reported_and_changed_by_rest(server: RadgateProcess, client: httpx.Client) -> None:
    key_id = server.keys[TENANT].split("_")[1]
    changed = client.patch(f"/api/v1/keys/{key_id}/limits", json={"concurrentRequests": "50"})
    assert (changed.status_code, changed.json()["state"]["limits"]["concurrentRequests"]) == (200, "50")
    assert client.patch("/api/v1/limits", json={"deniedNetworks": ["192.0.2.0/24"]}).status_code == 200
    assert client.patch("/api/v1/limits", json={"dailyRequests": "5"}).status_code == 403
    assert client.patch("/api/v1/limits", json={"allowedNetworks": ["192.0.2.0/24"]}).status_code == 400
    reported = client.get("/api/v1/limits").json()
    assert reported["tenant"]["limits"]["deniedNetworks"] == ["192.0.2.0/24"]
    assert [each["limits"]["keyId"] for each in reported["keys"]] == [key_id]


def test_a_daily_quota_outlives_a_restart(server: RadgateProcess, client: httpx.Client) -> None:
    limit(server, "--daily-requests", "3")
    answer = wait_for(lambda: refused(client), "the quota is used up")
    assert (answer.status_code, answer.json()["details"][0]["reason"]) == (429, "QUOTA_EXCEEDED")
    assert int(answer.headers["retry-after"]) > 0
    server.stop()
    server.start()
    with server.client(TENANT) as again:
        assert again.get(STUDIES).status_code == 429
        shown = server.cli("limits", "show", "--tenant", TENANT)
        assert ["east", "-", "daily_requests", "3", "3", "3"] in [line.split() for line in shown.splitlines()]
        limit(server, "--daily-requests", "default")
        wait_for(lambda: refused(again) is None, "nothing is refused any more")


def test_who_is_not_to_come_from_here_is_informed_no_more_than_that(server: RadgateProcess) -> None:
    limit(server, "--deny", "127.0.0.0/8")
    with server.client(TENANT) as client:
        answer = wait_for(lambda: refused(client), "the address is refused")
        assert (answer.status_code, answer.json()["details"][0]["reason"]) == (403, "CLIENT_ADDRESS_NOT_ALLOWED")
        assert "127" not in answer.text
    limit(server, "--deny", "none")
