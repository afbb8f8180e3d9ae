"""What holds for all tests."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.patient_leaks import FILES, ReportedText, leaks, patients, watch

# A busy machine is no failure: what an example may take is bounded by the test's own time limit.
settings.register_profile("radgate", deadline=None)
settings.load_profile("radgate")

_REPORTED = pytest.StashKey[ReportedText]()
_LEAKS = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make test-cluster` say that the end-to-end tests shall call a cluster."""
    parser.addoption("--cluster", action="store_true", help="run end-to-end tests of one server against a cluster")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Write down what the code under test reports."""
    reported = ReportedText(_folder(session) / "reported.txt")
    session.config.stash[_REPORTED] = reported
    watch(reported)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if any of it reports a patient whose images the tests use.

    With several processes, the first one looks into the folders of all.
    """
    session.config.stash[_REPORTED].close()
    if hasattr(session.config, "workerinput"):
        return
    files = [path for path in _folder(session).rglob("*") if path.name in FILES and path.stat().st_size]
    found = session.config.stash[_LEAKS] = list(leaks(files, patients())) if files else []
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say where."""
    if found := config.stash.get(_LEAKS, []):
        terminalreporter.section("patients were named", red=True)
        for place in found:
            terminalreporter.line(place)


def _folder(session: pytest.Session) -> Path:
    factory: pytest.TempPathFactory = session.config._tmp_path_factory  # type: ignore[attr-defined]
    return factory.getbasetemp()
