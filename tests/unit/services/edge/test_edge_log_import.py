"""Logs of the edge: what becomes a record of whom, once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from radgate_server.adapters.secrets.spool_cipher import SpoolCipher
from radgate_server.core.audit.record import AuditAction, AuditOutcome
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.edge.grant import resource_of, version_of
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.edge.log_import import EdgeLogImport, ImportCounts
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.clock import FakeClock
from tests.fakes.imported_requests import MemoryImportedRequests
from tests.unit.services.edge.test_edge_urls import CALLER, EDGE, edge_urls

FIELDS = (
    "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)"
    " cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header"
)
REF = InstanceRef("1.2", "1.3", "1.4")
VERSION = version_of(878, 1)


class Bench:
    def __init__(self) -> None:
        self.clock, self.sink, self.imported = FakeClock(), RecordingAuditSink(), MemoryImportedRequests()
        self.urls = edge_urls(self.clock)
        auditor = Auditor(self.sink, self.clock)
        self.importing = EdgeLogImport(SpoolCipher(bytes(32)), self.imported, self.sink, auditor, self.clock)

    def url(self, part: str = "", query: str = "accept=image/jpeg") -> str:
        """Path and query of a signed URL, as an edge logs it."""
        signed = self.urls.sign(CALLER, resource_of("north", REF, VERSION, part, query)).url
        return f"{signed.removeprefix(EDGE)}&Signature=abc&Key-Pair-Id=K1"

    def cloudfront(self, path: str, *, status: str = "200", name: str = "r1==", days: int = 0) -> str:
        when = datetime.fromtimestamp(self.clock.now().timestamp() - days * 86400, UTC)
        stem, _, query = path.partition("?")
        agent, query = "Mozilla/5.0%2520(X11)", quote(query, safe="=&/-_~.") or "-"
        day = f"{when:%Y-%m-%d}\t{when:%H:%M:%S}"
        client = f"FRA50\t2048\t203.0.113.9\tGET\td1.cloudfront.net\t{stem}\t{status}\t-\t{agent}"
        return f"{day}\t{client}\t{query}\t-\tHit\t{name}\td1.cloudfront.net\n"

    def nginx(self, path: str, *, name: str = "0" * 32) -> str:
        when = f"{self.clock.now():%d/%b/%Y:%H:%M:%S} +0000"
        return f'203.0.113.9 - - [{when}] "GET {path} HTTP/1.1" 206 7 "-" "curl/8" {name} HIT\n'

    async def run(self, *lines: str) -> ImportCounts:
        return await self.importing.run(lines, lambda tenant_id: CALLER)

    @property
    def details(self) -> Sequence[str]:
        return [entry.detail for entry in (*self.sink.entries, *self.sink.sent)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("part", "query", "action", "detail"),
    [
        ("", "accept=application/dicom%3B%20transfer-syntax%3D*", AuditAction.RETRIEVE, "at the edge: Hit 200"),
        ("/frames/1,2", "", AuditAction.RETRIEVE_FRAMES, "1,2 at the edge: Hit 200"),
        ("/frames/3/rendered", "viewport=8,8", AuditAction.RENDER, "3 at the edge: Hit 200"),
        ("/rendered", "", AuditAction.RENDER, "at the edge: Hit 200"),
    ],
)
async def test_an_access_is_recorded_for_whom_the_url_was_signed(
    bench: Bench, part: str, query: str, action: AuditAction, detail: str
) -> None:
    counts = await bench.run("#Version: 1.0\n", FIELDS, bench.cloudfront(bench.url(part, query)))
    assert (counts.recorded, counts.malformed) == (1, 0)
    (entry,) = bench.sink.sent
    assert (entry.action, entry.detail, entry.outcome) == (action, detail, AuditOutcome.DELIVERED)
    assert (entry.tenant_id, entry.key_id, entry.principal, entry.address) == ("north", "4be1", "ward 3", "203.0.113.9")
    assert (entry.study_instance_uid, entry.series_instance_uid, entry.sop_instance_uid) == REF
    assert (entry.user_agent, entry.request_id, entry.size_bytes) == ("Mozilla/5.0 (X11)", "r1==", 2048)
    assert entry.time == bench.clock.now().replace(microsecond=0)
    assert "import 1 accesses from the log of the edge" in bench.details


async def test_a_log_of_nginx_is_read_too(bench: Bench) -> None:
    counts = await bench.run(bench.nginx(bench.url("/frames/1")), bench.nginx(bench.url("/frames/2"), name="1" * 32))
    assert counts.recorded == 2
    assert [entry.detail for entry in bench.sink.sent] == ["1 at the edge: HIT 206", "2 at the edge: HIT 206"]


async def test_what_was_read_is_not_recorded_again(bench: Bench) -> None:
    one, two = bench.cloudfront(bench.url()), bench.cloudfront(bench.url(), name="r2")
    assert (await bench.run(FIELDS, one, one)).recorded == 1
    counts = await bench.run(FIELDS, one, two)
    assert (counts.recorded, counts.known) == (1, 1)
    assert [entry.request_id for entry in bench.sink.sent] == ["r1==", "r2"]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("206", "delivered"), ("304", "delivered"), ("000", "interrupted"), ("403", "denied"), ("404", "failed")],
)
async def test_how_it_ended_is_recorded(bench: Bench, status: str, outcome: str) -> None:
    await bench.run(FIELDS, bench.cloudfront(bench.url(), status=status))
    assert outcome in [entry.outcome for entry in (*bench.sink.entries, *bench.sink.sent)]


async def test_a_grant_that_has_ended_still_says_who(bench: Bench) -> None:
    line = bench.cloudfront(bench.url())
    bench.clock.advance(30 * 86400)
    assert (await bench.run(FIELDS, line)).recorded == 1


async def test_what_is_not_ours_is_counted(bench: Bench) -> None:
    other = edge_urls(bench.clock, key=bytes(31) + b"1").sign(CALLER, "/edge/north/x").url.removeprefix(EDGE)
    counts = await bench.run(
        FIELDS,
        bench.cloudfront("/favicon.ico"),
        bench.cloudfront("/edge/north/studies/1.2", name="a"),
        bench.cloudfront(other, name="b"),
        bench.cloudfront(bench.url().replace("1.4", "1.5"), name="c"),
    )
    assert (counts.foreign, counts.recorded, counts.malformed) == (4, 0, 0)
    assert not bench.details


async def test_what_might_have_been_forgotten_is_not_recorded(bench: Bench) -> None:
    counts = await bench.run(FIELDS, bench.cloudfront(bench.url(), days=401))
    assert (counts.too_old, counts.recorded) == (1, 0)


async def test_lines_that_can_not_be_read_are_counted_and_the_rest_is_recorded(bench: Bench) -> None:
    good = bench.cloudfront(bench.url())
    lines = [
        FIELDS,
        good.replace("\t200\t", "\ttwo\t"),
        good[:40],
        good.replace("203.0.113.9", "-"),
        good.replace("Hit", "H i t"),
        good.replace("r1==", "-"),
        "\udcff\n",
        good,
    ]
    counts = await bench.run(*lines)
    assert (counts.malformed, counts.malformed_lines, counts.recorded) == (6, [2, 3, 4, 5, 6, 7], 1)
    assert (await bench.run("#Fields: date time\n", "2026-01-01\t00:00:00\n", "junk")).malformed == 2
    assert (await bench.run("junk\n", *["x\n"] * 20)).malformed_lines == list(range(1, 11))
