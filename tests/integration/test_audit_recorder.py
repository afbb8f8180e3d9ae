"""The recorder of the audit trail, a real process, over SQLite; test_postgres.py has it over PostgreSQL."""

from pathlib import Path

import pytest

from tests.conformance.audit_recorder_suite import AuditRecorderSuite


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/radgate.db"


class TestSqliteAuditRecorder(AuditRecorderSuite):
    """All of the suite."""
