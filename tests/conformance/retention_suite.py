"""Erasing records on every kind of database: lawfully, and as an attacker would.

A subclass's module gives the fixture `url`: empty.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, select, text

from radgate_server.adapters.database.access.tenants import SqlTenantDirectory
from radgate_server.adapters.database.audit.eraser import SqlRecordEraser
from radgate_server.adapters.database.audit.records import SqlAuditRecords
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.retention.periods import SqlHoldDirectory, SqlRetentionRules
from radgate_server.adapters.database.schema.tables import audit_entries
from radgate_server.adapters.database.secrets.cache_keys import SqlCacheKeyRecords
from radgate_server.adapters.database.secrets.sealed import SqlSealedRecords
from radgate_server.adapters.secrets.files.encryption_keys import FileKeys
from radgate_server.adapters.secrets.signing import FileSigner, PublicKeys
from radgate_server.adapters.secrets.study_keys import StudyKeyChain
from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.audit.chain import WORDS
from radgate_server.core.audit.record import AuditAction, AuditEntry
from radgate_server.core.audit.retention import HoldSubject, LegalHold, RecordKind
from radgate_server.core.audit.verification import Fault
from radgate_server.core.errors import ConfigurationError, LegalHoldError, ResourceNotFoundError
from radgate_server.services.audit.administration import AuditAdmin, Verdict
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.retention.records import RecordRetention
from radgate_server.settings.retention import RetentionSettings
from tests.conformance.database_bench import DatabaseBench
from tests.conformance.database_suites import audit_entry, box_in
from tests.fakes.clock import START, FakeClock

OLD = START - timedelta(days=100)
SETTINGS = RetentionSettings(access_days=30, login_failure_days=10, configuration_days=0, least_days=5, batch_records=4)
NO_STATEMENT = "the record was erased, and no statement in the chain says so"
SAYS_MORE = "the record was erased, and yet says something"
BLANK = "size_bytes = -1, trace_id = NULL, " + ", ".join(
    f"{word} = ''" for word in WORDS if word not in ("tenant_id", "action", "outcome", "trace_id")
)
NOT_NAMED = "erased records are not those that the statement names"


def old(number: int, **changes: Any) -> AuditEntry:
    return audit_entry(number)._replace(**{"time": OLD, **changes})


def hold(subject: HoldSubject, value: str, hold_id: str = "h1") -> LegalHold:
    return LegalHold(hold_id, "a", subject, value, "case 7", "0123456789ab", START)


class RetentionSuite(DatabaseBench):
    """Rules, holds, tombstones."""

    @pytest.fixture
    def signer(self, tmp_path: Path) -> FileSigner:
        return FileSigner(tmp_path / "keys")

    @pytest.fixture
    def admin(self, database: Database, signer: FileSigner) -> AuditAdmin:
        return AuditAdmin(
            SqlAuditTrail(database),
            SqlAuditRecords(database),
            signer,
            Auditor(SqlAuditSink(database), FakeClock()),
            FakeClock(),
        )

    @pytest.fixture
    def retention(self, database: Database, signer: FileSigner) -> RecordRetention:
        return self.looking(database, signer, SqlRecordEraser(database))

    def looking(self, database: Database, signer: FileSigner, eraser: SqlRecordEraser) -> RecordRetention:
        rules, holds = SqlRetentionRules(database), SqlHoldDirectory(database)
        return RecordRetention(SqlAuditTrail(database), eraser, rules, holds, signer, SETTINGS, FakeClock())

    async def record(self, database: Database, *entries: AuditEntry) -> None:
        sink = SqlAuditSink(database)
        for entry in entries:
            await sink.record(entry)
        await sink.close()

    async def rows(self, database: Database) -> Sequence[Row[Any]]:
        return await database.read(
            lambda connection: connection.execute(select(audit_entries).order_by(audit_entries.c.number)).all()
        )

    async def attack(self, database: Database, *statements: str) -> None:
        for statement in statements:
            await database.write(lambda connection, one=statement: connection.execute(text(one)))  # type: ignore[misc]

    async def verify(self, admin: AuditAdmin) -> Verdict:
        return await admin.verify(None, (), PublicKeys([admin.public_key_pem]).check)

    async def fault(self, admin: AuditAdmin) -> Fault:
        (fault,) = (await self.verify(admin)).faults
        return fault

    async def test_erases_what_was_kept_long_enough(
        self, database: Database, admin: AuditAdmin, retention: RecordRetention
    ) -> None:
        fresh = old(9)._replace(time=START - timedelta(days=29))
        login = old(8, action=AuditAction.AUTHENTICATE, time=START - timedelta(days=11))
        await self.record(database, *map(old, range(6)), old(7, action=AuditAction.CONFIGURE), login, fresh)
        await self.record(database, old(1, tenant_id="b"), old(2, tenant_id=""))
        checkpoint = await admin.checkpoint("a")
        assert await retention.look() == 9
        rows = await self.rows(database)
        assert [row.erased_by for row in rows if row.tenant_id == "a"] == [10] * 4 + [11] * 2 + [None, 11] + [None] * 3
        for row in rows:
            if row.erased_by:
                left = {name for name, value in row._mapping.items() if value not in ("", None, -1)}
                kept = {"number", "tenant_id", "sequence", "record_hash", "time_us", "action", "outcome", "erased_by"}
                assert left | {"tenant_id"} == kept
        verdict = await admin.verify(None, [checkpoint], PublicKeys([admin.public_key_pem]).check)
        assert (verdict.erased, verdict.faults) == (9, ())
        assert await retention.look() == 0

    async def test_a_tenants_own_rule_goes_before_and_is_never_too_short(
        self, database: Database, retention: RecordRetention
    ) -> None:
        rules = SqlRetentionRules(database)
        await rules.set_days("a", RecordKind.ACCESS, 0)
        await rules.set_days("b", RecordKind.ACCESS, 1)
        young = old(1, tenant_id="b")._replace(time=START - timedelta(days=4))
        await self.record(database, old(1), old(2), old(1, tenant_id="b"), young)
        assert await retention.look() == 1
        await rules.set_days("a", RecordKind.ACCESS, None)
        assert await rules.days("a") == {}
        assert await retention.look() == 2

    @pytest.mark.parametrize(
        ("held", "left"),
        [
            (hold(HoldSubject.TENANT, ""), 4),
            (hold(HoldSubject.PATIENT, "P-1"), 3),  # the third of the study of which another record names the patient
            (hold(HoldSubject.STUDY, "1.2.4"), 1),
            (hold(HoldSubject.USER, "ward 3"), 1),
            (hold(HoldSubject.USER, "0123456789ab"), 3),
        ],
    )
    async def test_what_is_held_stays_until_it_is_released(
        self, database: Database, admin: AuditAdmin, retention: RecordRetention, held: LegalHold, left: int
    ) -> None:
        study = audit_entry(0).study_instance_uid
        await self.record(
            database,
            old(0),
            old(1, patient_id="P-2", study_instance_uid="1.2.4", principal="ward 3"),
            old(2, patient_id="", study_instance_uid=study),
            old(3, key_id="someone", study_instance_uid=""),
            old(0, tenant_id="b"),
        )
        holds = SqlHoldDirectory(database)
        await holds.place(held)
        assert await retention.look() == 5 - left
        ended = await holds.release("a", "h1", by="me", time=START, reason="settled")
        assert (ended.released_by, ended.release_time, ended.release_reason) == ("me", START, "settled")
        assert (await holds.list_holds("a"), await holds.list_holds("a", released=True)) == ([], [ended])
        with pytest.raises(ResourceNotFoundError):
            await holds.release("b", "h1", by="me", time=START, reason="settled")
        assert await retention.look() == left
        assert (await self.verify(admin)).faults == ()

    async def test_a_hold_that_comes_at_the_last_moment_is_respected(
        self, database: Database, signer: FileSigner
    ) -> None:
        class Beaten(SqlRecordEraser):
            async def erase(self, *arguments: Any) -> int | None:
                await SqlHoldDirectory(database).place(hold(HoldSubject.PATIENT, "P-1"))
                return await super().erase(*arguments)

        await self.record(database, old(0))
        assert await self.looking(database, signer, Beaten(database)).look() == 0
        assert [row.patient_id for row in await self.rows(database)] == ["P-1"]

    async def test_two_servers_erase_each_record_once(
        self, database: Database, admin: AuditAdmin, signer: FileSigner
    ) -> None:
        await self.record(database, *map(old, range(20)))
        servers = [self.looking(database, signer, SqlRecordEraser(database)) for _ in range(3)]
        assert sum(await asyncio.gather(*(server.look() for server in servers))) == 20
        verdict = await self.verify(admin)
        assert (verdict.records, verdict.erased, verdict.faults) == (25, 20, ())

    async def test_the_trail_continues_while_records_are_erased(
        self, database: Database, admin: AuditAdmin, retention: RecordRetention
    ) -> None:
        await self.record(database, *map(old, range(40)))
        sink = SqlAuditSink(database)

        async def write() -> None:
            for number in range(30):
                await sink.record(audit_entry(number))

        erased, *_ = await asyncio.gather(retention.look(), write(), write())
        await sink.close()
        assert erased == 40
        assert (await self.verify(admin)).faults == ()

    async def test_finds_a_record_that_was_blanked_without_a_statement(
        self, database: Database, admin: AuditAdmin
    ) -> None:
        await self.record(database, *map(audit_entry, range(5)))
        await self.attack(database, "UPDATE audit_entries SET erased_by = 5 WHERE sequence = 3")
        assert (await self.fault(admin)) == Fault("a", 3, SAYS_MORE)
        await self.attack(database, f"UPDATE audit_entries SET {BLANK} WHERE sequence = 3")
        assert (await self.fault(admin)) == Fault("a", 3, NO_STATEMENT)
        await self.attack(database, "UPDATE audit_entries SET erased_by = NULL WHERE sequence = 3")
        assert (await self.fault(admin))[:2] == ("a", 3)

    async def test_finds_a_held_record_that_was_put_under_a_lawful_statement(
        self, database: Database, admin: AuditAdmin, retention: RecordRetention
    ) -> None:
        await SqlHoldDirectory(database).place(hold(HoldSubject.PATIENT, "P-2"))
        await self.record(database, old(0), old(1, patient_id="P-2", study_instance_uid="1.2.4"), old(2))
        assert await retention.look() == 2
        assert (await self.verify(admin)).faults == ()
        await self.attack(database, f"UPDATE audit_entries SET {BLANK}, erased_by = 4 WHERE sequence = 2")
        assert await self.fault(admin) == Fault("a", 1, NOT_NAMED)

    @pytest.mark.parametrize(
        "change",
        ["time_us = 1", "action = 'query'", "outcome = 'denied'", "erased_by = 2", "record_hash = randomblob(32)"],
    )
    async def test_finds_a_tombstone_that_was_changed(
        self, database: Database, admin: AuditAdmin, retention: RecordRetention, change: str
    ) -> None:
        if database.engine.dialect.name == "postgresql":
            change = change.replace("randomblob(32)", "sha256('x')")
        await self.record(database, *map(old, range(4)))
        assert await retention.look() == 4
        await self.attack(database, f"UPDATE audit_entries SET {change} WHERE sequence = 2")
        assert (await self.fault(admin))[0] == "a"

    async def test_finds_a_statement_of_another_key_and_erased_statements(
        self, database: Database, admin: AuditAdmin, retention: RecordRetention, tmp_path: Path
    ) -> None:
        await self.record(database, *map(old, range(3)))
        await self.looking(database, FileSigner(tmp_path / "another"), SqlRecordEraser(database)).look()
        assert (await self.fault(admin)).what.startswith(
            "the signature of a statement about erased records is by an unknown key"
        )
        await self.attack(database, "UPDATE audit_entries SET erased_by = 3 WHERE sequence = 4")
        assert (await self.fault(admin))[:2] == ("a", 4)

    async def test_finds_a_body_that_was_put_back_changed(
        self, database: Database, admin: AuditAdmin, retention: RecordRetention
    ) -> None:
        await self.record(database, *map(old, range(3)))
        assert await retention.look() == 3
        await self.attack(database, "UPDATE audit_entries SET erased_by = NULL, key_id = 'x' WHERE sequence = 2")
        assert (await self.fault(admin))[:2] == ("a", 2)

    @pytest.mark.parametrize("change", ["key_id = 'x'", "patient_id = 'P-9'", "detail = 'x'", "size_bytes = 7"])
    async def test_finds_a_tombstone_that_was_made_to_say_something(
        self, database: Database, admin: AuditAdmin, retention: RecordRetention, change: str
    ) -> None:
        await self.record(database, *map(old, range(3)))
        assert await retention.look() == 3
        assert (await self.verify(admin)).faults == ()
        await self.attack(database, f"UPDATE audit_entries SET {change} WHERE sequence = 2")
        assert await self.fault(admin) == Fault("a", 2, SAYS_MORE)

    async def test_servers_that_make_a_studys_key_at_once_have_one(self, database: Database, tmp_path: Path) -> None:
        box, records = box_in(tmp_path), SqlCacheKeyRecords(database)
        chains = [StudyKeyChain(records, box) for _ in range(3)]
        made = await asyncio.gather(
            *(asyncio.to_thread(chain.find_or_make, "a", "hash", "1.2.3", lambda: "") for chain in chains)
        )
        assert len({key.secret for key in made}) == 1
        assert await records.keys_of_patient("a", "P-1") == []
        reported = await asyncio.to_thread(chains[0].find_or_make, "a", "hash", "1.2.3", lambda: "P-1")
        assert reported == made[0]
        (stored,) = await records.keys_of_patient("a", "P-1")
        assert [stored] == list(await records.keys_of_study("a", "1.2.3"))
        assert made[0].secret not in stored.wrapped

    async def test_tenants_keys_are_wrapped_again_as_secrets_are(self, database: Database, tmp_path: Path) -> None:
        box, records = box_in(tmp_path), SqlCacheKeyRecords(database)
        key = await asyncio.to_thread(StudyKeyChain(records, box).find_or_make, "a", "hash", "1.2.3", lambda: "P-1")
        sealed = SqlSealedRecords(database, box)
        (old,) = await sealed.list_sealed()
        await FileKeys(tmp_path).rotate()
        assert await sealed.replace_sealed(old, await box.rewrap(old))
        assert not await sealed.replace_sealed(old, old)
        found = await sealed.find_sealed(old.context)
        assert found is not None
        assert box.key_of(found) == "file:2"
        assert await asyncio.to_thread(StudyKeyChain(records, box).find, "a", "hash") == key

    async def test_an_erased_key_is_gone_for_who_has_it_in_memory_once_informed(
        self, database: Database, tmp_path: Path
    ) -> None:
        records = SqlCacheKeyRecords(database)
        chain = StudyKeyChain(records, box_in(tmp_path))
        old = await asyncio.to_thread(chain.find_or_make, "a", "hash", "1.2.3", lambda: "P-1")
        await records.remove_study_keys("a", ["hash"])
        chain.forget("a", "hash")
        assert await asyncio.to_thread(chain.find, "a", "hash") is None
        assert await asyncio.to_thread(chain.find_or_make, "a", "hash", "1.2.3", lambda: "") != old

    async def test_a_deleted_tenants_keys_are_gone_and_a_new_one_of_its_name_has_others(
        self, database: Database, tmp_path: Path
    ) -> None:
        records, box = SqlCacheKeyRecords(database), box_in(tmp_path)
        directory = SqlTenantDirectory(database, FakeClock().now)
        here, there = StudyKeyChain(records, box), StudyKeyChain(records, box)
        await directory.create_tenant(Tenant("a", START))
        old = await asyncio.to_thread(here.find_or_make, "a", "hash", "1.2.3", lambda: "P-1")
        kept = await asyncio.to_thread(here.find_or_make, "b", "hash", "1.2.3", lambda: "P-1")
        await directory.delete_tenant("a")
        assert (await records.tenant_key("a"), await records.study_key("a", "hash")) == (None, None)
        here.forget("a", None)
        await directory.create_tenant(Tenant("a", START))
        new = await asyncio.to_thread(here.find_or_make, "a", "hash", "1.2.3", lambda: "P-1")
        assert new != old
        assert await asyncio.to_thread(there.find, "a", "hash") == new
        assert await asyncio.to_thread(there.find, "b", "hash") == kept

    @pytest.mark.parametrize("subject", HoldSubject)
    async def test_a_tenant_is_not_deleted_while_something_of_it_is_held(
        self, database: Database, tmp_path: Path, subject: HoldSubject
    ) -> None:
        holds, directory = SqlHoldDirectory(database), SqlTenantDirectory(database, FakeClock().now)
        chain = StudyKeyChain(SqlCacheKeyRecords(database), box_in(tmp_path))
        await directory.create_tenant(Tenant("a", START))
        kept = await asyncio.to_thread(chain.find_or_make, "a", "hash", "1.2.3", lambda: "P-1")
        for number in range(4):
            await holds.place(hold(subject, "1.2.3", f"h{number}"))
        with pytest.raises(LegalHoldError, match=r"legal holds \(h0, h1, h2, …\) keep what"):
            await directory.delete_tenant("a")
        assert [tenant.tenant_id for tenant in await directory.list_tenants()] == ["a"]
        assert await asyncio.to_thread(chain.find, "a", "hash") == kept
        for number in range(4):
            await holds.release("a", f"h{number}", by="k", time=START, reason="settled")
        await directory.delete_tenant("a")
        assert await directory.list_tenants() == ()

    async def test_who_was_not_informed_yet_that_a_tenant_has_a_new_key_finds_out(
        self, database: Database, tmp_path: Path
    ) -> None:
        records, box = SqlCacheKeyRecords(database), box_in(tmp_path)
        directory = SqlTenantDirectory(database, FakeClock().now)
        here, there = StudyKeyChain(records, box), StudyKeyChain(records, box)
        await directory.create_tenant(Tenant("a", START))
        await asyncio.to_thread(there.find_or_make, "a", "hash", "1.2.3", lambda: "P-1")
        await directory.delete_tenant("a")
        await directory.create_tenant(Tenant("a", START))
        new = await asyncio.to_thread(here.find_or_make, "a", "other", "1.2.4", lambda: "P-1")
        with pytest.raises(ConfigurationError):
            await asyncio.to_thread(there.find, "a", "other")
        assert await asyncio.to_thread(there.find, "a", "other") == new
