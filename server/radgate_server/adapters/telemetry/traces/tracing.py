"""Recording traces and sending them to a collector, in the background."""

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from radgate_server.core.telemetry.tracing import Tracer
from radgate_server.settings.telemetry import TelemetrySettings

if TYPE_CHECKING:
    from radgate_server.adapters.telemetry.traces.span_sending import SpanExport


async def open_tracer(
    stack: AsyncExitStack, settings: TelemetrySettings, count: Callable[[str, int], None]
) -> Tracer | None:
    """What records traces, None when that is off. What waits to be sent is sent when `stack` closes.

    `count` is told what became of so many spans: "sent" or "failed".
    """
    if not settings.tracing_enabled:
        return None
    # Imported when wanted: the command line starts without.
    from radgate_server.adapters.telemetry.traces.span_sending import SpanSender
    from radgate_server.adapters.telemetry.traces.spans import SpanRecorder

    sender = SpanSender(_export(settings), count, settings.resource(os.environ))
    sender.start()
    stack.push_async_callback(asyncio.to_thread, sender.close)
    return SpanRecorder(sender.add, share=settings.trace_share, per_second=settings.spans_per_second)


def _export(settings: TelemetrySettings) -> "SpanExport":
    from radgate_server.adapters.telemetry.traces.otlp import GrpcExport, HttpExport

    headers = {name: value.get_secret_value() for name, value in settings.otlp_headers.items()}
    if settings.otlp_protocol == "http":
        return HttpExport(settings.otlp_endpoint, headers=headers, timeout_s=settings.otlp_timeout_s)
    url = urlsplit(settings.otlp_endpoint)
    secured = url.scheme == "https"
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    address = f"{host}:{url.port or (443 if secured else 80)}"
    return GrpcExport(address, secured=secured, headers=headers, timeout_s=settings.otlp_timeout_s)
