"""StoreService over fakes: results, limits, faults, what is audited and what is invalidated."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from radgate_server.adapters.cache.memory.answers import MemoryHotCache
from radgate_server.adapters.store.spool import DiskSpool
from radgate_server.core.access.ports.directory import Change, ChangeKind
from radgate_server.core.access.tenancy import Caller, Principal, Role, Tenant
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.errors import (
    AuditUnavailableError,
    DatabaseUnavailableError,
    InstanceMalformedError,
    InstanceTooLargeError,
    InvalidArgumentError,
    NoPacsConfiguredError,
    PacsCannotError,
    PacsUnreachableError,
    ResourceNotFoundError,
    SpoolFullError,
)
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.store.outcome import RefusedInstance, StoredInstance, StoreReport
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.services.cache.invalidation import SharedInvalidation
from radgate_server.services.cache.registry import UNHEARD, CacheRegistry, register_stored
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.store import upload as uploading
from radgate_server.services.store.storage import StoreService
from radgate_server.services.store.upload import Pieces
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.clock import START, FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.instances import make_dataset, make_instance, make_study, received
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.quarantine import MemoryQuarantine
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.waiting import settle_with_threads, single_thread, until

CALLER = Caller(Principal("k1", ("east",), Role.OPERATOR), "east", "10.0.0.1", "test", "r-1")
MIB = 1 << 20


async def pieces_of(data: bytes, piece_bytes: int = 100) -> Pieces:
    for start in range(0, len(data), piece_bytes):
        yield memoryview(data)[start : start + piece_bytes]


async def broken(data: bytes, error: Exception) -> Pieces:
    yield data
    raise error


async def arriving(files: Iterable[bytes | Pieces], then: Exception | None = None) -> AsyncIterator[Pieces]:
    for file in files:
        yield pieces_of(file) if isinstance(file, bytes) else file
    if then is not None:
        raise then


@dataclass
class Bench:
    """A StoreService with one PACS in memory for the tenant east, and everything around it."""

    folder: Path
    pacs: MemoryPacs = field(default_factory=lambda: MemoryPacs(name="main"))
    audit: RecordingAuditSink = field(default_factory=RecordingAuditSink)
    directory: MemoryDirectory = field(default_factory=MemoryDirectory)
    cache: MemoryInstanceStore = field(default_factory=MemoryInstanceStore)
    dropped: list[str] = field(default_factory=list)
    read_only: set[str] = field(default_factory=set)
    memory_bytes: int = 8 * MIB

    async def open(self, *, parallel: int = 2, max_instance_bytes: int = MIB, names: Sequence[str] = ("main",)) -> None:
        await self.directory.create_tenant(Tenant("east", START))
        for name in names:
            await self.directory.create_pacs(PacsConfig("east", name, FolderConnection(f"/{name}"), START))
        self.spool = DiskSpool(self.folder, memory_bytes=self.memory_bytes).open()
        follower = ChangeFollower(self.directory, {ChangeKind.CACHE: (self._drop,)})
        derived, states = (
            MemoryHotCache(limit_bytes=MIB, entry_limit_bytes=MIB, clock=FakeClock(), telemetry=RecordingTelemetry())
            for _ in range(2)
        )
        caches = CacheRegistry()
        register_stored(caches, self.cache, {"derived": derived}, states, MemoryQuarantine(FakeClock()))
        self.unheard: list[tuple[str, str | None]] = []
        caches.register("heard by this server alone", UNHEARD, lambda *study: self.unheard.append(study))
        self.service = StoreService(
            PacsClients(self.directory, {"folder": self._connect}),
            self.spool,
            Auditor(self.audit, FakeClock()),
            SharedInvalidation(caches, (self.cache, derived), MemoryInstanceStore(), self.directory, follower),
            max_instance_bytes=max_instance_bytes,
            parallel=parallel,
        )

    def _connect(self, config: PacsConfig) -> PacsClient:
        pacs = self.pacs.client
        store = None if config.name in self.read_only else pacs.store
        return PacsClient(config.name, pacs.echo, pacs.query, pacs.reader, store, pacs.close)

    async def _drop(self, change: Change) -> None:
        self.dropped.append(change.subject)

    async def store(self, *files: bytes | Pieces, then: Exception | None = None, **options: str) -> StoreReport:
        return await self.service.store(CALLER, arriving(files, then), **options)

    async def keep(self, study: str) -> None:
        """Let the warm tier hold an instance of the study."""
        await self.cache.put("east", received(make_dataset(study, f"{study}.1", f"{study}.1.1")))

    async def kept(self) -> int:
        return (await self.cache.usage("east")).entries

    @property
    def held(self) -> list[bytes]:
        return [b"".join(instance.content.pieces(MIB)) for instance in self.pacs.stored]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path / "spool")
    yield made
    assert made.spool.used_bytes == 0, "memory of the spool was not given back"


async def test_instances_are_stored_untouched_and_reported_in_order(bench: Bench) -> None:
    await bench.open()
    files = make_study(5)
    report = await bench.store(*files)
    assert report.pacs == "main"
    assert [type(result) for result in report.results] == [StoredInstance] * 5
    assert [result.ref.sop_instance_uid for result in report.results if result.ref] == [
        f"2.25.1000.1.{number}" for number in range(1, 6)
    ]
    assert sorted(bench.held) == sorted(files)


async def test_each_study_is_audited_before_and_invalidated_after(bench: Bench) -> None:
    await bench.open()
    await bench.keep("2.25.1")
    report = await bench.store(*make_study(2, study="2.25.1"), *make_study(1, study="2.25.2"))
    assert len(report.results) == 3
    entries = [(entry.action, entry.study_instance_uid, entry.pacs) for entry in bench.audit.entries]
    assert entries == [(AuditAction.STORE, "2.25.1", "main"), (AuditAction.STORE, "2.25.2", "main")]
    assert sorted(bench.dropped) == ["2.25.1", "2.25.2"]
    assert await bench.kept() == 0


async def test_the_same_instance_twice_is_stored_twice(bench: Bench) -> None:
    await bench.open()
    file = make_study(1)[0]
    report = await bench.store(file, file)
    assert [type(result) for result in report.results] == [StoredInstance] * 2


async def test_what_is_wrong_with_one_instance_does_not_touch_the_others(bench: Bench) -> None:
    await bench.open()
    good, truncated, other_study = make_study(1)[0], make_study(2)[1][:-50], make_instance("2.25.9", "2.25.8", "2.25.7")
    report = await bench.store(
        b"no DICOM at all",
        truncated,
        other_study,
        good,
        make_instance("2.25.1000", "2.25.8", "2.25.6", rows=1000, columns=1000),
        broken(good, InstanceMalformedError("the checksum is another one")),
        study_instance_uid="2.25.1000",
    )
    refused = [result for result in report.results if isinstance(result, RefusedInstance)]
    assert [(type(result.error), result.failure_reason, result.ref is not None) for result in refused] == [
        (InstanceMalformedError, 0xC000, False),
        (InstanceMalformedError, 0xC000, True),
        (InvalidArgumentError, 0xA900, True),
        (InstanceTooLargeError, 0xA700, False),
        (InstanceMalformedError, 0xC000, False),
    ]
    assert isinstance(report.results[3], StoredInstance)
    assert len(bench.pacs.stored) == 1
    assert {entry.study_instance_uid for entry in bench.audit.entries} == {"2.25.1000"}


async def test_a_pacs_that_refuses_is_reported_for_each_instance(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.open()
    bench.pacs.refuse_with = PacsUnreachableError("no connection", pacs="main")
    report = await bench.store(*make_study(3))
    assert [result.failure_reason for result in report.results if isinstance(result, RefusedInstance)] == [0xA700] * 3
    assert "not all of 3 instances were stored: 3 PACS_UNREACHABLE" in caplog.text


async def test_a_defect_of_an_adapter_is_one_instances_failure(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def defective(_: object) -> None:
        raise ZeroDivisionError

    await bench.open()
    monkeypatch.setattr(bench.pacs, "store", defective)
    report = await bench.store(make_study(1)[0])
    assert isinstance(report.results[0], RefusedInstance)
    assert report.results[0].failure_reason == 0x0110
    assert "defect" in caplog.text


async def test_without_an_audit_trail_nothing_is_passed_on(bench: Bench) -> None:
    await bench.open()
    bench.audit.broken = True
    report = await bench.store(make_study(1)[0])
    assert isinstance(report.results[0], RefusedInstance)
    assert isinstance(report.results[0].error, AuditUnavailableError)
    assert not bench.pacs.stored
    assert not bench.dropped


async def test_the_first_pacs_that_can_store_is_the_target(bench: Bench) -> None:
    bench.read_only = {"main"}
    await bench.open(names=("main", "second"))
    assert (await bench.store(make_study(1)[0])).pacs == "second"
    with pytest.raises(PacsCannotError, match="this PACS can't store"):
        await bench.store(make_study(1)[0], pacs="main")
    with pytest.raises(ResourceNotFoundError):
        await bench.store(make_study(1)[0], pacs="third")


async def test_a_tenant_whose_pacs_are_all_read_only_can_store_nothing(bench: Bench) -> None:
    bench.read_only = {"main"}
    await bench.open()
    with pytest.raises(PacsCannotError, match="no PACS of the tenant can store"):
        await bench.store(make_study(1)[0])


async def test_without_a_pacs_nothing_is_read(bench: Bench) -> None:
    await bench.open(names=())
    with pytest.raises(NoPacsConfiguredError):
        await bench.store(make_study(1)[0])


async def test_an_upload_that_breaks_off_has_stored_what_had_come(bench: Bench) -> None:
    await bench.open()
    bench.pacs.silence()
    storing = asyncio.create_task(
        bench.store(*make_study(2), then=InvalidArgumentError("body", "the multipart body is cut short"))
    )
    await until(lambda: bench.pacs.calls["store"] == 2)
    bench.pacs.release()
    with pytest.raises(InvalidArgumentError):
        await storing
    assert len(bench.pacs.stored) == 2
    assert bench.dropped == ["2.25.1000"]


async def test_a_client_that_goes_cancels_what_is_in_progress_and_the_study_is_invalidated(bench: Bench) -> None:
    single_thread()
    await bench.open(parallel=1)
    bench.pacs.silence()
    storing = asyncio.create_task(bench.store(*make_study(3)))
    await until(lambda: bench.pacs.calls["store"] == 1)
    await settle_with_threads()
    storing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await storing
    await bench.service.close()
    assert (bench.pacs.calls["store"], bench.pacs.stored) == (1, [])
    assert bench.dropped == ["2.25.1000"]


async def test_only_so_many_are_stored_at_a_time_and_one_more_is_read(bench: Bench) -> None:
    taken = 0

    async def counted() -> AsyncIterator[Pieces]:
        nonlocal taken
        for file in make_study(6):
            taken += 1
            yield pieces_of(file)

    single_thread()
    await bench.open(parallel=2)
    bench.pacs.silence()
    storing = asyncio.create_task(bench.service.store(CALLER, counted()))
    await until(lambda: taken == 3)
    await settle_with_threads()
    assert (taken, bench.pacs.calls["store"]) == (3, 2)
    bench.pacs.release()
    assert len((await storing).results) == 6


async def test_a_full_disk_fails_the_one_instance_that_needs_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: DiskSpool) -> None:
        raise OSError(28, "No space left on device")

    bench.memory_bytes = 64 * 1024  # instances up to 8 KiB fit
    await bench.open()
    monkeypatch.setattr(DiskSpool, "new_file", full)
    large = make_instance("2.25.1000", "2.25.8", "2.25.6", rows=200, columns=200)
    report = await bench.store(large, make_study(1)[0])
    first, second = report.results
    assert isinstance(first, RefusedInstance)
    assert (type(first.error), first.failure_reason, first.is_passing) == (SpoolFullError, 0xA700, True)
    assert isinstance(second, StoredInstance)


async def test_without_a_database_what_is_near_is_dropped_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def down(*_: object) -> None:
        raise DatabaseUnavailableError("down")

    await bench.open()
    await bench.keep("2.25.1000")
    monkeypatch.setattr(bench.directory, "announce_invalidation", down)
    report = await bench.store(make_study(1)[0])
    assert isinstance(report.results[0], StoredInstance)
    assert await bench.kept() == 0
    assert "announced" in caplog.text
    assert bench.unheard == [("east", "2.25.1000")], "as if a PACS had reported it to this server alone"


async def test_an_upload_has_an_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "MAX_INSTANCES", 2)
    await bench.open()
    files = [make_instance("2.25.1", "2.25.2", f"2.25.3.{n}") for n in range(3)]
    with pytest.raises(InvalidArgumentError, match="2 instances at most"):
        await bench.store(*files)
    assert bench.held == files[:2]
