"""Searching the audit trail, and schedules of reports, on SQLite."""

from pathlib import Path

import pytest

from tests.conformance.audit_records_suite import AuditRecordsSuite
from tests.conformance.report_schedules_suite import ReportSchedulesSuite


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/radgate.db"


class TestSqliteAuditRecords(AuditRecordsSuite):
    """Finding records."""


class TestSqliteReportSchedules(ReportSchedulesSuite):
    """Schedules."""
