"""What is logged, where to, and what of Python's own reports becomes of it: one JSON object a line (log_format.py)."""

import logging
import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import TextIO

from radgate_server.adapters.telemetry.logs.handler import CountingHandler
from radgate_server.adapters.telemetry.logs.json_format import JsonFormatter
from radgate_server.adapters.telemetry.logs.sampling import LogSampler
from radgate_server.settings.telemetry import LogRule

_LEVELS = {
    "pydicom": logging.ERROR,
    "pynetdicom": logging.ERROR,  # and of that only what comes with an exception: see _adds_to_our_own
    "py.warnings": logging.CRITICAL + 1,  # warnings quote values, and are for developers of libraries
    "sqlalchemy": logging.WARNING,
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "grpc": logging.WARNING,
    "httpx": logging.WARNING,  # below that they report URLs, with UIDs and patients' names, and headers
    "httpcore": logging.WARNING,
    "hpack": logging.WARNING,
    "h2": logging.WARNING,
    "boto3": logging.WARNING,  # below that they report requests and answers, with keys
    "botocore": logging.WARNING,
    "urllib3": logging.WARNING,
    "hvac": logging.WARNING,
}
"""The least severity that a library may log."""


def set_up_logging(
    level: str, stream: TextIO | None = None, sampling: Sequence[LogRule] = (), *, process_number: int = -1
) -> None:
    """Log to `stream` (standard error) what is of `level` or above, exceptions that nobody catches included.

    Python's own reports to standard error (tracebacks, warnings, failures of logging) end: they quote values. Lines
    have the `process_number` of one of several server processes.
    """
    handler = CountingHandler(stream or sys.stderr, LogSampler(sampling))
    handler.setFormatter(JsonFormatter(process_number))
    handler.addFilter(_adds_to_our_own)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, least in _LEVELS.items():
        logging.getLogger(name).setLevel(least)
    logging.captureWarnings(True)
    logging.raiseExceptions = False
    sys.excepthook = _log_uncaught
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_uncaught_in_thread


def _adds_to_our_own(record: logging.LogRecord) -> bool:
    """Not of pynetdicom's: each rejection and abort, which names no PACS. Ours says it with name and reason."""
    return not record.name.startswith("pynetdicom") or bool(record.exc_info)


_uncaught = logging.getLogger("radgate_server.uncaught")


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not isinstance(error, KeyboardInterrupt):
        _uncaught.critical("the process ends by an exception", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        _uncaught.error("a thread ends by an exception", exc_info=args.exc_value)


def _log_unraisable(args: "sys.UnraisableHookArgs") -> None:
    _uncaught.error("an exception could not be raised", exc_info=args.exc_value)
