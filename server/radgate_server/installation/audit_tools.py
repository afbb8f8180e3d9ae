"""What reads the audit trail, for the server and, without one, for the command line: searches, checks and reports."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.reports import report_writers
from radgate_server.adapters.secrets.signing import PublicKeys
from radgate_server.installation.left_spools import import_spool
from radgate_server.installation.opening import Installation, open_installation
from radgate_server.lib.clock import Clock
from radgate_server.services.audit.administration import AuditAdmin
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.audit.search import AuditReader
from radgate_server.services.audit.verification import AuditVerifier
from radgate_server.services.reports.making import ReportMaker
from radgate_server.services.reports.schedules import ScheduleAdmin
from radgate_server.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class AuditReading:
    """What reads the trail."""

    reader: AuditReader
    checker: AuditVerifier
    maker: ReportMaker
    schedules: ScheduleAdmin


def build_audit_reading(
    settings: Settings, installation: Installation, clock: Clock, known_problem: Callable[[str], str] = lambda _: ""
) -> AuditReading:
    """Put it together. `known_problem` says what the background check found wrong with a tenant's index."""
    auditor = Auditor(installation.audit.sink, clock)
    admin = AuditAdmin(installation.audit.trail, installation.audit.records, installation.audit.signer, auditor, clock)
    reader = AuditReader(installation.audit.records, auditor, clock, known_problem)
    return AuditReading(
        reader,
        AuditVerifier(admin, PublicKeys([installation.audit.signer.public_key_pem]).check, auditor),
        ReportMaker(reader, report_writers(pdf_rows=settings.reports.pdf_rows), settings.reports, clock),
        ScheduleAdmin(installation.audit.schedules, settings.reports, auditor, clock),
    )


@asynccontextmanager
async def open_audit_reading(settings: Settings) -> AsyncIterator[AuditReading]:
    """The same without a server, for the command line.

    Raises:
        ConfigurationError, DatabaseUnavailableError: as `open_installation`.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        installation = await open_installation(stack, settings, clock)
        yield build_audit_reading(settings, installation, clock)


@asynccontextmanager
async def open_audit_admin(settings: Settings) -> AsyncIterator[AuditAdmin]:
    """The audit trail without a server, for the command line.

    Raises:
        ConfigurationError, DatabaseUnavailableError: as `open_installation`.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        installation = await open_installation(stack, settings, clock)
        auditor = Auditor(installation.audit.sink, clock)
        yield AuditAdmin(
            installation.audit.trail, installation.audit.records, installation.audit.signer, auditor, clock
        )


@asynccontextmanager
async def open_spool_import(settings: Settings) -> AsyncIterator[Callable[[Path], Awaitable[int]]]:
    """What commits the records in a folder that came from elsewhere, each once, and returns how many were.

    Raises:
        ConfigurationError, DatabaseUnavailableError: as `open_installation`, and as `import_spool`.
    """
    databases = list[Database]()
    async with AsyncExitStack() as stack:
        await open_installation(stack, settings, SystemClock(), on_database=databases.append)
        yield lambda folder: asyncio.to_thread(import_spool, settings, databases[0], folder)
