"""Timing what is done at a PACS."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from radgate_server.core.ports.telemetry import Telemetry


@contextmanager
def observed_call(telemetry: Telemetry, pacs: str, operation: str) -> Iterator[None]:
    """Report how long the block takes, and how it ends: "ok", or the name of what it raises."""
    started_s = time.perf_counter()
    outcome = "ok"
    try:
        yield
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        telemetry.pacs_call(pacs, operation, outcome, time.perf_counter() - started_s)
