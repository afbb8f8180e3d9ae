"""What the database adapter must do on every kind of database. A subclass's module gives the fixture `url`: empty."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text

from radgate_server.adapters.database.access.keys import SqlKeyDirectory
from radgate_server.adapters.database.access.tenants import SqlTenantDirectory
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.changes import SqlChangeFeed
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.connection.engine import WRITES, open_engine
from radgate_server.adapters.database.migration import config, migrate
from radgate_server.adapters.database.pacs import failover
from radgate_server.adapters.database.pacs.configured import SqlPacsDirectory
from radgate_server.adapters.database.pacs.failover import SqlFailoverDirectory
from radgate_server.adapters.database.pacs.statuses import SqlStatusBoard
from radgate_server.adapters.database.schema.tables import audit_entries, changes, metadata, pacs
from radgate_server.adapters.database.secrets.sealed import SqlSealedRecords
from radgate_server.adapters.secrets.box import EnvelopeBox
from radgate_server.adapters.secrets.files.encryption_keys import FileKeys
from radgate_server.core.access.ports.directory import Change, ChangeKind
from radgate_server.core.audit.record import AuditAction, AuditEntry, AuditOutcome
from radgate_server.core.errors import AuditUnavailableError, ConfigurationError, DatabaseUnavailableError
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.secrets.secret import SealedSecret, Secret, SecretContext, parse_reference
from tests.conformance import directory_suite as samples
from tests.conformance.database_bench import DatabaseBench
from tests.conformance.directory_suite import NOW, Directory, DirectorySuite


class SqlDirectory(
    SqlTenantDirectory, SqlKeyDirectory, SqlPacsDirectory, SqlFailoverDirectory, SqlStatusBoard, SqlChangeFeed
):
    """All in one, as the suite wants them."""

    def __init__(self, database: Database, box: EnvelopeBox) -> None:
        SqlPacsDirectory.__init__(self, database, box, lambda: self.time)
        self.time = NOW
        self.box = box
        self.sealed = SqlSealedRecords(database, box)


def box_in(folder: Path) -> EnvelopeBox:
    return EnvelopeBox(folder, {"file": FileKeys(folder)}, "file")


async def opened(directory: SqlDirectory, config: PacsConfig) -> Secret:
    """The password of what was read from the database."""
    sealed = config.connection.secret
    assert isinstance(sealed, SealedSecret)
    return await directory.box.open(sealed)


class SqlDirectorySuite(DatabaseBench, DirectorySuite):
    """The ports' suite on a database, and what only a database can get wrong."""

    @pytest.fixture
    def directory(self, database: Database, tmp_path: Path) -> SqlDirectory:
        return SqlDirectory(database, box_in(tmp_path / "secrets"))

    async def in_the_clear(self, directory: Directory, configs: Sequence[PacsConfig]) -> list[PacsConfig]:
        assert isinstance(directory, SqlDirectory)
        return [
            replace(config, connection=config.connection.with_secret(await opened(directory, config)))
            if isinstance(config.connection.secret, SealedSecret)
            else config
            for config in configs
        ]

    async def test_a_password_is_not_in_the_database(self, pair: SqlDirectory, database: Database) -> None:
        await pair.create_pacs(samples.pacs("a", "main", samples.DIMSE))
        row = await database.read(lambda connection: connection.execute(select(pacs)).one())
        assert row.connection["called_aet"] == "ARCHIVE"
        assert "password" not in row.connection
        assert b"so secret" not in bytes(row.sealed_password)

    async def test_a_sealed_password_opens_only_in_its_own_row(self, pair: SqlDirectory, database: Database) -> None:
        await pair.create_pacs(samples.pacs("a", "main", samples.DIMSE))
        await database.write(lambda connection: connection.execute(pacs.update().values(tenant_id="b")))
        (moved,) = await pair.list_pacs("b")
        with pytest.raises(ConfigurationError):
            await opened(pair, moved)

    @pytest.mark.parametrize("text", ["env:PACS_PASSWORD", "vault:radgate/a/main#password"])
    async def test_a_reference_is_kept_as_it_is_and_takes_the_sealed_password_away(
        self, pair: SqlDirectory, database: Database, text: str
    ) -> None:
        await pair.create_pacs(samples.pacs("a", "main", samples.DIMSE))
        referring = samples.pacs("a", "main", replace(samples.DIMSE, password=parse_reference(text, "ref")))
        await pair.update_pacs(referring)
        assert list(await pair.list_pacs("a")) == [referring]
        row = await database.read(lambda connection: connection.execute(select(pacs)).one())
        assert (row.connection["password_ref"], row.sealed_password) == (text, None)
        await pair.update_pacs(samples.pacs("a", "main", samples.DIMSE))
        assert [await opened(pair, found) for found in await pair.list_pacs("a")] == [Secret("so secret")]

    async def test_wrapping_again_is_no_change_of_the_pacs(self, pair: SqlDirectory) -> None:
        await pair.create_pacs(samples.pacs("a", "main", samples.DIMSE))
        (before,), (old,) = await pair.list_pacs("a"), await pair.sealed.list_sealed()
        known = await pair.last_change()
        new = await pair.box.rewrap(old)
        assert await pair.sealed.replace_sealed(old, new)
        assert not await pair.sealed.replace_sealed(old, new)
        assert list(await pair.list_pacs("a")) == [before]
        assert await pair.last_change() == known
        found = await pair.sealed.find_sealed(old.context)
        assert found is not None
        assert found.sealed == new.sealed != old.sealed

    async def test_an_update_keeps_what_was_wrapped_again_meanwhile(self, pair: SqlDirectory) -> None:
        await pair.create_pacs(samples.pacs("a", "main", samples.DIMSE))
        (before,), (old,) = await pair.list_pacs("a"), await pair.sealed.list_sealed()
        new = await pair.box.rewrap(old)
        await pair.sealed.replace_sealed(old, new)
        await pair.update_pacs(replace(before, validation=samples.REPORT))
        assert [found.sealed for found in await pair.sealed.list_sealed()] == [new.sealed]

    async def test_finds_no_sealed_secret_where_there_is_none(self, pair: SqlDirectory) -> None:
        await pair.create_pacs(samples.pacs("a", "main"))
        assert await pair.sealed.find_sealed(SecretContext("a", "main")) is None
        assert await pair.sealed.find_sealed(SecretContext("a", "other")) is None
        assert list(await pair.sealed.list_sealed()) == []

    async def test_concurrent_creations_of_one_thing_succeed_once(self, pair: SqlDirectory) -> None:
        known = await pair.last_change()
        attempts = [pair.create_pacs(samples.pacs("a", "main")) for _ in range(8)]
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        assert sum(outcome is None for outcome in outcomes) == 1
        assert [type(outcome).__name__ for outcome in outcomes if outcome is not None] == ["ResourceExistsError"] * 7
        assert len(await pair.changes_after(known)) == 1

    async def test_a_reader_misses_no_change_of_concurrent_writers(self, pair: SqlDirectory) -> None:
        known = start = await pair.last_change()
        seen: list[Change] = []
        writers = asyncio.gather(*(pair.announce_invalidation("a", f"1.{number}") for number in range(40)))
        while not writers.done() or await pair.last_change() > known:
            news = await pair.changes_after(known)
            seen += news
            known = news[-1].sequence if news else known
        await writers
        assert len(seen) == 40
        assert [change.sequence for change in seen] == sorted(change.sequence for change in seen)
        assert seen[0].sequence > start

    async def test_of_changes_to_the_same_thing_only_the_last_is_kept(
        self, pair: SqlDirectory, database: Database
    ) -> None:
        for study in ("1.1", "1.2", "1.1", "1.1", ""):
            await pair.announce_invalidation("a", study)
        rows = [change for change in await pair.changes_after(0) if change.kind is ChangeKind.CACHE]
        assert [change.subject for change in rows] == ["1.2", "1.1", ""]

    async def test_changes_of_long_ago_are_forgotten_but_not_their_number(
        self, pair: SqlDirectory, database: Database
    ) -> None:
        await pair.announce_invalidation("a", "1.1")
        known = await pair.last_change()
        pair.time = NOW + timedelta(days=31)
        await pair.announce_invalidation("a", "1.2")
        assert [change.subject for change in await pair.changes_after(0)] == ["1.2"]
        assert [change.subject for change in await pair.changes_after(known)] == ["1.2"]
        await database.write(lambda connection: connection.execute(changes.delete()))
        await pair.announce_invalidation("a", "1.3")
        assert await pair.last_change() == known + 2

    async def test_nothing_is_kept_of_a_change_that_fails(self, pair: SqlDirectory, database: Database) -> None:
        await database.write(lambda connection: connection.execute(text("DROP TABLE changes")))
        with pytest.raises(DatabaseUnavailableError):
            await pair.create_pacs(samples.pacs("a", "main"))
        assert list(await pair.list_pacs("a")) == []

    async def test_the_history_of_a_group_is_bounded(self, pair: SqlDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(failover, "KEPT", 4)
        await samples.add_group(pair)
        for _ in range(5):
            await pair.record_transition(samples.transition("main", "spare"))
            await pair.record_transition(samples.transition("spare", "main"))
        history = await pair.list_transitions("a", "main", 100)
        assert [found.from_pacs for found in history] == ["spare", "main", "spare", "main"]

    async def test_of_transitions_made_at_once_one_counts(self, pair: SqlDirectory) -> None:
        await samples.add_group(pair)
        attempts = [pair.record_transition(samples.transition("main", "spare")) for _ in range(8)]
        assert sorted(await asyncio.gather(*attempts)) == [False] * 7 + [True]
        assert len(await pair.list_transitions("a", "main", 100)) == 1

    async def test_servers_publish_at_once(self, pair: SqlDirectory) -> None:
        await samples.add_group(pair)
        await pair.create_pacs(samples.pacs("b", "main"))
        places = [("a", "main"), ("b", "main"), ("a", "spare")]
        statuses = [samples.status(*place) for place in places]
        await asyncio.gather(*(pair.publish(part) for part in (statuses, statuses[::-1]) for _ in range(6)))
        assert [found.name for found in await pair.list_statuses("a")] == ["main", "spare"]
        assert list(await pair.list_statuses("b")) == [samples.status("b", "main")]


class MigrationSuite:
    """From nothing to the schema."""

    def test_makes_every_table_as_the_models_say(self, url: str) -> None:
        migrate(url)
        engine = open_engine(url)
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
            assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}
        engine.dispose()

    def test_a_second_time_changes_nothing(self, url: str) -> None:
        migrate(url)
        engine = open_engine(url)
        with engine.begin() as connection:
            connection.execute(samples_tenant())
        migrate(url)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM tenants")) == 1
        engine.dispose()

    async def test_a_database_of_the_first_version_keeps_its_pacs(self, url: str, tmp_path: Path) -> None:
        engine = open_engine(url)
        with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            command.upgrade(config(connection), "0001")
            connection.execute(samples_tenant())
            connection.execute(samples_pacs())
        engine.dispose()
        migrate(url)
        database = Database(url)
        directory = SqlDirectory(database, box_in(tmp_path / "secrets"))
        expected = replace(samples.pacs("a", "old"), create_time=NOW)
        assert list(await directory.list_pacs("a")) == [expected]
        await directory.create_pacs(replace(samples.pacs("a", "spare"), backup_for="old"))
        assert [found.name for found in await directory.list_pacs("a")] == ["old", "spare"]
        await database.close()

    def test_processes_that_start_at_once_wait_for_one_another(self, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        with context.Pool(3) as pool:
            pool.map(migrate, [url] * 6, chunksize=1)
        engine = open_engine(url)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
        engine.dispose()


def samples_tenant() -> Any:
    return metadata.tables["tenants"].insert().values(tenant_id="a", create_time=NOW)


def samples_pacs() -> Any:
    """A PACS with the columns of the first version."""
    document = {"kind": "folder", "path": "/srv/images"}
    return pacs.insert().values(tenant_id="a", name="old", connection=document, create_time=NOW)


def audit_entry(number: int) -> AuditEntry:
    return AuditEntry(
        time=NOW + timedelta(microseconds=number),
        tenant_id="a",
        key_id="0123456789ab",
        role="viewer",
        action=AuditAction.RETRIEVE_FRAMES,
        study_instance_uid="1.2.840.113619.2.5.1762583153.215519.978957063.78",
        series_instance_uid="1.2.840.113619.2.5.1762583153.215519.978957063.121",
        sop_instance_uid=f"1.2.840.113619.2.5.1762583153.215519.978957063.{number}",
        address="192.0.2.7",
        user_agent="agent/1.0 (naïve)",
        request_id=f"request-{number}",
        detail="frames 1,2",
        patient_id="P-1",
        pacs="main",
        size_bytes=524_288,
    )


class AuditSuite(DatabaseBench):
    """The audit trail."""

    @pytest.fixture
    async def sink(self, database: Database) -> AsyncIterator[SqlAuditSink]:
        sink = SqlAuditSink(database)
        yield sink
        await sink.close()

    async def test_has_committed_when_it_returns(self, sink: SqlAuditSink, database: Database) -> None:
        await sink.record(audit_entry(1))
        row = (await _rows(database))[0]
        found = row._asdict()
        assert len(found.pop("record_hash")) == 32
        assert found == {
            "number": 1,
            "sequence": 1,
            "time_us": 1783501811121315,
            "tenant_id": "a",
            "principal": "",
            "key_id": "0123456789ab",
            "role": "viewer",
            "action": "retrieve-frames",
            "outcome": "granted",
            "patient_id": "P-1",
            "study_instance_uid": "1.2.840.113619.2.5.1762583153.215519.978957063.78",
            "series_instance_uid": "1.2.840.113619.2.5.1762583153.215519.978957063.121",
            "sop_instance_uid": "1.2.840.113619.2.5.1762583153.215519.978957063.1",
            "pacs": "main",
            "address": "192.0.2.7",
            "user_agent": "agent/1.0 (naïve)",
            "request_id": "request-1",
            "trace_id": "",
            "break_glass": "",
            "same_family_name": "",
            "detail": "frames 1,2",
            "size_bytes": 524288,
            "erased_by": None,
        }

    async def test_records_in_the_order_of_asking(self, sink: SqlAuditSink, database: Database) -> None:
        await asyncio.gather(*(sink.record(audit_entry(number)) for number in range(500)))
        assert [row.request_id for row in await _rows(database)] == [f"request-{number}" for number in range(500)]

    async def test_reports_how_it_does(self, sink: SqlAuditSink) -> None:
        assert (sink.recorded, sink.waiting, sink.lag_s) == ({}, 0, 0.0)
        denied = audit_entry(2)._replace(action=AuditAction.AUTHORISE, outcome=AuditOutcome.DENIED)
        tasks = [asyncio.create_task(sink.record(entry)) for entry in (audit_entry(1), denied, denied)]
        await asyncio.sleep(0)
        assert sink.waiting == 3
        assert sink.lag_s > 0
        await asyncio.gather(*tasks)
        assert (sink.waiting, sink.lag_s) == (0, 0.0)
        assert sink.recorded == {("retrieve-frames", "granted"): 1, ("authorise", "denied"): 2}

    async def test_records_for_a_caller_that_goes_away(self, sink: SqlAuditSink, database: Database) -> None:
        tasks = [asyncio.create_task(sink.record(audit_entry(number))) for number in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(None), asyncio.CancelledError, type(None)]
        assert len(await _rows(database)) == 3

    async def test_closing_writes_what_is_pending_and_refuses_the_rest(self, database: Database) -> None:
        sink = SqlAuditSink(database)
        tasks = [asyncio.create_task(sink.record(audit_entry(number))) for number in range(20)]
        await asyncio.sleep(0)
        await sink.close()
        await asyncio.gather(*tasks)
        assert len(await _rows(database)) == 20
        with pytest.raises(AuditUnavailableError):
            await sink.record(audit_entry(21))

    async def test_refuses_at_once_when_too_many_wait(self, database: Database) -> None:
        sink = SqlAuditSink(database, max_pending=5)
        outcomes = await asyncio.gather(*(sink.record(audit_entry(n)) for n in range(8)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(None)] * 5 + [AuditUnavailableError] * 3
        await sink.record(audit_entry(9))
        await sink.close()
        assert len(await _rows(database)) == 6

    async def test_a_failure_fails_its_batch_and_the_next_tries_again(
        self, sink: SqlAuditSink, database: Database
    ) -> None:
        await sink.record(audit_entry(1))
        rename = "ALTER TABLE audit_entries RENAME TO {}"
        await database.write(lambda connection: connection.execute(text(rename.format("gone"))))
        outcomes = await asyncio.gather(*(sink.record(audit_entry(n)) for n in range(4)), return_exceptions=True)
        assert [str(outcome) for outcome in outcomes] == ["the access could not be recorded"] * 4
        assert all(isinstance(outcome, AuditUnavailableError) for outcome in outcomes)
        rename = "ALTER TABLE gone RENAME TO {}"
        await database.write(lambda connection: connection.execute(text(rename.format("audit_entries"))))
        await sink.record(audit_entry(5))
        assert [row.request_id for row in await _rows(database)] == ["request-1", "request-5"]

    async def test_no_odd_word_of_one_caller_fails_the_others(self, sink: SqlAuditSink, database: Database) -> None:
        odd = audit_entry(2)._replace(user_agent="a\0b\udcff", tenant_id="x" * 5000)
        await asyncio.gather(sink.record(audit_entry(1)), sink.record(odd), sink.record(audit_entry(3)))
        rows = {row.request_id: row for row in await _rows(database)}
        agents = {number: rows[f"request-{number}"].user_agent for number in (1, 2, 3)}
        assert agents == {1: "agent/1.0 (naïve)", 2: "a?b?", 3: "agent/1.0 (naïve)"}
        assert rows["request-2"].tenant_id == odd.tenant_id


async def _rows(database: Database) -> list[Any]:
    return list(
        await database.read(lambda connection: connection.execute(select(audit_entries).order_by("number")).all())
    )
