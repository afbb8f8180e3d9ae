"""What is handed on to the edge of what is invalidated, and how often."""

from collections.abc import Sequence

import pytest

from radgate_server.core.access.ports.directory import Change, ChangeKind
from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.edge.invalidation import MOST_PATHS, next_batch
from radgate_server.core.errors import AuditUnavailableError, NotDeliveredError
from radgate_server.services.edge.invalidation import EdgeInvalidation
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.clock import FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.feed_readers import MemoryFeedReaders

CACHE, ERASURE = ChangeKind.CACHE, ChangeKind.ERASURE


def wildcards(*changes: tuple[ChangeKind, str, str, CacheScope | None]) -> tuple[int, list[str]]:
    rows = [
        Change(number, kind, tenant_id, study, part.encode() if part else "")
        for number, (kind, tenant_id, study, part) in enumerate(changes, 1)
    ]
    batch = next_batch(rows, ("north", "south"))
    assert batch is not None
    return batch.sequence, [path.wildcard for path in batch.paths]


@pytest.mark.parametrize(
    ("kind", "study", "part", "path"),
    [
        (CACHE, "1.2", None, "/edge/north/studies/1.2/*"),
        (CACHE, "", None, "/edge/north/*"),
        (ERASURE, "1.2", None, "/edge/north/studies/1.2/*"),
        (CACHE, "1.2", CacheScope("north", "1.2", "1.3"), "/edge/north/studies/1.2/series/1.3/*"),
        (CACHE, "1.2", CacheScope("north", "1.2", "1.3", "1.4"), "/edge/north/studies/1.2/series/1.3/instances/1.4/*"),
        (CACHE, "1.2", CacheScope("north", "1.2", pacs="main"), "/edge/north/studies/1.2/*"),
        (CACHE, "", CacheScope("north", fetched_before_s=9.0), "/edge/north/*"),
    ],
)
def test_each_scope_is_one_wildcard(kind: ChangeKind, study: str, part: CacheScope | None, path: str) -> None:
    assert wildcards((kind, "north", study, part)) == (1, [path])


def test_what_lies_in_another_is_not_named_again() -> None:
    series = CacheScope("north", "1.2", "1.3")
    whole, other = (CACHE, "north", "1.2", None), (CACHE, "north", "1.20", None)
    paths = ["/edge/north/studies/1.2/*", "/edge/north/studies/1.20/*"]
    assert wildcards((CACHE, "north", "1.2", series), whole, other) == (3, paths)


def test_only_erasures_concern_tenants_that_are_not_at_the_edge() -> None:
    assert wildcards((CACHE, "west", "1.2", None), (ChangeKind.KEY, "", "k", None)) == (2, [])
    assert wildcards((ERASURE, "west", "1.2", None)) == (1, ["/edge/west/studies/1.2/*"])


def test_of_many_studies_all_of_their_tenants_goes() -> None:
    many = [(CACHE, "north", f"1.{number}", None) for number in range(MOST_PATHS + 1)]
    assert wildcards(*many, (ERASURE, "west", "1.2", None)) == (
        MOST_PATHS + 2,
        ["/edge/north/*", "/edge/west/studies/1.2/*"],
    )


def test_of_many_tenants_the_next_batch_has_the_rest() -> None:
    many = [(ERASURE, f"t{number:02}", "1.2", None) for number in range(MOST_PATHS + 5)]
    sequence, paths = wildcards(*many)
    assert (sequence, len(paths)) == (MOST_PATHS, MOST_PATHS)


class ScriptedEdge:
    """EdgeInvalidator that remembers, and EdgeTelemetry; it refuses while it is `busy`."""

    def __init__(self) -> None:
        self.busy = False
        self.sent: list[tuple[Sequence[str], str]] = []
        self.counts = {"paths": 0, "failures": 0, "pending": 0}

    async def invalidate(self, wildcards: Sequence[str], reference: str) -> None:
        if self.busy:
            raise NotDeliveredError("CloudFront answers TooManyInvalidationsInProgress")
        self.sent.append((wildcards, reference))

    def edge_invalidated(self, paths: int) -> None:
        self.counts["paths"] += paths

    def edge_invalidation_failed(self) -> None:
        self.counts["failures"] += 1

    def edge_changes_pending(self, count: int) -> None:
        self.counts["pending"] = count


class Bench:
    def __init__(self) -> None:
        self.clock, self.feed, self.edge, self.audit = (
            FakeClock(),
            MemoryDirectory(),
            ScriptedEdge(),
            RecordingAuditSink(),
        )
        self.readers = MemoryFeedReaders(self.clock)

    def process(self) -> EdgeInvalidation:
        return EdgeInvalidation(
            self.feed, self.readers, self.edge, self.audit, self.edge, self.clock, tenants=("north",)
        )


async def test_one_process_hands_on_what_was_invalidated_together() -> None:
    bench = Bench()
    first, second = bench.process(), bench.process()
    await first.look()
    await bench.feed.announce_invalidation("north", "1.2")
    await bench.feed.announce_invalidation("north", "1.3", ERASURE)
    for process in (second, first, second):
        await process.look()
    assert [paths for paths, _ in bench.edge.sent] == [["/edge/north/studies/1.2/*", "/edge/north/studies/1.3/*"]]
    assert [(entry.tenant_id, entry.study_instance_uid, entry.detail) for entry in bench.audit.entries] == [
        ("north", "1.2", "invalidate the edge"),
        ("north", "1.3", "invalidate the edge"),
    ]
    assert bench.edge.counts == {"paths": 2, "failures": 0, "pending": 0}


async def test_what_the_edge_refuses_is_sent_again_by_whoever_is_left() -> None:
    bench = Bench()
    first, second = bench.process(), bench.process()
    await first.look()
    await bench.feed.announce_invalidation("north", "1.2")
    bench.edge.busy = True
    with pytest.raises(NotDeliveredError):
        await first.look()
    assert bench.edge.counts == {"paths": 0, "failures": 1, "pending": 1}
    bench.edge.busy = False
    await second.look()  # the first one still has the claim
    assert not bench.edge.sent
    bench.clock.advance(61)
    await second.look()
    assert [paths for paths, _ in bench.edge.sent] == [["/edge/north/studies/1.2/*"]]


async def test_a_batch_that_is_sent_again_has_the_same_reference() -> None:
    bench = Bench()
    process = bench.process()
    await process.look()
    await bench.feed.announce_invalidation("north", "1.2")
    bench.audit.broken = True
    with pytest.raises(AuditUnavailableError):
        await process.look()
    bench.audit.broken = False
    await process.look()
    await bench.feed.announce_invalidation("north", "1.2")
    await process.look()
    references = [reference for _, reference in bench.edge.sent]
    assert references[0] == references[1] != references[2]
