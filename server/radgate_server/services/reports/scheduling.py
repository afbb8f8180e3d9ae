"""Makes and delivers reports that are due, in the background."""

import asyncio
import logging
import uuid
from collections.abc import Container, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta

from radgate_server.core.access.tenancy import Caller, Principal, Role
from radgate_server.core.errors import GatewayError, NotDeliveredError
from radgate_server.core.reports.ports.delivery import MadeReport, ReportSender
from radgate_server.core.reports.ports.schedules import ReportSchedules
from radgate_server.core.reports.schedule import ReportSchedule, next_due, period_of, retry_time
from radgate_server.core.reports.spec import CONTENT_TYPES, TITLES, Period
from radgate_server.core.store.ports import Spool, SpoolEntry
from radgate_server.lib.clock import Clock
from radgate_server.services.repeating import Repeating, Sleep
from radgate_server.services.reports.making import ReportMaker
from radgate_server.settings.reports import ReportSettings

_log = logging.getLogger(__name__)

HELD = timedelta(minutes=30)
"""A server that dies while it makes a report leaves it to another after this long."""
DELIVERY_S = 300.0
"""A delivery that takes longer has failed: others wait for it. Gigabytes may go to a folder across a network."""


class ReportRunner(Repeating):
    """Every `settings.interval_s` seconds. What is being made when the server stops is made again by whoever is there.

    `spool` is where reports wait while they are made and delivered; `senders` hand them to the receivers that the
    settings name.
    """

    def __init__(
        self,
        schedules: ReportSchedules,
        maker: ReportMaker,
        senders: Mapping[str, ReportSender],
        settings: ReportSettings,
        spool: Spool,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(
            "reports", interval_s=settings.interval_s, trouble="schedules of reports can't be looked at", sleep=sleep
        )
        self._schedules = schedules
        self._maker = maker
        self._senders = senders
        self._settings = settings
        self._spool = spool
        self._clock = clock

    async def look(self) -> None:
        """Run what is due, one after the other.

        Raises:
            DatabaseUnavailableError: the schedules can't be read or written.
        """
        now = self._clock.now()
        while (schedule := await self._schedules.claim(now, now + HELD)) is not None:
            try:
                await self._schedules.settle(await self._settled(schedule))
            except asyncio.CancelledError:
                await self._schedules.settle(schedule)
                raise
            now = self._clock.now()

    async def _settled(self, schedule: ReportSchedule) -> ReportSchedule:
        """Run it; the schedule as it is then."""
        failures = await self._serve(schedule)
        now, attempts = self._clock.now(), schedule.attempts + 1
        updated = replace(schedule, last_run_time=now, last_error="; ".join(failures.values()))
        again = retry_time(attempts, now) if failures else None
        if again is not None:
            return replace(updated, attempts=attempts, pending=tuple(failures), try_time=again)
        zone = self._settings.zone_of(schedule.tenant_id, schedule.plan.spec.time_zone)
        due = next_due(schedule.plan, zone, now)
        return replace(updated, attempts=0, pending=None, due_time=due, try_time=due)

    async def _serve(self, schedule: ReportSchedule) -> dict[str, str]:
        """Make the report and hand it to those who wait for it; why not, by receiver."""
        names = schedule.to_serve
        allowed = self._settings.receivers_of(schedule.tenant_id)  # the settings may have changed
        entry = self._spool.begin()
        try:
            report = await self._make(schedule, entry)
            failures = {name: await self._deliver(name, allowed.keys(), report) for name in names}
        except GatewayError as error:
            failures = dict.fromkeys(names, f"the report can't be made: {error.message}")
        except Exception:  # noqa: BLE001 - the schedule must report it, and be retried
            _log.exception("a report can't be made", extra={"schedule": schedule.name})
            failures = dict.fromkeys(names, "the report can't be made; the server's log says why")
        finally:
            entry.discard()
        failures = {name: why for name, why in failures.items() if why}
        for name, why in failures.items():
            _log.warning("report %s was not delivered to %s: %s", schedule.name, name, why)
        return failures

    async def _make(self, schedule: ReportSchedule, entry: SpoolEntry) -> MadeReport:
        plan, spec = schedule.plan, schedule.plan.spec
        period = period_of(plan, self._settings.zone_of(schedule.tenant_id, spec.time_zone), schedule.due_time)
        pieces = self._maker.make(_caller(schedule), spec, period.since, period.until)
        async with aclosing(pieces):
            async for piece in pieces:
                await entry.write(piece)
        await entry.complete()
        title = f"{TITLES[spec.kind]}: {schedule.tenant_id}, {schedule.name}"
        return MadeReport(title, _file_name(schedule, period), CONTENT_TYPES[spec.format], entry.content)

    async def _deliver(self, name: str, allowed: Container[str], report: MadeReport) -> str:
        """Hand it over; why not, "" if it was."""
        sender = self._senders.get(name) if name in allowed else None
        if sender is None:
            return f"{name}: the settings have no such receiver for this tenant"
        try:
            async with asyncio.timeout(DELIVERY_S):
                await sender.deliver(report)
        except NotDeliveredError as error:
            return f"{name}: {error.message}"
        except TimeoutError:
            return f"{name}: not taken within {DELIVERY_S:g} s"
        except Exception as error:  # noqa: BLE001 - a defect of one sender: the others are not to be served again
            return f"{name}: {type(error).__name__}"  # its text may hold a secret
        return ""


def _caller(schedule: ReportSchedule) -> Caller:
    """Who reads the trail on behalf of a schedule."""
    principal = Principal(f"schedule:{schedule.name}", (schedule.tenant_id,), Role.AUDITOR)
    return Caller(principal, schedule.tenant_id, "local", "radgate reports", uuid.uuid4().hex)


def _file_name(schedule: ReportSchedule, period: Period) -> str:
    last = _day_before(period.until)
    return f"{schedule.tenant_id}-{schedule.name}-{last}.{schedule.plan.spec.format.value}"


def _day_before(end: datetime) -> str:
    return (end.date() - timedelta(days=1)).isoformat()
