"""The search for patients in what the suite reports finds each way in which one may be notified of."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.patient_leaks import leaks, patients

ROOT = Path(__file__).parents[2]


def run(leak: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run tests/leaking.py; what it writes is gone afterwards, lest this run finds it too."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={folder / 'run'}"]
    environment = {**os.environ, "LEAK": leak}
    done = subprocess.run(
        [*command, "tests/leaking.py"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    shutil.rmtree(folder / "run")
    return done


def test_a_run_that_reports_a_patient_fails_and_says_where(tmp_path: Path) -> None:
    done = run("yes", tmp_path)
    assert done.returncode == 1
    assert "1 passed" in done.stdout
    _, _, reported = done.stdout.partition("patients were named")
    for way in ("log", "error", "metrics", "trace"):
        assert f"{way} of tests/leaking.py::test_reports" in reported
    assert "serve.log:1: a line of a server" in reported
    assert "CompressedSamples" not in reported


def test_a_run_that_reports_nothing_passes(tmp_path: Path) -> None:
    assert run("no", tmp_path).returncode == 0


def test_words_are_found_as_a_whole_alone(tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("x1CT1y\n1.2.1CT1\nsaw 1CT1 today\n")
    assert list(leaks([file], {"1CT1"})) == [f"{file}:3: a line of a server"]
    assert {"CompressedSamples^CT1", "1CT1", "E2E-2"} <= patients()
