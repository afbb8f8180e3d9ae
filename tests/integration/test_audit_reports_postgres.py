"""Searching the audit trail, and schedules of reports, on a real PostgreSQL."""

from collections.abc import Iterator

import pytest

from tests.conformance.audit_records_suite import AuditRecordsSuite
from tests.conformance.report_schedules_suite import ReportSchedulesSuite
from tests.integration.postgres import Postgres, running_postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def url(server: Postgres, request: pytest.FixtureRequest) -> str:
    return server.new_database(f"{abs(hash(request.node.nodeid)):x}")


class TestPostgresAuditRecords(AuditRecordsSuite):
    """Finding records."""


class TestPostgresReportSchedules(ReportSchedulesSuite):
    """Schedules."""
