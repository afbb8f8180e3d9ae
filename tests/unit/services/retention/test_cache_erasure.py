"""Erasing what is cached, with a real database, key chain and disk: killed anywhere, it is finished."""

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from radgate_server.adapters.database.audit.records import SqlAuditRecords
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.retention.erasures import SqlErasureRecords
from radgate_server.adapters.database.retention.periods import SqlHoldDirectory
from radgate_server.adapters.secrets.signing import FileSigner
from radgate_server.core.audit.record import AuditEntry
from radgate_server.core.audit.retention import HoldSubject, LegalHold
from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import MemoryContent
from radgate_server.core.errors import AuditUnavailableError, DatabaseUnavailableError, LegalHoldError
from radgate_server.core.quarantine.refused_instance import RefusedInstance
from radgate_server.core.retention.deletion_certificate import from_text, is_genuine
from radgate_server.core.retention.ports.erasure import ErasureProgress
from radgate_server.services.audit.administration import AuditAdmin
from radgate_server.services.audit.recording import Auditor
from tests.conformance.database_suites import audit_entry
from tests.fakes.clock import START
from tests.fakes.erasure_bench import ADMIN, Bench, Deadly, KilledError, instance, open_bench

TWO_STUDIES = {"warm": 2, "derived": 2, "hot": 2, "quarantine": 2}


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path) as bench:
        yield bench


async def test_a_study_goes_and_the_certificate_says_so(bench: Bench, tmp_path: Path) -> None:
    await bench.fill()
    erasure = await bench.eraser.erase(ADMIN, HoldSubject.STUDY, "1.2.1", "asked for")
    assert await bench.kept() == ["1.2.2", "1.2.3"]
    certificate = bench.genuine(erasure.certificate)
    assert certificate.encrypted
    assert [(tier.tier, tier.entries) for tier in certificate.tiers] == [
        ("derived", 1),
        ("hot", 1),
        ("quarantine", 1),
        ("warm", 1),
    ]
    assert len(certificate.key_hashes) == 1
    trail = SqlAuditTrail(bench.database)
    (head,) = await trail.heads()
    assert (certificate.audit_sequence, certificate.audit_hash) == (head.sequence, head.record_hash.hex())
    admin = AuditAdmin(
        trail, SqlAuditRecords(bench.database), FileSigner(tmp_path), Auditor(bench.sink, bench.clock), bench.clock
    )
    assert (await admin.verify(None, (), bench.check)).faults == ()


async def test_of_a_patient_all_studies_go_that_are_known_by_files_or_by_the_trail(bench: Bench) -> None:
    await bench.fill()
    await bench.hot.put(bench.hot.mark(), CacheKey("a", "1.2.9", "metadata", "1"), b"json")
    await bench.sink.record(audit_entry(1)._replace(study_instance_uid="1.2.9", patient_id="P-1"))
    certificate = bench.genuine((await bench.eraser.erase(ADMIN, HoldSubject.PATIENT, "P-1", "asked for")).certificate)
    assert certificate.studies == ("1.2.1", "1.2.2", "1.2.9")
    assert await bench.kept() == ["1.2.3"]
    assert (await bench.hot.held("a", "1.2.9")).entries == 0


@pytest.mark.parametrize(
    ("subject", "value", "gone"),
    [
        (HoldSubject.STUDY, "1.2.1", {"swapped", "malformed"}),
        (HoldSubject.STUDY, "1.2.7", {"swapped", "malformed"}),
        (HoldSubject.PATIENT, "STRANGER", {"swapped", "malformed"}),
        (HoldSubject.STUDY, "1.2.2", {"malformed"}),
    ],
)
async def test_refused_instances_go_that_are_or_may_be_of_the_study(
    bench: Bench, subject: HoldSubject, value: str, gone: set[str]
) -> None:
    """By the study that was asked for, by the one that the bytes name, by the patient whom they name."""
    swapped = RefusedInstance(
        "a", "main", "INSTANCE_MISMATCH", RetrieveScope("1.2.1"), "", InstanceRef("1.2.7", "1", "1"), "STRANGER"
    )
    malformed = RefusedInstance("a", "main", "INSTANCE_MALFORMED", RetrieveScope("1.2.3"))
    for refused in (swapped, malformed):
        await bench.quarantine.store(refused, MemoryContent((b"bytes",)))
    certificate = bench.genuine((await bench.eraser.erase(ADMIN, subject, value, "asked for")).certificate)
    left = {entry.refused for entry in await bench.quarantine.list_entries("a")}
    assert left == {swapped, malformed} - {{"swapped": swapped, "malformed": malformed}[name] for name in gone}
    (counted,) = (tier for tier in certificate.tiers if tier.tier == "quarantine")
    assert counted.entries == len(gone)
    assert counted.bytes >= 5 * len(gone)


async def test_files_from_a_backup_are_unreadable_afterwards(bench: Bench, tmp_path: Path) -> None:
    await bench.fill()
    shutil.copytree(tmp_path / "warm", tmp_path / "backup")
    await bench.eraser.erase(ADMIN, HoldSubject.STUDY, "1.2.1", "asked for")
    shutil.copytree(tmp_path / "backup", tmp_path / "warm", dirs_exist_ok=True)
    assert await bench.store.get("a", instance("1.2.1", "P-1").ref) is None
    assert await bench.store.get("a", instance("1.2.2", "P-1").ref) is not None
    await bench.store.put("a", instance("1.2.1", "P-1"))  # read again, it has another key
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
            Deadly.lives = 10_000
        else:
            break  # it lives long enough: there is nothing left to finish
        assert await bench.finisher.look() == 0  # whoever took the order may still be at work
        bench.clock.advance(60)
        finished += await bench.finisher.look()
        newest = await SqlErasureRecords(bench.database).list_erasures("a", 1)
        if newest and newest[0].order.reason == f"try {lives}":
            assert await bench.kept() == ["1.2.3"]
            certificate = bench.genuine(newest[0].certificate)
            assert {tier.tier: tier.entries for tier in certificate.tiers} == TWO_STUDIES
    assert finished > 8
    assert not await SqlErasureRecords(bench.database).unfinished(bench.clock.now() + timedelta(days=1))


@pytest.mark.parametrize(("lives", "left"), [(4, ["1.2.1", "1.2.2", "1.2.3"]), (15, ["1.2.2", "1.2.3"])])
async def test_an_order_waits_for_a_hold_that_came_after_it(bench: Bench, lives: int, left: list[str]) -> None:
    await bench.fill()
    Deadly.lives = lives
    with pytest.raises(KilledError):
        await bench.eraser.erase(ADMIN, HoldSubject.PATIENT, "P-1", "asked for")
    Deadly.lives = 10_000
    bench.clock.advance(60)
    holds = SqlHoldDirectory(bench.database)
    await holds.place(LegalHold("h1", "a", HoldSubject.STUDY, "1.2.2", "case 7", "me", START))
    assert await bench.finisher.look() == 0
    assert await bench.kept() == left
    await holds.release("a", "h1", by="me", time=START, reason="settled")
    assert await bench.finisher.look() == 1
    assert await bench.kept() == ["1.2.3"]


async def test_two_servers_that_carry_out_one_order_count_once(bench: Bench) -> None:
    await bench.fill()
    Deadly.lives = 13  # until the first of the two studies is erased
    with pytest.raises(KilledError):
        await bench.eraser.erase(ADMIN, HoldSubject.PATIENT, "P-1", "asked for")
    Deadly.lives = 10_000
    (begun,) = await SqlErasureRecords(bench.database).unfinished(bench.clock.now() + timedelta(days=1))
    assert len(begun.progress.counted) == 1
    late = replace(begun, progress=ErasureProgress())  # as a server has it that read the order before
    certificate = bench.genuine((await bench.eraser.carry_out(late)).certificate)
    assert {tier.tier: tier.entries for tier in certificate.tiers} == TWO_STUDIES
    assert len(certificate.key_hashes) == 2


async def test_an_order_whose_record_is_in_transit_is_recorded_once(bench: Bench) -> None:
    await bench.fill()
    record, spooled, is_away = bench.sink.record, list[AuditEntry](), True

    async def spool(entry: AuditEntry) -> None:
        spooled.append(entry)

    async def settle() -> None:
        if spooled and is_away:
            raise DatabaseUnavailableError("away")
        while spooled:
            await record(spooled.pop())

    bench.sink.record, bench.sink.settle = spool, settle  # type: ignore[method-assign]
    with pytest.raises(DatabaseUnavailableError):
        await bench.eraser.erase(ADMIN, HoldSubject.STUDY, "1.2.1", "asked for")
    is_away = False
    bench.clock.advance(60)
    assert await bench.finisher.look() == 1
    (head,) = await SqlAuditTrail(bench.database).heads()
    assert (head.sequence, await bench.kept()) == (1, ["1.2.2", "1.2.3"])


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
