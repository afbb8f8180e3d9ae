"""Erasing what is cached, with a real database, key chain and disk: killed anywhere, it is finished."""

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from radgate_server.adapters.cache.derived import DerivedCache
from radgate_server.adapters.cache.disk import DiskInstanceStore
from radgate_server.adapters.cache.memory import MemoryHotCache
from radgate_server.adapters.database import (
    Database,
    SqlAuditSink,
    SqlAuditTrail,
    SqlCacheKeyRecords,
    SqlChangeFeed,
    SqlErasureRecords,
    SqlHoldDirectory,
    SqlRecordEraser,
    migrate,
)
from radgate_server.adapters.secrets import EnvelopeBox, FileKeys, FileSigner, PublicKeys, StudyKeyChain
from radgate_server.core.audit import AuditEntry
from radgate_server.core.audit_checkpoint import Check
from radgate_server.core.deletion_certificate import DeletionCertificate, from_text, is_genuine
from radgate_server.core.errors import AuditUnavailableError, LegalHoldError
from radgate_server.core.instances import ReceivedInstance
from radgate_server.core.ports.cache import CacheKey
from radgate_server.core.ports.directory import Change, ChangeKind
from radgate_server.core.ports.erasure import ErasureProgress
from radgate_server.core.retention import HoldSubject, LegalHold
from radgate_server.core.tenancy import Caller, Principal, Role
from radgate_server.services.audit_desk import AuditDesk
from radgate_server.services.auditing import Auditor
from radgate_server.services.changes import ChangeFollower
from radgate_server.services.retention.erasure import CacheEraser
from radgate_server.services.retention.finishing import ErasureFinisher
from radgate_server.services.tenant_caches import TenantCaches
from tests.conformance.database_suites import audit_entry
from tests.fakes.clock import START, FakeClock
from tests.fakes.instances import make_dataset, received
from tests.fakes.telemetry import RecordingTelemetry

ADMIN = Caller(Principal("0123456789ab", ("a",), Role.ADMIN, "admin"), "a", "192.0.2.7", "tests", "request-1")


def instance(study: str, patient: str) -> ReceivedInstance:
    return received(make_dataset(study, f"{study}.1", f"{study}.1.1", PatientID=patient))


class KilledError(BaseException):
    """The process is no more."""


class Deadly:
    """Passes calls on until `lives` of them were made; the next one is not made, nor any after it."""

    lives = 10_000

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **named: Any) -> Any:
            Deadly.lives -= 1
            if Deadly.lives < 0:
                raise KilledError
            return await getattr(self._inner, name)(*arguments, **named)

        return call


@dataclass
class Bench:
    """A process: its tiers and what erases them."""

    eraser: CacheEraser
    finisher: ErasureFinisher
    store: DiskInstanceStore
    derived: DerivedCache
    hot: MemoryHotCache
    sink: SqlAuditSink
    database: Database
    check: Check
    clock: FakeClock

    async def fill(self) -> None:
        for study, patient in (("1.2.1", "P-1"), ("1.2.2", "P-1"), ("1.2.3", "P-3")):
            await self.store.put("a", instance(study, patient))
            await self.derived.put(CacheKey("a", study, "thumbnail", "1"), b"jpeg")
            await self.hot.put(CacheKey("a", study, "metadata", "1"), b"json")

    async def kept(self) -> list[str]:
        """The studies of which anything is left."""
        found = []
        for study in ("1.2.1", "1.2.2", "1.2.3"):
            tiers = (self.store, self.derived, self.hot)
            if any([(await tier.held("a", study)).entries for tier in tiers]):
                found.append(study)
        return found

    def genuine(self, text: str) -> DeletionCertificate:
        certificate = from_text(text)
        assert is_genuine(certificate, self.check)
        return certificate


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    Deadly.lives = 10_000
    url, clock, telemetry = f"sqlite:///{tmp_path}/radgate.db", FakeClock(), RecordingTelemetry()
    migrate(url)
    database = Database(url)
    box = EnvelopeBox(tmp_path, {"file": FileKeys(tmp_path)}, "file")
    keys, signer = SqlCacheKeyRecords(database), FileSigner(tmp_path)
    chain = StudyKeyChain(keys, box)
    sink, trail, records = SqlAuditSink(database), SqlAuditTrail(database), SqlErasureRecords(database)
    hot = MemoryHotCache(limit_bytes=1 << 20, entry_limit_bytes=1 << 20, clock=clock, telemetry=telemetry)

    async def erased(change: Change) -> None:
        await hot.invalidate(change.tenant_id, change.subject)

    async with (
        DiskInstanceStore(
            tmp_path / "warm", limit_bytes=1 << 30, clock=clock, telemetry=telemetry, keys=chain
        ) as store,
        DerivedCache(
            tmp_path / "derived", limit_bytes=1 << 30, clock=clock, telemetry=telemetry, keys=chain
        ) as derived,
    ):
        feed = SqlChangeFeed(database, clock.now)
        follower = ChangeFollower(feed, {ChangeKind.ERASURE: (erased,)})
        eraser = CacheEraser(
            records=Deadly(records),
            keys=Deadly(keys),
            holds=SqlHoldDirectory(database),
            trail=Deadly(trail),
            links=SqlRecordEraser(database),
            audit=Deadly(sink),
            signer=signer,
            caches=Deadly(TenantCaches(hot=hot, derived=derived, store=store, feed=feed, follower=follower)),
            tiers={"warm": store, "derived": derived, "hot": hot},
            clock=clock,
            encrypted=True,
        )
        check = PublicKeys([signer.public_key_pem]).check
        finisher = ErasureFinisher(records, eraser, clock)
        yield Bench(eraser, finisher, store, derived, hot, sink, database, check, clock)
        await sink.close()
    await database.close()


async def test_a_study_goes_and_the_certificate_says_so(bench: Bench, tmp_path: Path) -> None:
    await bench.fill()
    erasure = await bench.eraser.erase(ADMIN, HoldSubject.STUDY, "1.2.1", "asked for")
    assert await bench.kept() == ["1.2.2", "1.2.3"]
    certificate = bench.genuine(erasure.certificate)
    assert certificate.encrypted
    assert [(tier.tier, tier.entries) for tier in certificate.tiers] == [("derived", 1), ("hot", 1), ("warm", 1)]
    assert len(certificate.key_hashes) == 1
    trail = SqlAuditTrail(bench.database)
    (head,) = await trail.heads()
    assert (certificate.audit_sequence, certificate.audit_hash) == (head.sequence, head.record_hash.hex())
    desk = AuditDesk(trail, FileSigner(tmp_path), Auditor(bench.sink, bench.clock), bench.clock)
    assert (await desk.verify(None, (), bench.check)).faults == ()


async def test_of_a_patient_all_studies_go_that_are_known_by_files_or_by_the_trail(bench: Bench) -> None:
    await bench.fill()
    await bench.hot.put(CacheKey("a", "1.2.9", "metadata", "1"), b"json")
    await bench.sink.record(replace(audit_entry(1), study_instance_uid="1.2.9", patient_id="P-1"))
    certificate = bench.genuine((await bench.eraser.erase(ADMIN, HoldSubject.PATIENT, "P-1", "asked for")).certificate)
    assert certificate.studies == ("1.2.1", "1.2.2", "1.2.9")
    assert await bench.kept() == ["1.2.3"]
    assert (await bench.hot.held("a", "1.2.9")).entries == 0


async def test_files_from_a_backup_are_unreadable_afterwards(bench: Bench, tmp_path: Path) -> None:
    await bench.fill()
    shutil.copytree(tmp_path / "warm", tmp_path / "backup")
    await bench.eraser.erase(ADMIN, HoldSubject.STUDY, "1.2.1", "asked for")
    shutil.copytree(tmp_path / "backup", tmp_path / "warm", dirs_exist_ok=True)
    assert await bench.store.get("a", instance("1.2.1", "P-1").ref) is None
    assert await bench.store.get("a", instance("1.2.2", "P-1").ref) is not None
    await bench.store.put("a", instance("1.2.1", "P-1"))  # read anew, it has another key
    assert await bench.store.get("a", instance("1.2.1", "P-1").ref) is not None


@pytest.mark.parametrize("subject", [HoldSubject.TENANT, HoldSubject.PATIENT, HoldSubject.STUDY])
async def test_what_is_held_is_not_erased(bench: Bench, subject: HoldSubject) -> None:
    await bench.fill()
    value = {HoldSubject.TENANT: "", HoldSubject.PATIENT: "P-1", HoldSubject.STUDY: "1.2.1"}[subject]
    await SqlHoldDirectory(bench.database).place(LegalHold("h1", "a", subject, value, "case 7", "me", START))
    for erased, of in ((HoldSubject.STUDY, "1.2.1"), (HoldSubject.PATIENT, "P-1")):
        with pytest.raises(LegalHoldError, match=r"^legal hold h1 keeps it; release that first$"):
            await bench.eraser.erase(ADMIN, erased, of, "asked for")
    assert await bench.kept() == ["1.2.1", "1.2.2", "1.2.3"]
    if subject is not HoldSubject.TENANT:
        await bench.eraser.erase(ADMIN, HoldSubject.PATIENT, "P-3", "asked for")
        assert await bench.kept() == ["1.2.1", "1.2.2"]


async def test_killed_anywhere_it_is_finished_by_whoever_comes_next(bench: Bench) -> None:
    finished = 0
    for lives in range(40):
        await bench.fill()
        Deadly.lives = lives
        try:
            await bench.eraser.erase(ADMIN, HoldSubject.PATIENT, "P-1", f"try {lives}")
        except KilledError:
            pass
        else:
            break
        Deadly.lives = 10_000
        assert await bench.finisher.look() == 0  # whoever took the order may still be at work
        bench.clock.advance(60)
        finished += await bench.finisher.look()
        newest = await SqlErasureRecords(bench.database).list_erasures("a", 1)
        if newest and newest[0].order.reason == f"try {lives}":
            assert await bench.kept() == ["1.2.3"]
            certificate = bench.genuine(newest[0].certificate)
            assert {tier.tier: tier.entries for tier in certificate.tiers} == {"warm": 2, "derived": 2, "hot": 2}
    assert finished > 8
    assert not await SqlErasureRecords(bench.database).unfinished(bench.clock.now() + timedelta(days=1))


async def test_two_servers_that_carry_out_one_order_count_once(bench: Bench) -> None:
    await bench.fill()
    Deadly.lives = 12  # until the first of the two studies is erased
    with pytest.raises(KilledError):
        await bench.eraser.erase(ADMIN, HoldSubject.PATIENT, "P-1", "asked for")
    Deadly.lives = 10_000
    (begun,) = await SqlErasureRecords(bench.database).unfinished(bench.clock.now() + timedelta(days=1))
    assert len(begun.progress.counted) == 1
    late = replace(begun, progress=ErasureProgress())  # as a server has it that read the order before
    certificate = bench.genuine((await bench.eraser.carry_out(late)).certificate)
    assert {tier.tier: tier.entries for tier in certificate.tiers} == {"warm": 2, "derived": 2, "hot": 2}
    assert len(certificate.key_hashes) == 2


async def test_an_order_that_cant_be_finished_holds_up_no_other(bench: Bench) -> None:
    await bench.fill()
    for study in ("1.2.1", "1.2.2"):
        Deadly.lives = 3
        with pytest.raises(KilledError):
            await bench.eraser.erase(ADMIN, HoldSubject.STUDY, study, "asked for")
        bench.clock.advance(60)
    Deadly.lives = 10_000
    record, refused = bench.sink.record, []

    async def refuse_the_first(entry: AuditEntry) -> None:
        if entry.study_instance_uid == "1.2.1":
            refused.append(entry)
            raise AuditUnavailableError("away")
        await record(entry)

    bench.sink.record = refuse_the_first  # type: ignore[method-assign]
    assert await bench.finisher.look() == 1
    assert refused
    assert await bench.kept() == ["1.2.1", "1.2.3"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("reason", "another"), ("studies", ["1.2.1"]), ("signature", "00"), ("signature", "x"), ("encrypted", False)],
)
async def test_a_forged_certificate_is_found(bench: Bench, name: str, value: object) -> None:
    await bench.fill()
    text = (await bench.eraser.erase(ADMIN, HoldSubject.PATIENT, "P-1", "asked for")).certificate
    forged = from_text(json.dumps({**json.loads(text), name: value}))
    assert is_genuine(forged, bench.check) is False
    assert is_genuine(from_text(text), lambda *_: None) is None


@pytest.mark.parametrize("change", [{"kind": "x"}, {"scope": "the PACS too"}, {"extra": 1}, {"tiers": [1]}])
async def test_what_says_more_or_less_is_no_certificate(bench: Bench, change: dict[str, object]) -> None:
    text = (await bench.eraser.erase(ADMIN, HoldSubject.STUDY, "1.2.1", "asked for")).certificate
    with pytest.raises(ValueError, match=r"^no certificate of deletion"):
        from_text(json.dumps({**json.loads(text), **change}))
