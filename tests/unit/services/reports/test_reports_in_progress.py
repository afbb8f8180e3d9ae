"""Reports between making and delivery: sealed, whole, gone afterwards, and never in memory as a whole."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from radgate_server.adapters.notify.reports.folder import FolderReportSender
from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.record import AuditAction, AuditEntry
from radgate_server.core.reports.ports.delivery import MadeReport
from radgate_server.core.reports.spec import ReportFormat, ReportKind, ReportSpec
from radgate_server.services.reports.making import ReportMaker
from radgate_server.settings.reports import FolderReportReceiver
from tests.open_files import open_below
from tests.unit.services.reports.test_report_runner import DUE, World

PATIENT = "HIDDEN-4711"
PIECE, PIECES = 1 << 20, 48


class Remembering(ReportMaker):
    """Keeps what it made."""

    document = b""

    async def make(
        self, caller: Caller, spec: ReportSpec, since: datetime | None, until: datetime | None
    ) -> AsyncGenerator[bytes]:
        async with aclosing(super().make(caller, spec, since, until)) as pieces:
            async for piece in pieces:
                self.document += piece
                yield piece


class Large(ReportMaker):
    """Makes 48 MiB."""

    async def make(
        self, caller: Caller, spec: ReportSpec, since: datetime | None, until: datetime | None
    ) -> AsyncGenerator[bytes]:
        for number in range(PIECES):
            yield piece_of(number)


def piece_of(number: int) -> bytes:
    return number.to_bytes(4) * (PIECE // 4)


class Hanging:
    """ReportSender to somebody who never answers."""

    def __init__(self) -> None:
        self.asked: asyncio.Future[MadeReport] = asyncio.get_running_loop().create_future()

    async def deliver(self, report: MadeReport) -> None:
        self.asked.set_result(report)
        await asyncio.Event().wait()


async def world_of(folder: Path, format_: ReportFormat) -> tuple[World, Remembering]:
    """One in which a report on a patient is due."""
    world = World(folder, making=Remembering)
    assert isinstance(world.maker, Remembering)
    seen = DUE - timedelta(days=3)
    access = AuditEntry(seen, "a", "k", "viewer", AuditAction.RENDER, "1.2", "", "", "", "", "", "", patient_id=PATIENT)
    for _ in range(20):
        await world.sink.record(access)
    await world.schedule(spec=ReportSpec(ReportKind.PATIENT_ACCESS, PATIENT, format_))
    return world, world.maker


@pytest.mark.parametrize("format_", ReportFormat)
async def test_nothing_of_it_is_on_the_disk_in_the_clear(tmp_path: Path, format_: ReportFormat) -> None:
    world, maker = await world_of(tmp_path, format_)
    receiver = Hanging()
    world.senders["mail"] = receiver  # type: ignore[assignment]
    world.runner.start()
    report = await receiver.asked
    document = maker.document
    assert PATIENT.encode() in document or format_ is ReportFormat.PDF  # a PDF is compressed
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    (file,) = open_below(tmp_path)
    stored = file.read_bytes()
    assert len(stored) > len(document)
    assert not [start for start in range(0, len(document), 16) if document[start : start + 16] in stored]
    assert b"".join(report.content.pieces(1000)) == document
    await world.runner.close()
    assert open_below(tmp_path) == []
    with pytest.raises(OSError, match="given up"):
        next(report.content.pieces(1000))


@pytest.mark.parametrize("format_", ReportFormat)
async def test_what_is_delivered_is_what_was_made(tmp_path: Path, format_: ReportFormat) -> None:
    world, maker = await world_of(tmp_path, format_)
    await world.runner.look()
    assert [document for sender in world.senders.values() for _, _, document in sender.got] == [maker.document] * 2
    assert open_below(tmp_path) == []


async def test_a_large_one_takes_little_memory(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    world = World(tmp_path, ("archive",), making=Large)
    receiver = FolderReportReceiver(kind="folder", name="archive", folder=archive, tenants=("a",))
    world.senders["archive"] = FolderReportSender(receiver)  # type: ignore[assignment]
    await world.schedule()
    tracemalloc.start()
    try:
        await world.runner.look()
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (file,) = archive.iterdir()
    expected = hashlib.sha256()
    for number in range(PIECES):
        expected.update(piece_of(number))
    with file.open("rb") as delivered:
        assert hashlib.file_digest(delivered, "sha256").digest() == expected.digest()
    assert peak_bytes < 8 * PIECE
