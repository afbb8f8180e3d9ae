"""Timing what is done at a PACS, and showing it in the trace."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.core.telemetry.tracing import span


@contextmanager
def observed_call(telemetry: Telemetry, tenant_id: str, pacs: str, operation: str) -> Iterator[None]:
    """Report how long the block takes, and how it ends: "ok", or the name of what it raises."""
    started_s = time.perf_counter()
    outcome = "ok"
    try:
        with span(f"PACS {operation}", pacs=pacs):
            yield
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        telemetry.pacs_call(tenant_id, pacs, operation, outcome, time.perf_counter() - started_s)
