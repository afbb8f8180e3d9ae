"""Reports that are due: made once, delivered to each receiver, retried when that failed."""

import asyncio
import errno
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from radgate_server.adapters.reports import report_writers
from radgate_server.adapters.store.spool import DiskSpool
from radgate_server.core.errors import NotDeliveredError
from radgate_server.core.reports.ports.delivery import MadeReport
from radgate_server.core.reports.schedule import RETRY_AFTER, Frequency, Plan, ReportSchedule
from radgate_server.core.reports.spec import ReportFormat, ReportKind, ReportSpec
from radgate_server.lib.sealed_file import SealedFile
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.audit.search import AuditReader
from radgate_server.services.reports import scheduling
from radgate_server.services.reports.making import ReportMaker
from radgate_server.services.reports.scheduling import HELD, ReportRunner
from radgate_server.settings.reports import FolderReportReceiver, ReportSettings
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.audit_records import MemoryAuditRecords, MemorySchedules
from tests.fakes.clock import FakeClock

DUE = datetime(2026, 1, 5, 6, 30, tzinfo=UTC)  # a Monday
NEXT = DUE + timedelta(days=7)
SPEC = ReportSpec(ReportKind.UNUSUAL_ACCESS, "", ReportFormat.CSV)


class Sender:
    """ReportSender that keeps what it gets, or fails as often as it is reported."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, bytes]] = []
        self.failures = 0
        self.defect: Exception | None = None

    async def deliver(self, report: MadeReport) -> None:
        if self.defect is not None:
            raise self.defect
        if self.failures:
            self.failures -= 1
            raise NotDeliveredError("the mail server answered 451")
        self.got.append((report.file_name, report.title, b"".join(report.content.pieces(1000))))


class World:
    """A runner and what it works on."""

    def __init__(
        self,
        folder: Path,
        receivers: Sequence[str] = ("mail", "archive"),
        *,
        making: type[ReportMaker] = ReportMaker,
    ) -> None:
        self.clock = FakeClock(DUE)
        self.sink = RecordingAuditSink()
        self.schedules = MemorySchedules()
        self.senders = {name: Sender() for name in ("mail", "archive")}
        self.spool = DiskSpool(folder / "spool", memory_bytes=0).open()
        settings = ReportSettings(
            receivers=tuple(
                FolderReportReceiver(kind="folder", name=name, folder=folder, tenants=("a",)) for name in receivers
            )
        )
        reader = AuditReader(MemoryAuditRecords(self.sink), Auditor(self.sink, self.clock), self.clock)
        self.maker = making(reader, report_writers(pdf_rows=10), settings, self.clock)
        self.runner = ReportRunner(self.schedules, self.maker, self.senders, settings, self.spool, self.clock)

    async def schedule(self, name: str = "weekly", spec: ReportSpec = SPEC) -> None:
        plan = Plan(spec, Frequency.WEEKLY, 1, "06:30", ("mail", "archive"))
        await self.schedules.create(ReportSchedule("a", name, plan, DUE, DUE))

    @property
    def state(self) -> ReportSchedule:
        return self.schedules.kept["a", "weekly"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_what_is_due_is_delivered_once_and_recorded(world: World) -> None:
    await world.schedule()
    for _ in range(3):
        await world.runner.look()
    for sender in world.senders.values():
        ((name, title, document),) = sender.got
        assert (name, title) == ("a-weekly-2026-01-04.csv", "Unusual access: a, weekly")
        assert document.startswith(b"reason,user,")
    (entry,) = world.sink.entries
    assert (entry.key_id, entry.tenant_id, entry.role, entry.detail) == (
        "schedule:weekly",
        "a",
        "auditor",
        "report unusual-access",
    )
    assert (world.state.due_time, world.state.last_run_time, world.state.last_error) == (NEXT, DUE, "")


async def test_who_did_not_get_it_gets_it_later_and_only_they(world: World) -> None:
    await world.schedule()
    world.senders["mail"].failures = 2
    await world.runner.look()
    assert (world.state.attempts, world.state.pending) == (1, ("mail",))
    assert world.state.last_error == "mail: the mail server answered 451"
    for after in RETRY_AFTER[:2]:
        world.clock.advance(after.total_seconds() - 1)
        await world.runner.look()
        world.clock.advance(1)
        await world.runner.look()
    assert [len(sender.got) for sender in world.senders.values()] == [1, 1]
    assert world.senders["mail"].got[0][0] == "a-weekly-2026-01-04.csv"
    assert (world.state.attempts, world.state.pending, world.state.last_error) == (0, None, "")
    assert world.state.due_time == world.state.try_time == NEXT


async def test_a_run_is_given_up_in_the_end_and_the_error_stays(world: World) -> None:
    await world.schedule()
    world.senders["mail"].failures = 100
    for after in (timedelta(), *RETRY_AFTER):
        world.clock.advance(after.total_seconds())
        await world.runner.look()
    assert (world.state.attempts, world.state.due_time) == (0, NEXT)
    assert world.state.last_error == "mail: the mail server answered 451"
    assert world.senders["mail"].failures == 100 - 1 - len(RETRY_AFTER)
    assert len(world.senders["archive"].got) == 1


async def test_a_defect_of_one_sender_is_its_own_and_reports_no_secret(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.schedule()
    world.senders["mail"].defect = UnicodeEncodeError("ascii", "schlüssel", 4, 5, "a secret")
    await world.runner.look()
    assert (world.state.attempts, world.state.pending) == (1, ("mail",))
    assert world.state.last_error == "mail: UnicodeEncodeError"
    assert "secret" not in caplog.text
    world.senders["mail"].defect = None
    world.clock.advance(RETRY_AFTER[0].total_seconds())
    await world.runner.look()
    assert [len(sender.got) for sender in world.senders.values()] == [1, 1]


async def test_a_receiver_that_never_has_enough_holds_nobody_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(report: MadeReport) -> None:
        await asyncio.Event().wait()

    await world.schedule()
    monkeypatch.setattr(scheduling, "DELIVERY_S", 0)
    monkeypatch.setattr(world.senders["mail"], "deliver", never)
    async with asyncio.timeout(10):
        await world.runner.look()
    assert (world.state.pending, world.state.last_error) == (("mail",), "mail: not taken within 0 s")
    assert len(world.senders["archive"].got) == 1


async def test_a_trail_that_can_not_be_written_delays_the_report(world: World) -> None:
    await world.schedule()
    world.sink.broken = True
    await world.runner.look()
    assert world.state.last_error.startswith("the report can't be made")
    assert world.state.pending == ("mail", "archive")
    world.sink.broken = False
    world.clock.advance(RETRY_AFTER[0].total_seconds())
    await world.runner.look()
    assert [len(sender.got) for sender in world.senders.values()] == [1, 1]


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.ENOSPC, "No space left on device"), (errno.EMFILE, "Too many open files")]
)
async def test_a_spool_that_can_not_be_written_delays_the_report_and_says_why(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    def full() -> SealedFile:
        raise OSError(number, "a path that nobody should see")

    await world.schedule()
    with monkeypatch.context() as patched:
        patched.setattr(world.spool, "new_file", full)
        await world.runner.look()
    reported = f"the report can't be made: what is in transit can't be written to data_dir/spool: {reason}"
    assert world.state.last_error == f"{reported}; {reported}"
    world.clock.advance(RETRY_AFTER[0].total_seconds())
    await world.runner.look()
    assert [len(sender.got) for sender in world.senders.values()] == [1, 1]


async def test_a_receiver_that_the_settings_took_away_gets_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, receivers=("archive",))
    await world.schedule()
    await world.runner.look()
    assert [len(sender.got) for sender in world.senders.values()] == [0, 1]
    assert "mail: the settings have no such receiver" in world.state.last_error


async def test_a_server_that_stops_gives_the_run_back(world: World) -> None:
    await world.schedule()
    stopped = asyncio.Event()

    async def never(report: MadeReport) -> None:
        stopped.set()
        await asyncio.Event().wait()

    world.senders["mail"].deliver = never  # type: ignore[method-assign]
    world.runner.start()
    await stopped.wait()
    await world.runner.close()
    assert await world.schedules.claim(DUE, DUE + HELD) is not None
    assert world.state.attempts == 0
