"""The audit trail's chain on every kind of database: writers at once, attacks, checkpoints, older installations.

A subclass's module gives the fixture `url`: empty.
"""

import asyncio
import multiprocessing
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, select, text

from radgate_server.adapters.database.audit import dialects as audit_dialects
from radgate_server.adapters.database.audit import trail as audit_trail
from radgate_server.adapters.database.audit import writer as audit_writer
from radgate_server.adapters.database.audit.records import SqlAuditRecords
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.connection.engine import WRITES, open_engine
from radgate_server.adapters.database.migration import config, migrate
from radgate_server.adapters.database.schema.tables import audit_checkpoints, audit_entries, audit_heads
from radgate_server.adapters.secrets.signing import FileSigner, PublicKeys
from radgate_server.core.audit.chain import FIRST_WORDS, START, WORDS, Content, content_of, genesis, record_hash
from radgate_server.core.audit.checkpoint import Checkpoint
from radgate_server.core.audit.fields import texts_of_form
from radgate_server.core.audit.record import AuditAction, AuditEntry
from radgate_server.core.audit.verification import Fault
from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.services.audit.administration import AuditAdmin, Verdict
from radgate_server.services.audit.recording import Auditor
from tests.conformance.database_bench import DatabaseBench
from tests.conformance.database_suites import audit_entry
from tests.fakes.clock import FakeClock

COLUMNS = [column.name for column in audit_entries.columns if column.name != "number"]


async def record(database: Database, count: int, *tenant_ids: str) -> None:
    """Record entries for the tenants in turn, concurrently."""
    sink = SqlAuditSink(database)
    entries = [audit_entry(n)._replace(tenant_id=tenant_ids[n % len(tenant_ids)]) for n in range(count)]
    await asyncio.gather(*(sink.record(entry) for entry in entries))
    await sink.close()


def record_in_process(url: str, count: int) -> None:
    """What another server does: many recorders, each of which waits for one entry before the next, for two tenants."""

    async def run() -> None:
        database = Database(url)
        sink = SqlAuditSink(database)

        async def recorder(tenant_id: str) -> None:
            for number in range(count):
                await sink.record(audit_entry(number)._replace(tenant_id=tenant_id))

        await asyncio.gather(*(recorder(tenant_id) for tenant_id in "abababab"))
        await sink.close()
        await database.close()

    asyncio.run(run())


def rechain(connection: Connection, start: int) -> None:
    """Do as an attacker does who knows how: compute all hashes from record `start` of tenant a on, and the head."""
    rows = connection.execute(select(audit_entries).where(audit_entries.c.tenant_id == "a").order_by("sequence")).all()
    previous = START
    for row in rows:
        words = tuple(getattr(row, word) for word in WORDS)
        if row.sequence >= start:
            previous = record_hash(previous, row.sequence, row.time_us, row.size_bytes, words)
            where = audit_entries.c.number == row.number
            connection.execute(audit_entries.update().where(where).values(record_hash=previous))
        else:
            previous = row.record_hash
    head = {"sequence": rows[-1].sequence, "record_hash": previous}
    connection.execute(audit_heads.update().where(audit_heads.c.tenant_id == "a").values(**head))


class AuditTrailSuite(DatabaseBench):
    """Chains, checkpoints, attacks."""

    @pytest.fixture
    def signer(self, tmp_path: Path) -> FileSigner:
        return FileSigner(tmp_path / "keys")

    @pytest.fixture
    def admin(self, database: Database, signer: FileSigner) -> AuditAdmin:
        clock = FakeClock()
        return AuditAdmin(
            SqlAuditTrail(database), SqlAuditRecords(database), signer, Auditor(SqlAuditSink(database), clock), clock
        )

    async def verify(self, admin: AuditAdmin, kept: Sequence[Checkpoint] = (), tenant_id: str | None = None) -> Verdict:
        return await admin.verify(tenant_id, kept, PublicKeys([admin.public_key_pem]).check)

    async def fault(self, admin: AuditAdmin, kept: Sequence[Checkpoint] = ()) -> Fault:
        """The only one that is found."""
        (fault,) = (await self.verify(admin, kept)).faults
        return fault

    async def attack(self, database: Database, *statements: Any) -> None:
        def work(connection: Connection) -> None:
            for statement in statements:
                connection.execute(text(statement)) if isinstance(statement, str) else statement(connection)

        await database.write(work)

    async def test_numbers_each_tenants_records_without_gaps(self, database: Database, admin: AuditAdmin) -> None:
        await record(database, 200, "a", "b", "a")
        await record(database, 30, "c", "a")
        rows = await database.read(
            lambda connection: connection.execute(select(audit_entries).order_by("number")).all()
        )
        for tenant_id in "abc":
            numbers = [row.sequence for row in rows if row.tenant_id == tenant_id]
            assert numbers == list(range(1, len(numbers) + 1))
        verdict = await self.verify(admin)
        assert (verdict.records, verdict.faults) == (230, ())

    async def test_reads_in_steps_what_is_asked_for(
        self, database: Database, admin: AuditAdmin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audit_trail, "NUMBERS_PER_READ", 7)
        await record(database, 40, "a", "b")
        seen: list[int] = []
        await SqlAuditTrail(database).scan(lambda rows: seen.extend(r.sequence for r in rows), tenant_id="b", upto=30)
        assert sorted(seen) == list(range(1, len(seen) + 1))
        assert 10 <= len(seen) <= 20
        assert (await self.verify(admin, tenant_id="b")).records == 20

    async def test_two_servers_keep_one_chain(self, url: str, database: Database, admin: AuditAdmin) -> None:
        context = multiprocessing.get_context("spawn")
        with context.Pool(2) as pool:
            await asyncio.to_thread(pool.starmap, record_in_process, [(url, 60)] * 2)
        verdict = await self.verify(admin)
        assert (verdict.records, verdict.faults) == (960, ())
        assert [head.sequence for head in await SqlAuditTrail(database).heads()] == [480, 480]

    async def test_writers_that_take_turns_find_out_where_the_chain_is(
        self, database: Database, admin: AuditAdmin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audit_writer, "LOCKED_BATCHES", 2)
        monkeypatch.setattr(audit_dialects, "ROWS_PER_STATEMENT", 3)
        sinks = [SqlAuditSink(database), SqlAuditSink(database)]
        for turn in range(6):
            for sink in sinks:
                entries = [audit_entry(number) for number in range(1 + turn)]
                await asyncio.gather(*(sink.record(entry) for entry in entries))
        for sink in sinks:
            await sink.close()
        verdict = await self.verify(admin)
        assert (verdict.records, verdict.faults) == (42, ())

    async def test_finds_a_record_that_was_changed(self, database: Database, admin: AuditAdmin) -> None:
        await record(database, 9, "a", "b")
        await self.attack(database, "UPDATE audit_entries SET key_id = 'x' WHERE tenant_id = 'a' AND sequence = 3")
        assert await self.fault(admin) == Fault("a", 3, "the record was changed: its hash is not that of its content")

    async def test_finds_a_record_that_was_taken_out(self, database: Database, admin: AuditAdmin) -> None:
        await record(database, 9, "a", "b")
        await self.attack(database, "DELETE FROM audit_entries WHERE tenant_id = 'a' AND sequence = 2")
        assert (await self.fault(admin))[:2] == ("a", 2)

    async def test_finds_records_that_changed_places(self, database: Database, admin: AuditAdmin) -> None:
        await record(database, 9, "a")
        await self.attack(
            database,
            "UPDATE audit_entries SET sequence = -1 WHERE sequence = 4",
            "UPDATE audit_entries SET sequence = 4 WHERE sequence = 5",
            "UPDATE audit_entries SET sequence = 5 WHERE sequence = -1",
        )
        assert (await self.fault(admin))[:2] == ("a", 4)

    async def test_finds_a_chain_that_was_cut(self, database: Database, admin: AuditAdmin) -> None:
        await record(database, 9, "a")
        await self.attack(database, "DELETE FROM audit_entries WHERE sequence > 6")
        assert await self.fault(admin) == Fault("a", 7, "the record is missing, and all after it up to 9")

    async def test_finds_a_chain_that_was_cut_with_its_head(self, database: Database, admin: AuditAdmin) -> None:
        await record(database, 9, "a")
        kept = await admin.checkpoint("a")
        await self.attack(
            database,
            "DELETE FROM audit_entries WHERE sequence > 6",
            lambda connection: rechain(connection, 7),
            "DELETE FROM audit_checkpoints",
        )
        assert (await self.verify(admin)).faults == ()
        assert (await self.fault(admin, [kept]))[:2] == ("a", 7)

    async def test_finds_a_chain_that_was_rewritten_with_right_hashes(
        self, database: Database, admin: AuditAdmin
    ) -> None:
        await record(database, 9, "a")
        kept = await admin.checkpoint("a")
        await record(database, 3, "a")
        await self.attack(
            database,
            "UPDATE audit_entries SET key_id = 'x' WHERE sequence = 5",
            lambda connection: rechain(connection, 5),
        )
        rewritten = Fault("a", 9, "the records up to this one were rewritten: a checkpoint has another hash")
        assert await self.fault(admin) == rewritten
        await self.attack(database, "DELETE FROM audit_checkpoints")
        assert (await self.verify(admin)).faults == ()
        assert await self.fault(admin, [kept]) == rewritten

    async def test_finds_a_tenant_that_was_taken_out_whole(self, database: Database, admin: AuditAdmin) -> None:
        await record(database, 6, "a", "b")
        kept = await admin.checkpoint("a")
        tables = (audit_entries, audit_heads, audit_checkpoints)
        await self.attack(database, *(f"DELETE FROM {table.name} WHERE tenant_id = 'a'" for table in tables))
        assert (await self.fault(admin, [kept]))[:2] == ("a", 1)

    async def test_finds_checkpoints_that_were_forged_or_taken_out(self, database: Database, admin: AuditAdmin) -> None:
        for _ in range(3):
            await record(database, 2, "a")
            await admin.checkpoint("a")
        assert (await self.verify(admin)).faults == ()
        await self.attack(database, "DELETE FROM audit_checkpoints WHERE sequence = 4")
        assert (await self.fault(admin))[:2] == ("a", 6)
        await self.attack(database, "UPDATE audit_checkpoints SET sequence = 1 WHERE sequence = 2")
        assert "signature" in (await self.fault(admin)).what

    async def test_refuses_a_record_that_does_not_follow(self, database: Database, admin: AuditAdmin) -> None:
        await record(database, 3, "a")
        copied = ", ".join(COLUMNS)
        statement = f"INSERT INTO audit_entries ({copied}) SELECT {copied} FROM audit_entries WHERE sequence = 2"
        with pytest.raises(Exception, match=r"^the database can't be reached$"):
            await self.attack(database, statement)
        assert (await self.verify(admin)).faults == ()

    async def test_checkpoints_made_at_once_follow_one_another(self, database: Database, admin: AuditAdmin) -> None:
        await record(database, 5, "a")
        await asyncio.gather(*(admin.checkpoint("a") for _ in range(6)))
        made = await admin.checkpoints("a")
        assert [found.previous_hash for found in made] == [START, *(found.own_hash for found in made[:-1])]
        assert (await self.verify(admin)).checkpoints == 6
        with pytest.raises(ResourceNotFoundError):
            await admin.checkpoint("nobody")

    async def test_the_newest_checkpoint_of_each_tenant(self, database: Database, admin: AuditAdmin) -> None:
        await record(database, 4, "a", "b")
        for tenant_id in ("a", "b", "a"):
            await admin.checkpoint(tenant_id)
        made = await admin.checkpoints(None)
        assert set(await SqlAuditTrail(database).last_checkpoints()) == {made[1], made[2]}

    async def test_records_in_all_canonical_forms_are_one_chain(
        self, database: Database, admin: AuditAdmin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for form in (1, 2, 3):
            with monkeypatch.context() as patched:
                patched.setattr(audit_writer, "content_of", partial(_content_in_form, form))
                await record(database, 2, "a")
        assert (await self.verify(admin)).faults == ()
        await self.attack(database, "UPDATE audit_entries SET break_glass = 'x' WHERE sequence = 5")
        assert (await self.fault(admin)).sequence == 5
        for null, sequence in (("same_family_name", 5), ("trace_id", 4)):
            await self.attack(database, f"UPDATE audit_entries SET {null} = NULL WHERE sequence >= {sequence}")
            assert (await self.fault(admin)).sequence == sequence
        await self.attack(
            database, "UPDATE audit_entries SET break_glass = '', same_family_name = '' WHERE sequence = 3"
        )
        assert (await self.fault(admin)).sequence == 3

    async def test_records_of_an_older_installation_come_before_the_chain(self, url: str, signer: FileSigner) -> None:
        older = ("time_us", "tenant_id", "key_id", "role", "action", "study_instance_uid", "series_instance_uid")
        older += ("sop_instance_uid", "address", "user_agent", "request_id", "detail")
        values = ", ".join(f":{name}" for name in older)
        statement = text(f"INSERT INTO audit_entries ({', '.join(older)}) VALUES ({values})")
        row = {**dict.fromkeys(older, "é"), "time_us": 5}
        engine = open_engine(url)
        with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            command.upgrade(config(connection), "0002")
            connection.execute(statement, [{**row, "tenant_id": tenant_id} for tenant_id in ("b", "a", "b")])
        engine.dispose()
        migrate(url)
        database = Database(url)
        clock = FakeClock()
        admin = AuditAdmin(
            SqlAuditTrail(database), SqlAuditRecords(database), signer, Auditor(SqlAuditSink(database), clock), clock
        )
        await record(database, 4, "a", "b", "c")
        assert (await self.verify(admin)).faults == ()
        assert [(head.tenant_id, head.sequence) for head in sorted(await SqlAuditTrail(database).heads())] == [
            ("a", 3),
            ("b", 2),
            ("c", 1),
        ]
        first = await database.read(lambda connection: connection.execute(_genesis_of("b")).one())
        assert first.detail.startswith("2 records before this chain, sha256 ")
        assert Content(first.time_us, -1, tuple(getattr(first, word) for word in FIRST_WORDS)) == genesis(
            "b", first.time_us, 2, bytes.fromhex(first.detail.rpartition(" ")[2])
        )
        await self.attack(database, "UPDATE audit_entries SET detail = 'x' WHERE tenant_id = 'b' AND sequence = 0")
        assert await self.fault(admin) == Fault(
            "b", 1, "records from before the chain were changed, added or taken out"
        )
        await database.close()


def _content_in_form(form: int, entry: AuditEntry) -> Content:
    content = content_of(entry)
    return content._replace(words=content.words[: len(texts_of_form(form))])


def _genesis_of(tenant_id: str) -> Any:
    return select(audit_entries).where(
        audit_entries.c.tenant_id == tenant_id, audit_entries.c.action == AuditAction.GENESIS.value
    )
