"""Everything that the code under test reported while the suite ran, and a search in it for the patients of the images.

`watch` lets what would leave a server (lines of log, pages of metrics, spans, errors' texts) be written into one file;
processes write files of their own. `leaks` looks through all of it. A run in which a patient is named fails.
"""

import logging
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import data_store
import pydicom
import pydicom.data
from opentelemetry.sdk.trace import SynchronousMultiSpanProcessor
from prometheus_client import generate_latest

from radgate_server.adapters.telemetry.logs.json_format import JsonFormatter
from radgate_server.adapters.telemetry.metrics.server import MetricsServer
from radgate_server.rpc import errors as rpc_errors

_FOLDERS = (Path(pydicom.data.__file__).parent / "test_files", Path(data_store.__file__).parent / "data")
_NAMING = ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber")
_MADE = {"Quadrant^Quentin", "Syntaxes^Sylvia", "Large^Laura", "E2E-1", "E2E-2", "E2E-4", "E2E-ACC", "Müller^Jürgen"}
"""Patients of the images that the tests make themselves."""
_SAY_NOTHING = {"Anonymized", "Anonymous", "exam Number", "11111111", "12345678"}
_LEAST_CHARACTERS, _LEAST_DIGITS = 4, 6

FILES = ("reported.txt", "serve.log", "metrics.txt")
"""Files below temporary folders into which the processes of a run, and servers, write what they report."""


def patients() -> set[str]:
    """Names, ids, birth dates and accession numbers in the images that are installed for tests."""
    words = set(_MADE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in (path for folder in _FOLDERS for path in folder.rglob("*") if path.is_file()):
            words |= set(_words_of(path))
    return {word for word in words - _SAY_NOTHING if _reports_patients(word)}


def _reports_patients(word: str) -> bool:
    """Whether it would not be there by chance, as the number 204 would."""
    least = _LEAST_DIGITS if word.isdigit() else _LEAST_CHARACTERS
    return len(re.findall(r"\w", word)) >= least


def _words_of(path: Path) -> Iterator[str]:
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_NAMING))
        yield from (str(dataset.get(keyword) or "") for keyword in _NAMING)
    except Exception:  # noqa: BLE001 - some are broken on purpose, in every way
        return


def leaks(files: Iterable[Path], words: Iterable[str]) -> Iterator[str]:
    """Each line that reports a patient: file, number, and the test if the line names it; never the patient."""
    found = re.compile(r"(?<![\w.-])(?:" + "|".join(re.escape(word) for word in sorted(words)) + r")(?![\w.-])")
    for file in files:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if found.search(line):
                    yield f"{file}:{number}: {line.partition('\t')[0][:200] if '\t' in line else 'a line of a server'}"


class ReportedText:
    """The file that things are written into. Any thread may."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("w", encoding="utf-8", buffering=1)  # by lines: others look into it
        self._lock = threading.Lock()

    def write(self, kind: str, text: str) -> None:
        """Keep it, with the test that runs."""
        where = os.environ.get("PYTEST_CURRENT_TEST", "between tests")
        with self._lock:
            self._file.writelines(f"{kind} of {where}\t{line}\n" for line in text.splitlines())

    def close(self) -> None:
        """Let it be read."""
        self._file.close()


class _Lines(logging.Handler):
    """Lines of log, as a server would write them."""

    def __init__(self, reported: ReportedText) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self._reported = reported

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(TypeError, ValueError):  # a wrong call, of which a server's handler writes nothing either
            self._reported.write("log", self.format(record))


def watch(reported: ReportedText) -> None:
    """Let all that leaves a server of this process be written down too, until the process ends."""
    logging.getLogger("radgate_server").addHandler(_Lines(reported))
    _also(MetricsServer, "close", lambda server: reported.write("metrics", _page(server)))
    _also(SynchronousMultiSpanProcessor, "on_end", lambda _, span: reported.write("trace", span.to_json(indent=None)))
    status_of = rpc_errors.status_of

    def reported_status(error: BaseException) -> Any:
        status = status_of(error)
        reported.write("error", str(status))
        return status

    rpc_errors.status_of = reported_status


def _page(server: MetricsServer) -> str:
    return generate_latest(server._registry).decode()


def _also(owner: type, name: str, do: Callable[..., None]) -> None:
    """Let a method do something more beforehand."""
    method = getattr(owner, name)

    def both(self: object, *arguments: Any) -> Any:
        do(self, *arguments)
        return method(self, *arguments)

    setattr(owner, name, both)
