import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest

from radgate_server.adapters.telemetry.logs.handler import log_counts
from radgate_server.adapters.telemetry.logs.setup import set_up_logging
from radgate_server.core.errors import PacsFailedError
from radgate_server.core.telemetry.request_context import request_id, trace_id

PATIENT = "Doe^Jane"
log = logging.getLogger("radgate_server.services.example")


class Lines:
    """What was logged, parsed."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def only(self) -> dict[str, Any]:
        assert self.text.endswith("\n")
        assert self.text.count("\n") == 1
        line = json.loads(self.text)
        assert isinstance(line, dict)
        return line


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """Logging as it is set up; put back afterwards, for other tests."""
    root = logging.getLogger()
    handlers, level, raise_exceptions = root.handlers, root.level, logging.raiseExceptions
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    levels = {name: logging.getLogger(name).level for name in ("pydicom", "pynetdicom", "py.warnings", "sqlalchemy")}
    levels |= {name: logging.getLogger(name).level for name in ("alembic", "asyncio", "grpc")}
    levels |= {name: logging.getLogger(name).level for name in ("httpx", "httpcore", "hpack", "h2")}
    lines = Lines()
    set_up_logging("INFO", lines.stream)
    yield lines
    logging.captureWarnings(False)
    root.handlers = handlers
    root.setLevel(level)
    logging.raiseExceptions = raise_exceptions
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)


def fail() -> None:
    raise ValueError(f"can't read {PATIENT}")


def test_one_object_a_line(lines: Lines) -> None:
    log.info("a study came from %s\n2", "ris", extra={"count": 3, "seconds": 0.5})
    line = lines.only()
    assert line["message"] == "a study came from ris\n2"
    assert (line["level"], line["logger"]) == ("INFO", "radgate_server.services.example")
    assert (line["count"], line["seconds"]) == (3, 0.5)
    assert line["time"].endswith("Z")
    assert datetime.fromisoformat(line["time"]).tzinfo is not None
    assert "request_id" not in line


def test_the_request_id_is_in_every_line_of_a_call(lines: Lines) -> None:
    token = request_id.set("abc")
    try:
        log.warning("slow")
    finally:
        request_id.reset(token)
    assert lines.only()["request_id"] == "abc"


def test_below_the_level_nothing_is_logged(lines: Lines) -> None:
    log.debug("detail")
    assert lines.text == ""


def test_fields_that_are_not_on_the_list_are_left_out(lines: Lines) -> None:
    log.info("found", extra={"patient_name": PATIENT, "pacs": "ris"})
    line = lines.only()
    assert "patient_name" not in line
    assert line["pacs"] == "ris"
    assert PATIENT not in lines.text


def test_a_failover_is_reported_in_full(lines: Lines) -> None:
    event = {"tenant": "east", "primary": "main", "from_pacs": "main", "to_pacs": "spare"}
    event |= {"cause": "failover", "reason": "PACS_UNREACHABLE"}
    log.warning("another PACS of a group is active", extra=event)
    assert event.items() <= lines.only().items()


def test_of_a_foreign_exception_only_type_and_places_are_reported(lines: Lines) -> None:
    try:
        fail()
    except ValueError:
        log.exception("could not convert")
    (described,) = lines.only()["exceptions"]
    assert described["type"] == "ValueError"
    assert described["frames"][-1].endswith(" fail")
    assert described["frames"][-1].startswith("telemetry/logs/test_logging.py:")
    assert PATIENT not in lines.text


def test_our_own_exceptions_speak_and_their_causes_do_not(lines: Lines) -> None:
    try:
        try:
            fail()
        except ValueError as error:
            raise PacsFailedError("the PACS broke the standard", pacs="ris") from error
    except PacsFailedError:
        log.exception("a fetch failed")
    ours, cause = lines.only()["exceptions"]
    assert ours["message"] == "the PACS broke the standard"
    assert ours["type"] == "radgate_server.core.errors.PacsFailedError"
    assert "message" not in cause
    assert PATIENT not in lines.text


def test_an_exception_given_as_a_value_is_reported_by_its_type(lines: Lines) -> None:
    log.warning("went wrong: %s (%d)", ValueError(PATIENT), 7)
    assert lines.only()["message"] == "went wrong: ValueError (7)"


def test_the_system_errors_number_is_reported(lines: Lines) -> None:
    try:
        raise OSError(28, "No space left on device", f"/data/{PATIENT}")
    except OSError:
        log.exception("can't write")
    assert lines.only()["exceptions"][0]["errno"] == 28
    assert PATIENT not in lines.text


def test_an_exception_says_its_reason_where_that_can_hold_no_data(lines: Lines) -> None:
    try:
        raise psycopg.OperationalError("connection failed: Connection refused")
    except psycopg.OperationalError as error:
        log.exception("can't continue: %s", error)
    line = lines.only()
    assert line["message"] == "can't continue: OperationalError: connection failed: Connection refused"
    assert line["exceptions"][0]["reason"] == "OperationalError: connection failed: Connection refused"


def test_of_pynetdicom_only_defects_are_reported(lines: Lines) -> None:
    """What a PACS refuses or aborts, the adapter's own errors say, with the PACS's name."""
    logging.getLogger("pynetdicom.acse").error("Association Rejected")
    assert lines.text == ""
    try:
        fail()
    except ValueError:
        logging.getLogger("pynetdicom.events").exception("a handler failed")
    assert lines.only()["exceptions"][0]["type"] == "ValueError"


def test_messages_of_libraries_are_replaced_by_their_place(lines: Lines) -> None:
    logging.getLogger("somelibrary.reader").error("odd value %s", PATIENT)
    line = lines.only()
    assert line["message"].startswith("(test_logging.py:")
    assert line["logger"] == "somelibrary.reader"
    assert PATIENT not in lines.text


def test_of_asyncio_and_grpc_the_first_line_is_informed_without_its_values(lines: Lines) -> None:
    logging.getLogger("asyncio").error(f"Task exception was never retrieved\nfuture: {PATIENT}")  # noqa: G004
    assert lines.only()["message"] == "Task exception was never retrieved"


@pytest.mark.parametrize(
    "name",
    ["pydicom", "pynetdicom.acse", "sqlalchemy.engine", "httpx", "httpcore.http11", "hpack.hpack"],
)
def test_chatty_libraries_are_silenced(lines: Lines, name: str) -> None:
    logging.getLogger(name).info("data set: %s", PATIENT)
    assert lines.text == ""


def test_warnings_are_not_shown(lines: Lines, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn(f"Invalid value {PATIENT}", stacklevel=1)
    assert PATIENT not in lines.text + capsys.readouterr().err


def test_uncaught_exceptions_are_logged_like_others(lines: Lines, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        fail()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    assert lines.only()["level"] == "CRITICAL"
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert json.loads(lines.text.splitlines()[1])["message"] == "a thread ends by an exception"
    assert PATIENT not in lines.text + capsys.readouterr().err


def test_a_wrong_log_call_does_not_show_its_values(lines: Lines, capsys: pytest.CaptureFixture[str]) -> None:
    log.info("no place for it", PATIENT)
    assert PATIENT not in lines.text + capsys.readouterr().err


def test_values_that_are_not_json_are_reported_by_their_type(lines: Lines) -> None:
    log.info("odd", extra={"count": {1, 2}})
    assert lines.only()["count"] == "set"


def test_the_trace_is_in_every_line_of_its_calls(lines: Lines) -> None:
    token = trace_id.set("4bf92f3577b34da6a3ce929d0e0e4736")
    try:
        log.warning("slow")
    finally:
        trace_id.reset(token)
    assert lines.only()["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_lines_are_counted_by_level(lines: Lines) -> None:
    log.warning("slow")
    log.warning("slow")
    log.info("done")
    assert log_counts() == ({"warning": 2, "info": 1}, 0)
