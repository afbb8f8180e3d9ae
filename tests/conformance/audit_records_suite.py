"""Finding records of the audit trail by its index, on every kind of database. A module gives `url`: empty."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from radgate_server.adapters.database.audit import index as audit_index
from radgate_server.adapters.database.audit import records as audit_records
from radgate_server.adapters.database.audit.records import SqlAuditRecords
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.tables import audit_entries
from radgate_server.adapters.database.schema.tables import audit_index as index_table
from radgate_server.core.audit.record import AuditAction, AuditEntry, AuditOutcome
from radgate_server.core.audit.search import AuditCriteria, AuditRecord, IndexFault, IndexPosition
from radgate_server.core.audit.studies_shown import parts_of
from radgate_server.services.audit.index_check import compare_index, rebuild_index
from tests.conformance.database_bench import DatabaseBench
from tests.conformance.database_suites import audit_entry
from tests.conformance.directory_suite import NOW


def entry(number: int, **fields: Any) -> AuditEntry:
    """An access of a study of its own, a minute after the one before."""
    entry = audit_entry(number)._replace(time=NOW + timedelta(minutes=number), study_instance_uid=f"1.2.{number}")
    return entry._replace(**fields)


class AuditRecordsSuite(DatabaseBench):
    """AuditRecords."""

    @pytest.fixture
    def records(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> SqlAuditRecords:
        # Small, so that few records have every seam.
        monkeypatch.setattr(audit_index, "NUMBERS_PER_STEP", 300)
        monkeypatch.setattr(audit_records, "BLOCKS_PER_READ", 2)
        return SqlAuditRecords(database)

    async def record(self, database: Database, *entries: AuditEntry) -> None:
        sink = SqlAuditSink(database)
        for some in range(0, len(entries), 500):
            await asyncio.gather(*(sink.record(entry) for entry in entries[some : some + 500]))
        await sink.close()

    async def index(self, records: SqlAuditRecords, tenant_id: str = "a") -> IndexPosition:
        while (position := await records.advance(tenant_id)).is_behind:
            continue
        return position

    async def find(
        self, records: SqlAuditRecords, *, oldest_first: bool = False, below: int = 1 << 40, **criteria: Any
    ) -> list[AuditRecord]:
        """All of them, by pages."""
        found: list[AuditRecord] = []
        start, end, limit = 0, below, 7
        while True:
            some, next_below = await records.find(
                "a", AuditCriteria(**criteria), start=start, end=end, limit=limit, oldest_first=oldest_first
            )
            assert len(some) <= limit
            found += some
            if next_below is None:
                return found
            start, end = (next_below, end) if oldest_first else (start, next_below)

    async def numbers(self, records: SqlAuditRecords, **criteria: Any) -> list[int]:
        """Which entries are found, by their request ids; as many times as they are."""
        newest = [int(record.request_id.partition("-")[2]) for record in await self.find(records, **criteria)]
        oldest = [
            int(record.request_id.partition("-")[2])
            for record in await self.find(records, oldest_first=True, **criteria)
        ]
        assert newest == oldest[::-1]
        return oldest

    async def test_finds_by_every_field_and_all_of_them(self, records: SqlAuditRecords, database: Database) -> None:
        odd: dict[int, dict[str, Any]] = {
            17: {"key_id": "other", "principal": "Jane"},
            300: {"key_id": "other", "patient_id": "P-2"},
            301: {"study_instance_uid": "1.5", "series_instance_uid": "1.5.1", "sop_instance_uid": "1.5.1.1"},
            650: {"action": AuditAction.AUTHORISE, "outcome": AuditOutcome.DENIED, "principal": "Jane"},
            900: {"break_glass": "no other doctor is here"},
            901: {"detail": "frames 1; break-glass: in no field"},
        }
        await self.record(database, *(entry(number, **odd.get(number, {})) for number in range(1000)))
        await self.make_older(database, 902, "frames 1; same name; break-glass: an older record")
        await self.index(records)
        assert await self.numbers(records) == list(range(1000))
        found: list[tuple[dict[str, Any], list[int]]] = [
            ({"user": "other"}, [17, 300]),
            ({"user": "Jane"}, [17, 650]),
            ({"patient_id": "P-2"}, [300]),
            ({"study_instance_uid": "1.5"}, [301]),
            ({"series_instance_uid": "1.5.1"}, [301]),
            ({"sop_instance_uid": "1.5.1.1"}, [301]),
            ({"actions": ("authorise", "authenticate")}, [650]),
            ({"outcome": "denied"}, [650]),
            ({"break_glass": True}, [900, 902]),
            ({"user": "other", "patient_id": "P-2"}, [300]),
            ({"user": "Jane", "outcome": "granted"}, [17]),
            ({"user": "Jane", "patient_id": "P-2"}, []),
            ({"user": "nobody"}, []),
            ({"user": "oth"}, []),
        ]
        for criteria, expected in found:
            assert await self.numbers(records, **criteria) == expected, criteria
        typed, older = await self.find(records, oldest_first=True, break_glass=True)
        assert (typed.break_glass, typed.same_family_name) == ("no other doctor is here", False)
        assert (older.break_glass, older.same_family_name) == ("an older record", True)

    async def make_older(self, database: Database, number: int, detail: str) -> None:
        """Have a record as canonical form 2 has it: what has fields of its own since then stands in the detail."""
        changed = update(audit_entries).where(audit_entries.c.request_id == f"request-{number}")
        values = {"break_glass": None, "same_family_name": None, "detail": detail}
        await database.write(lambda connection: connection.execute(changed.values(**values)))

    async def test_finds_by_time(self, records: SqlAuditRecords, database: Database) -> None:
        # A server whose clock is behind writes between the others.
        behind = {700: NOW + timedelta(minutes=10, seconds=30)}
        await self.record(database, *(entry(n, **({"time": behind[n]} if n in behind else {})) for n in range(1000)))
        await self.index(records)

        def at(minute: float) -> datetime:
            return NOW + timedelta(minutes=minute)

        assert await self.numbers(records, since=at(995)) == [995, 996, 997, 998, 999]
        assert await self.numbers(records, since=at(9), until=at(12)) == [9, 10, 11, 700]
        assert await self.numbers(records, until=at(2)) == [0, 1]
        assert await self.numbers(records, since=at(2000)) == []

    async def test_knows_a_patients_records_that_do_not_name_the_patient(
        self, records: SqlAuditRecords, database: Database
    ) -> None:
        unnamed = {"patient_id": "", "study_instance_uid": "1.2.600"}
        others = {"patient_id": "P-9", "study_instance_uid": "1.2.600"}
        odd = {300: unnamed, 600: {"patient_id": "P-2"}, 601: others}
        await self.record(database, *(entry(number, **odd.get(number, {})) for number in range(700)))
        await self.index(records)
        assert await self.numbers(records, patient_id="P-2", studies_of_patient=("1.2.600",)) == [300, 600]

    async def test_returns_every_field(self, records: SqlAuditRecords, database: Database) -> None:
        await self.record(database, entry(1, trace_id="ab" * 16, principal="Jane"))
        await self.index(records)
        (found,) = await self.find(records)
        assert found._asdict() == {
            "number": 1,
            "sequence": 1,
            "time": NOW + timedelta(minutes=1),
            "principal": "Jane",
            "key_id": "0123456789ab",
            "role": "viewer",
            "action": "retrieve-frames",
            "outcome": "granted",
            "patient_id": "P-1",
            "study_instance_uid": "1.2.1",
            "series_instance_uid": "1.2.840.113619.2.5.1762583153.215519.978957063.121",
            "sop_instance_uid": "1.2.840.113619.2.5.1762583153.215519.978957063.1",
            "pacs": "main",
            "size_bytes": 524_288,
            "address": "192.0.2.7",
            "user_agent": "agent/1.0 (naïve)",
            "request_id": "request-1",
            "detail": "frames 1,2",
            "trace_id": "ab" * 16,
            "break_glass": "",
            "same_family_name": False,
            "record_hash": found.record_hash,
            "removed": False,
        }

    async def test_says_how_far_the_index_is(self, records: SqlAuditRecords, database: Database) -> None:
        assert await records.advance("a") == IndexPosition(0, 0, 0)
        assert await records.tenants() == []
        await self.record(database, *(entry(number) for number in range(700)))
        assert await records.tenants() == ["a"]
        assert await records.advance("a") == IndexPosition(300, 300, 700)
        assert await self.numbers(records, below=301) == list(range(300))
        assert (await self.index(records)).sequence == 700
        assert await records.tenants() == []
        await self.record(database, entry(700))
        assert await records.tenants() == ["a"]
        assert await records.advance("a") == IndexPosition(701, 701, 701)
        assert await self.numbers(records) == list(range(701))

    async def test_shows_no_tenant_the_records_of_another(self, records: SqlAuditRecords, database: Database) -> None:
        of_b = [entry(number, tenant_id="b") for number in range(700)]
        await self.record(database, entry(1), *of_b, entry(2))
        assert sorted(await records.tenants()) == ["a", "b"]
        assert (await self.index(records)).sequence == 2
        assert await self.numbers(records) == [1, 2]
        await self.index(records, "b")
        assert await self.numbers(records) == [1, 2]
        assert await self.numbers(records, user="0123456789ab") == [1, 2]

    async def test_servers_index_at_once_without_losing_a_record(
        self, records: SqlAuditRecords, database: Database
    ) -> None:
        sink = SqlAuditSink(database)
        recorded = asyncio.gather(*(self.record_some(sink, start) for start in range(0, 1000, 250)))
        while not recorded.done():
            await asyncio.gather(*(records.advance("a") for _ in range(4)))
        await recorded
        await sink.close()
        await asyncio.gather(*(self.index(records) for _ in range(4)))
        assert sorted(await self.numbers(records)) == list(range(1000))

    async def record_some(self, sink: SqlAuditSink, start: int) -> None:
        for number in range(start, start + 250):
            await sink.record(entry(number))

    async def test_words_that_no_index_takes_are_found_all_the_same(
        self, records: SqlAuditRecords, database: Database
    ) -> None:
        long, other = "ü" * 9000, "ü" * 9001
        await self.record(database, entry(1, patient_id=long), entry(2, patient_id=other))
        await self.index(records)
        assert await self.numbers(records, patient_id=long) == [1]

    async def test_what_is_erased_leaves_the_index_with_the_record(
        self, records: SqlAuditRecords, database: Database
    ) -> None:
        await self.record(database, *(entry(n, patient_id=f"P-{n % 3}") for n in range(600)))
        await self.index(records)
        numbers = [number for number in range(1, 601) if (number - 1) % 3 == 2]
        gone = {"patient_id": "", "study_instance_uid": "", "detail": "", "request_id": "request--1", "erased_by": 601}
        await database.write(
            lambda connection: connection.execute(
                audit_entries.update().where(audit_entries.c.number.in_(numbers)).values(**gone)
            )
        )
        await database.write(lambda connection: audit_index.index_again(connection, "a", numbers))
        assert await self.numbers(records, patient_id="P-2") == []
        assert await self.numbers(records, patient_id="P-1") == list(range(1, 600, 3))
        terms = await database.read(
            lambda connection: connection.scalar(
                select(func.count()).select_from(index_table).where(index_table.c.term.in_(["p:P-2", "d:1.2.2"]))
            )
        )
        assert terms == 0
        removed = [record for record in await self.find(records) if record.removed]
        assert len(removed) == 200

    async def test_a_list_is_found_by_each_of_its_patients_and_studies_and_shows_no_other(
        self, records: SqlAuditRecords, database: Database
    ) -> None:
        listed = [(f"1.3.{n}", "P-2" if n in (4, 8) else f'Q"{n},\n') for n in range(1, 251)]
        parts = [*parts_of("0123456789abcdef", listed)]
        lists = [
            entry(700 + n, action=AuditAction.LIST, study_instance_uid=part.studies, patient_id=part.patients)
            for n, part in enumerate(parts)
        ]
        await self.record(database, *(entry(n) for n in range(700)), *lists)
        await self.index(records)
        assert await self.compare(records, database) == ()
        assert await self.numbers(records, patient_id="P-2") == [700]
        (found,) = await self.find(records, patient_id="P-2")
        assert (found.patient_id, found.study_instance_uid) == ("P-2", "1.3.4\\1.3.8")
        (found,) = await self.find(records, study_instance_uid="1.3.250")
        assert (found.request_id, found.patient_id, found.study_instance_uid) == (
            "request-702",
            'Q"250,\n',
            "1.3.250",
        )
        assert await self.numbers(records, patient_id="P-2", study_instance_uid="1.3.8") == [700]
        assert await self.numbers(records, patient_id="P-2", study_instance_uid="1.3.9") == []
        assert await self.numbers(records, patient_id="p-2") == []
        assert await self.numbers(records, study_instance_uid="1.3.25") == [700]

    async def attack(self, database: Database, statement: str) -> None:
        await database.write(lambda connection: connection.execute(text(statement)))

    async def compare(self, records: SqlAuditRecords, database: Database) -> Sequence[IndexFault]:
        upto = await SqlAuditTrail(database).last_number()
        return await compare_index(records, None, upto=upto)

    async def two_tenants(self, records: SqlAuditRecords, database: Database) -> None:
        """Whose records lie among one another, and beside stretches of other tenants' alone."""
        entries = [entry(n, patient_id=f"P-{n}", tenant_id="a" if n < 300 or n % 7 == 0 else "b") for n in range(900)]
        await self.record(database, *entries, *(entry(n, tenant_id="b") for n in range(900, 1500)), entry(1500))
        await self.index(records)
        await self.index(records, "b")

    async def test_an_index_that_is_right_is_found_right(self, records: SqlAuditRecords, database: Database) -> None:
        await self.two_tenants(records, database)
        await self.record(database, entry(9, patient_id="not indexed yet"))
        assert await self.compare(records, database) == ()
        assert [await records.problem(tenant) for tenant in ("a", "b", "c")] == ["", "", ""]

    @pytest.mark.parametrize(
        ("statement", "lost", "strange", "noticed"),
        [
            ("DELETE FROM audit_index WHERE tenant_id = 'a' AND term = 'p:P-17'", 1, 0, True),
            ("DELETE FROM audit_index WHERE tenant_id = 'a' AND block = 0 AND term LIKE 'p:P-1_'", 10, 0, True),
            ("UPDATE audit_index SET first_us = last_us + 1 WHERE tenant_id = 'a' AND term = 'p:P-17'", 1, 0, False),
            ("UPDATE audit_index SET term = 'p:nobody' WHERE tenant_id = 'a' AND term = 'p:P-17'", 1, 1, False),
            ("UPDATE audit_index SET block = 3 WHERE tenant_id = 'a' AND term = 'p:P-17'", 1, 1, False),
            ("UPDATE audit_indexed SET number = number - 1 WHERE tenant_id = 'a'", 0, None, True),
            ("UPDATE audit_indexed SET number = 1 WHERE tenant_id = 'a'", None, None, True),
            ("DELETE FROM audit_indexed WHERE tenant_id = 'a'", 0, None, True),
        ],
    )
    async def test_tampering_with_the_index_is_found_and_rebuilding_mends_it(
        self,
        records: SqlAuditRecords,
        database: Database,
        statement: str,
        lost: int | None,
        strange: int | None,
        noticed: bool,
    ) -> None:
        await self.two_tenants(records, database)
        before = await self.entries(database)
        await self.attack(database, statement)
        (fault,) = await self.compare(records, database)
        assert fault.tenant_id == "a"
        assert fault.lost == lost or lost is None
        assert fault.strange == strange or (strange is None and fault.strange)
        assert "P-" not in fault.what
        assert bool(await records.problem("a")) is noticed
        await rebuild_index(records, "a")
        assert await self.compare(records, database) == ()
        assert [await records.problem(tenant) for tenant in "ab"] == ["", ""]
        assert await self.entries(database) == before
        assert await self.numbers(records, patient_id="P-17") == [17]

    async def entries(self, database: Database) -> list[tuple[Any, ...]]:
        query = select(index_table).order_by(index_table.c.tenant_id, index_table.c.term, index_table.c.block)
        return [tuple(row) for row in await database.read(lambda connection: connection.execute(query).all())]

    async def test_the_index_may_be_rebuilt_while_records_come(
        self, records: SqlAuditRecords, database: Database
    ) -> None:
        await self.two_tenants(records, database)
        await self.attack(database, "DELETE FROM audit_index WHERE term LIKE 'p:%'")
        sink = SqlAuditSink(database)
        await asyncio.gather(
            rebuild_index(records, "a"), self.record_some(sink, 2000), rebuild_index(records, "b"), self.index(records)
        )
        await sink.close()
        await self.index(records)
        assert await self.compare(records, database) == ()
        assert [await records.problem(tenant) for tenant in "ab"] == ["", ""]
