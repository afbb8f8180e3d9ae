"""`radgate quarantine` on an installation in a temporary folder."""

import asyncio
import stat
from contextlib import AsyncExitStack
from pathlib import Path

from radgate_server.adapters.clock import SystemClock
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import MemoryContent
from radgate_server.core.quarantine.refused_instance import RefusedInstance
from radgate_server.installation.disk_tiers import open_quarantine
from radgate_server.installation.opening import open_installation
from radgate_server.settings.settings import Settings
from tests.unit.cli.command_line import Cli

NORTH = ("--tenant", "north")
ASKED, STATED = InstanceRef("2.25.1", "2.25.1.1", "2.25.1.1.1"), InstanceRef("2.25.2", "2.25.2.1", "2.25.2.1.1")
SWAPPED = RefusedInstance("north", "main", "INSTANCE_MISMATCH", RetrieveScope(*ASKED), "RIGHT", STATED, "WRONG")
BYTES = b"\x93\x11\xfe" * 100_000


def refuse(cli: Cli, *all_refused: RefusedInstance) -> None:
    """As a server does."""

    async def store() -> None:
        async with AsyncExitStack() as stack:
            settings, clock = Settings(data_dir=cli.data_dir), SystemClock()
            installation = await open_installation(stack, settings, clock)
            quarantine = open_quarantine(settings, installation.retention.study_keys, clock)
            for refused in all_refused:
                await quarantine.store(refused, MemoryContent((BYTES,)))

    asyncio.run(store())


def test_what_was_refused_is_listed_and_written_into_a_file_of_ones_own(north: Cli, tmp_path: Path) -> None:
    refuse(north, SWAPPED)
    (row,) = north.json("quarantine", "list", *NORTH)
    assert {key: row[key] for key in row.keys() - {"id", "receive_time"}} == {
        "tenant": "north",
        "pacs": "main",
        "reason": "INSTANCE_MISMATCH",
        "size_bytes": len(BYTES),
        "study": ASKED.study_instance_uid,
        "series": ASKED.series_instance_uid,
        "instance": ASKED.sop_instance_uid,
        "stated_study": STATED.study_instance_uid,
        "stated_series": STATED.series_instance_uid,
        "stated_instance": STATED.sop_instance_uid,
    }
    file = tmp_path / "refused.bin"
    north.ok("quarantine", "export", *NORTH, row["id"], "--output", str(file))
    assert file.read_bytes() == BYTES
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    records = north.query(
        "SELECT study_instance_uid, patient_id FROM audit_entries WHERE action = 'read-refused' ORDER BY 1"
    )
    assert records == [(ASKED.study_instance_uid, "RIGHT"), (STATED.study_instance_uid, "WRONG")]
    table = north.ok("quarantine", "list").stdout
    assert "INSTANCE_MISMATCH" in table
    assert not any(patient in table for patient in ("WRONG", "RIGHT"))


def test_an_export_overwrites_nothing_and_leaves_no_half_a_file(north: Cli, tmp_path: Path) -> None:
    refuse(north, SWAPPED)
    (row,) = north.json("quarantine", "list", *NORTH)
    file = tmp_path / "refused.bin"
    file.write_text("mine")
    reported = north.refused("quarantine", "export", *NORTH, row["id"], "--output", str(file))
    assert reported == f"Error: can't write {file}: File exists\n"
    assert file.read_text() == "mine"
    file.unlink()
    reported = north.refused("quarantine", "export", *NORTH, "0" * 32, "--output", str(file))
    assert reported == "Error: there is no such refused instance (any more)\n"
    assert not file.exists()


def test_one_is_dropped(north: Cli) -> None:
    refuse(north, SWAPPED)
    (row,) = north.json("quarantine", "list", *NORTH)
    north.ok("quarantine", "drop", *NORTH, row["id"])
    assert north.json("quarantine", "list", *NORTH) == []
    reported = north.refused("quarantine", "drop", *NORTH, row["id"])
    assert reported == "Error: there is no such refused instance (any more)\n"


def test_a_tenants_are_shown_and_deleted_with_that_tenant(north: Cli) -> None:
    north.ok("tenant", "create", "south")
    refuse(north, SWAPPED)
    (row,) = north.json("quarantine", "list")
    assert north.json("quarantine", "list", "--tenant", "south") == []
    reported = north.refused("quarantine", "drop", "--tenant", "south", row["id"])
    assert reported == "Error: there is no such refused instance (any more)\n"
    north.ok("tenant", "delete", "south", "--yes")
    assert len(north.json("quarantine", "list")) == 1
    north.ok("tenant", "delete", "north", "--yes")
    assert not [path for path in (north.data_dir / "quarantine").rglob("*") if path.is_file()]


def test_invalidating_a_study_leaves_the_evidence_and_erasing_it_does_not(north: Cli) -> None:
    refuse(north, SWAPPED)
    north.ok("cache", "invalidate", *NORTH, "--study", ASKED.study_instance_uid)
    assert len(north.json("quarantine", "list")) == 1
    certificate = north.ok("erase", *NORTH, "--patient", "WRONG", "--reason", "case 7").stdout
    assert '"quarantine"' in certificate
    assert STATED.study_instance_uid in certificate
    assert north.json("quarantine", "list") == []
