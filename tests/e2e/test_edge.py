"""Images by way of a caching edge (nginx): signed URLs, hits without the origin, and what is refused."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.waiting import wait_for
from tests.fakes.instances import make_study
from tests.integration.caching_edge import make_key, running_edge
from tests.integration.cloudfront import invalidated, make_distribution
from tests.integration.key_providers import AWS_ENVIRONMENT, moto_server
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port

STUDY = "2.25.6200"
SECRET = "s" * 40
EDGE = {"prefer": "edge"}


def instance(number: int) -> str:
    return f"/dicom-web/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.{number}"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("archive"), options={"OverwriteInstances": True}) as orthanc:
        for file in make_study(3, study=STUDY):
            orthanc.request("POST", "/instances", file)
        yield orthanc


@pytest.fixture(scope="module")
def edge_port() -> int:
    return free_port()


@dataclass
class Distribution:
    """CloudFront, as moto plays it: where invalidations go."""

    address: str
    admin: Any
    distribution_id: str


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Distribution]:
    with moto_server(tmp_path_factory.mktemp("moto")) as address:
        session = boto3.session.Session("id", "secret", region_name="us-east-1")
        admin = session.client("cloudfront", endpoint_url=address)
        yield Distribution(address, admin, make_distribution(admin))
        admin.close()


@pytest.fixture(scope="module")
def radgate(
    tmp_path_factory: pytest.TempPathFactory, archive: OrthancServer, edge_port: int, distribution: Distribution
) -> Iterator[RadgateProcess]:
    folder = tmp_path_factory.mktemp("radgate")
    make_key(folder / "edge.pem")
    settings = {
        "RADGATE_EDGE__URL": f"http://127.0.0.1:{edge_port}",
        "RADGATE_EDGE__TENANTS": '["north"]',
        "RADGATE_EDGE__KEY_PAIR_ID": "KTEST",
        "RADGATE_EDGE__PRIVATE_KEY_FILE": str(folder / "edge.pem"),
        "RADGATE_EDGE__ORIGIN_SECRET": SECRET,
        "RADGATE_EDGE__DISTRIBUTION_ID": distribution.distribution_id,
        "AWS_ENDPOINT_URL_CLOUDFRONT": distribution.address,
        **AWS_ENVIRONMENT,
        "RADGATE_CACHE__REVALIDATE_AFTER_S": "1",
    }
    server = RadgateProcess(folder, settings)
    with server.tenant("north", dimse(archive)).tenant("south", dimse(archive)):
        yield server


@pytest.fixture(scope="module")
def edge(radgate: RadgateProcess, edge_port: int) -> Iterator[httpx.Client]:
    """A client of the edge without a credential."""
    key = load_pem_private_key((radgate.folder / "edge.pem").read_bytes(), password=None)
    assert isinstance(key, RSAPrivateKey)
    with (
        running_edge(radgate.folder / "nginx", edge_port, radgate.url, SECRET, key.public_key()) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=60) as client,
    ):
        yield client


def signed(radgate: RadgateProcess, path: str, accept: str = "*/*") -> str:
    with radgate.client("north") as client:
        answer = client.get(path, headers={**EDGE, "accept": accept})
    assert (answer.status_code, answer.headers["cache-control"], answer.content) == (307, "no-store", b"")
    return answer.headers["location"]


def at_origin(url: str) -> str:
    """What the edge asks the origin for."""
    path = url.removeprefix(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}")
    return path.partition("&Expires=")[0]


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (f"{instance(1)}/frames/1", 'multipart/related; type="application/octet-stream"'),
        (f"{instance(1)}/frames/1", "application/octet-stream; transfer-syntax=*"),
        (f"{instance(1)}/rendered?viewport=8,8", "image/jpeg"),
        (instance(1), "application/dicom; transfer-syntax=*"),
    ],
)
def test_the_second_reader_is_served_by_the_edge_alone(
    radgate: RadgateProcess, edge: httpx.Client, path: str, accept: str
) -> None:
    first = edge.get(signed(radgate, path, accept))
    assert (first.status_code, first.headers["x-cache"]) == (200, "MISS"), first.text
    assert first.headers["cache-control"] == "public, max-age=86400, immutable"
    assert "vary" not in first.headers
    again = edge.get(signed(radgate, path, accept), headers={"accept": "text/html"})
    assert (again.headers["x-cache"], again.content) == ("HIT", first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    head = edge.head(signed(radgate, path, accept))
    assert (head.status_code, head.content) == (200, b"")
    part = edge.get(signed(radgate, path, accept), headers={"range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, first.content[3:10])
    if not accept.startswith("multipart"):
        with radgate.client("north") as client:
            direct = client.get(path, headers={"accept": accept})
        assert (direct.status_code, direct.content) == (200, first.content)


def test_nobody_is_redirected_who_does_not_ask_or_whose_tenant_does_not_allow_it(radgate: RadgateProcess) -> None:
    for tenant, path, headers in (
        ("north", f"{instance(1)}/frames/1", {}),
        ("south", f"{instance(1)}/frames/1", EDGE),
        ("north", f"/dicom-web/studies/{STUDY}", EDGE),
    ):
        with radgate.client(tenant) as client:
            assert client.get(path, headers=headers).status_code == 200


def test_the_edge_refuses_an_altered_or_ended_url(radgate: RadgateProcess, edge: httpx.Client) -> None:
    url = signed(radgate, f"{instance(2)}/frames/1")
    end_s = url.partition("&Expires=")[2].partition("&")[0]
    for altered in (
        url.replace("/edge/north/", "/edge/south/"),
        url.replace(f"{STUDY}.1.2/", f"{STUDY}.1.3/"),
        url.replace(end_s, str(int(end_s) + 9)),
        url.replace(end_s, "1000"),
        url.partition("&Expires=")[0],
    ):
        assert edge.get(altered).status_code == 403
    assert edge.get(url).status_code == 200


def test_the_origin_needs_the_secret_and_the_grant_for_this_very_resource(radgate: RadgateProcess) -> None:
    path = at_origin(signed(radgate, f"{instance(2)}/frames/1"))
    bare = path.partition("grant=")[0]
    secret = {"x-edge-secret": SECRET}
    with httpx.Client(base_url=radgate.url, trust_env=False, timeout=60) as client:
        assert client.get(path, headers=secret).status_code == 200
        head = client.head(path, headers=secret)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["cache-control"] == "public, max-age=86400, immutable"
        assert client.head(path).status_code == client.head(bare, headers=secret).status_code == 401
        whole = client.get(path, headers={**secret, "range": "bytes=0-9"})
        assert (whole.status_code, str(len(whole.content))) == (200, head.headers["content-length"])
        for refused, headers in (
            (path, {}),
            (path, {"x-edge-secret": "t" * 40}),
            (bare, secret),
            (f"{bare}grant=AAAA", secret),
            (path.replace("/edge/north/", "/edge/south/"), secret),
            (path.replace(f"{STUDY}.1.2/", f"{STUDY}.1.3/"), secret),
            (path.replace("/frames/1", "/frames/1/rendered"), secret),
            (bare, {**secret, "authorization": f"Bearer {radgate.keys['north']}"}),
            (f"{instance(2)}/frames/1", {**secret, "x-radgate-edge": path}),
        ):
            assert client.get(refused, headers=headers).status_code == 401, refused


def test_a_url_names_the_bytes_that_were_there_when_it_was_signed(
    archive: OrthancServer, radgate: RadgateProcess, edge: httpx.Client
) -> None:
    path = instance(3)
    old = signed(radgate, path, "application/dicom; transfer-syntax=*")
    corrected = make_study(3, study=STUDY)[2].replace(b"Axial ", b"Other ")
    archive.request("POST", "/instances", corrected)
    radgate.cli("cache", "invalidate", "--tenant", "north", "--study", STUDY)
    with httpx.Client(base_url=radgate.url, headers={"x-edge-secret": SECRET}, trust_env=False, timeout=60) as origin:
        wait_for(lambda: origin.get(at_origin(old)).status_code == 404, "the old bytes are no more", 20)
    assert edge.get(old).status_code == 404
    new = signed(radgate, path, "application/dicom; transfer-syntax=*")
    assert b"Other " in edge.get(new).raise_for_status().content


def test_what_is_invalidated_and_erased_goes_from_the_edge(radgate: RadgateProcess, distribution: Distribution) -> None:
    def gone() -> set[str]:
        paths = invalidated(distribution.admin, distribution.distribution_id).values()
        return {path for batch in paths for path in batch}

    series, erased = f"/edge/north/studies/{STUDY}/series/{STUDY}.1/*", "/edge/south/studies/2.25.6201/*"
    radgate.cli("cache", "invalidate", "--tenant", "south", "--study", STUDY)
    radgate.cli("cache", "invalidate", "--tenant", "north", "--study", STUDY, "--series", f"{STUDY}.1")
    wait_for(lambda: series in gone(), "the series is invalidated at the edge", 30)
    radgate.cli("erase", "--tenant", "south", "--study", "2.25.6201", "--reason", "as ordered")
    wait_for(lambda: erased in gone(), "the erased study is invalidated at the edge", 30)
    assert f"/edge/south/studies/{STUDY}/*" not in gone()
    assert "invalidate the edge" in radgate.cli("audit", "search", "--tenant", "north", "--json")


def test_the_trail_has_the_signing_and_what_the_edge_fetched(radgate: RadgateProcess, edge: httpx.Client) -> None:
    edge.get(signed(radgate, f"{instance(2)}/rendered"))
    trail = radgate.cli("audit", "search", "--tenant", "north", "--json")
    assert "by a signed URL until" in trail


def test_the_edges_own_log_is_taken_into_the_trail(radgate: RadgateProcess, edge: httpx.Client) -> None:
    url = signed(radgate, f"{instance(2)}/frames/1")
    for _ in range(2):
        edge.get(url, headers={"user-agent": "ward viewer"}).raise_for_status()
    log = radgate.folder / "nginx" / "access.log"
    wait_for(lambda: log.read_text().count('"ward viewer"') == 2, "nginx has logged it", 20)
    radgate.cli("audit", "import-edge-log", str(log))
    radgate.cli("audit", "import-edge-log", str(log))
    found = json.loads(radgate.cli("audit", "search", "--tenant", "north", "--outcome", "delivered", "--json"))
    details = [record["detail"] for record in found if record["user_agent"] == "ward viewer"]
    assert min(details) == "1 at the edge: HIT 200"
    assert len(details) == 2
    radgate.cli("audit", "verify")
