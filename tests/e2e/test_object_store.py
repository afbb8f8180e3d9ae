"""Two servers that share what they fetch in an object store (SeaweedFS): never what is no longer so."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

import httpx
import pytest
from sqlalchemy import func, select

from radgate_server.adapters.cache.disk.layout import study_hash
from radgate_server.adapters.database.connection.engine import open_engine
from radgate_server.adapters.database.schema.packs import packed_instances
from radgate_server.core.access.tenancy import Role
from radgate_server.core.pacs.connections import DimseConnection
from radgate_server.core.retention.deletion_certificate import from_text
from tests.e2e.counting_pacs import SLICES, CountingPacs, slices
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import EAST
from tests.e2e.two_servers import files_from, read
from tests.e2e.waiting import wait_for
from tests.integration.postgres import running_postgres
from tests.integration.seaweed import BUCKET, Seaweed, running_seaweed

pytestmark = [  # of pynetdicom: of associations that ended
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]
_numbers = count(1)


@dataclass
class Site:
    """Two servers with the same keys, database and bucket, and caches of their own, in front of one PACS."""

    first: RadgateProcess
    second: RadgateProcess
    pacs: CountingPacs
    seaweed: Seaweed
    database_url: str

    def gets(self, study: str) -> list[int]:
        """How often the PACS has sent each instance."""
        return [times for uid, times in self.pacs.gets.items() if uid.startswith(f"{study}.")]

    def held(self, study: str) -> dict[str, bytes]:
        """Pixel data as the PACS has it."""
        own = (one for one in self.pacs.held if one.StudyInstanceUID == study)
        return {str(one.SOPInstanceUID): one.PixelData for one in own}

    def packed(self, study: str) -> int:
        """How many instances are in packs."""
        engine = open_engine(self.database_url)
        query = select(func.count()).where(packed_instances.c.study == study_hash(study))
        with engine.connect() as connection:
            found = connection.execute(query).scalar_one()
        engine.dispose()
        return int(found)

    def objects(self) -> set[str]:
        """The addresses of all packs."""
        bucket = f"{self.seaweed.endpoint}/{BUCKET}"
        answer = httpx.get(bucket, params={"list-type": 2, "prefix": "radgate/"}).raise_for_status()
        return {f"{bucket}/{key}" for key in re.findall("<Key>([^<]+)</Key>", answer.text)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Both run."""
    folder = tmp_path_factory.mktemp("site")
    with (
        running_seaweed() as seaweed,
        running_postgres() as postgres,
        postgres.database("packs") as url,
        CountingPacs(held=[]) as pacs,
        ExitStack() as running,
    ):
        common = {
            "RADGATE_DATABASE_URL": url,
            "RADGATE_CACHE__S3__BUCKET": BUCKET,
            "RADGATE_CACHE__S3__ENDPOINT": seaweed.endpoint,
            "RADGATE_CACHE__S3__ANONYMOUS": "true",
            "RADGATE_CACHE__S3__PAUSE_S": "0.2",
            "RADGATE_CACHE__S3__TIMEOUT_S": "2",
        }
        connection = DimseConnection("127.0.0.1", pacs.dicom_port, "FAULTY", "RADGATE")
        first = RadgateProcess(folder / "first", common).tenant(EAST, connection, Role.ADMIN)
        second = first.beside(folder / "second", common)
        for server in (first, second):
            running.enter_context(server)
        yield Site(first, second, pacs, seaweed, url)


@pytest.fixture
def study(site: Site) -> str:
    """A study that the first server has fetched and uploaded, and of which the second has nothing."""
    study = f"2.25.77055{next(_numbers)}"
    site.pacs.held += slices(study)
    files_from(site.first, study)
    wait_for(lambda: site.packed(study) == SLICES, "the study is uploaded")
    return study


def test_what_one_fetched_the_other_reads_from_there(site: Site, study: str) -> None:
    before = moved(site.second)
    assert read(site.second, study) == site.held(study)
    assert moved(site.second) - before >= sum(map(len, site.held(study).values()))
    assert site.gets(study) == [1] * SLICES


def test_what_was_invalidated_is_not_served_by_the_other(site: Site, study: str) -> None:
    """The PACS shows no change: the invalidation alone says that what is there may not be served."""
    before = moved(site.second)
    with site.first.client(EAST) as web:
        web.post("/api/v1/admin/cache/invalidate", json={"studyInstanceUid": study}).raise_for_status()
    assert site.packed(study) == 0
    files_from(site.second, study)
    assert moved(site.second) == before
    assert site.gets(study) == [2] * SLICES


def test_what_was_corrected_since_is_served_by_neither(site: Site, study: str) -> None:
    """The first has confirmed the study a moment ago, and uploaded what it fetched under that state."""
    before = moved(site.second)
    for dataset in site.pacs.held:
        dataset.AccessionNumber = "CORRECTED"
    for server in (site.second, site.first):
        assert {one.AccessionNumber for one in files_from(server, study)} == {"CORRECTED"}
    assert moved(site.second) == before


def test_damaged_objects_are_dropped_and_their_instances_fetched_again(site: Site, study: str) -> None:
    for url in site.objects():
        body = httpx.get(url).raise_for_status().content
        middle = len(body) // 2
        changed = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        httpx.put(url, content=changed).raise_for_status()
    assert read(site.second, study) == site.held(study)
    assert site.second.metric('radgate_cache_failures_total{cause="damaged",tier="s3"}') >= 1


def test_a_study_that_is_erased_is_erased_there(site: Site, study: str) -> None:
    before = site.objects()
    with site.first.client(EAST) as web:
        order = {"studyInstanceUid": study, "reason": "asked for"}
        erased = web.post("/api/v1/retention/erasures", json=order).raise_for_status().json()["erasure"]
    assert packs_erased(erased["certificate"]) >= 1
    assert site.packed(study) == 0
    wait_for(lambda: site.objects() < before, "its objects are deleted")


def test_the_command_line_erases_there_too(site: Site, study: str) -> None:
    certificate = site.first.cli("erase", "--tenant", EAST, "--study", study, "--reason", "asked for")
    assert packs_erased(certificate) >= 1
    assert site.packed(study) == 0


def packs_erased(certificate: str) -> int:
    """How many the certificate names."""
    return sum(tier.entries for tier in from_text(certificate).tiers if tier.tier == "s3")


def test_an_object_store_that_is_away_costs_its_time_out_at_most(site: Site, study: str) -> None:
    """Stopped, it takes connections and answers nothing; then the breaker is open. The first server has the study."""
    peers = site.second.metric("radgate_peer_instances_total")
    site.seaweed.pause()
    try:
        assert read(site.second, study) == site.held(study)
        timeouts = site.second.metric('radgate_cache_operations_total{operation="get",outcome="timeout",tier="s3"}')
        assert 1 <= timeouts <= 10
        assert "does not answer" in httpx.get(site.second.metrics_url.replace("/metrics", "/readyz")).text
    finally:
        site.seaweed.resume()
    assert site.second.metric("radgate_peer_instances_total") - peers == SLICES
    assert site.gets(study) == [1] * SLICES


def moved(server: RadgateProcess) -> float:
    """How many bytes the server has read there."""
    return server.metric('radgate_cache_moved_bytes_total{direction="read",tier="s3"}')
