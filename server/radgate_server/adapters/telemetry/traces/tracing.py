"""Recording traces with OpenTelemetry's SDK and sending them to a collector, in the background."""

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from radgate_server import __version__
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.telemetry.tracing import Tracer
from radgate_server.settings.telemetry import TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import Sampler

    from radgate_server.adapters.telemetry.traces.spans import SpanBudget


async def open_tracer(
    stack: AsyncExitStack, settings: TelemetrySettings, count: Callable[[str, int], None]
) -> Tracer | None:
    """What records traces, None when that is off, by the setting or by `OTEL_SDK_DISABLED`.

    What waits to be sent is sent when `stack` closes.

    `count` hears what became of so many spans: "sent" or "failed". The provider is ours alone: of libraries that are
    instrumented, whose spans hold URLs and with them UIDs and names, nothing is recorded.

    Raises:
        ConfigurationError: OpenTelemetry refuses a setting, or a variable `OTEL_*`.
    """
    if not settings.tracing_enabled or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    try:
        # Imported when wanted: the command line starts without. It reads OTEL_PROPAGATORS.
        from radgate_server.adapters.telemetry.traces.spans import SpanBudget, SpanRecorder

        budget = SpanBudget(settings.spans_per_second)
        provider = open_provider(settings, budget, count)
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001 - of many classes; it names the variable, and none of those is secret
        raise ConfigurationError(f"OpenTelemetry refuses a variable OTEL_*: {error}") from None
    stack.push_async_callback(asyncio.to_thread, provider.shutdown)
    return SpanRecorder(provider, budget, follows_clients=settings.trace_sampler.startswith("parentbased_"))


def open_provider(
    settings: TelemetrySettings, budget: "SpanBudget", count: Callable[[str, int], None]
) -> "TracerProvider":
    """OpenTelemetry's provider of tracers, by the settings, else by `OTEL_*`; `shutdown` closes it."""
    from opentelemetry.sdk.trace import TracerProvider

    from radgate_server.adapters.telemetry.traces.otlp import CountingProcessor, exporter_of
    from radgate_server.adapters.telemetry.traces.spans import BudgetedSampler

    sampler = BudgetedSampler(sampler_of(settings), budget)
    provider = TracerProvider(sampler, resource_of(settings), shutdown_on_exit=False)
    for name in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(","):
        if name.strip() not in ("", "none"):
            provider.add_span_processor(CountingProcessor(exporter_of(name.strip(), settings), count))
    return provider


def sampler_of(settings: TelemetrySettings) -> "Sampler":
    """The sampler of that name, OpenTelemetry's own or one that a package brings along.

    Raises:
        ConfigurationError: there is none.
    """
    from importlib.metadata import entry_points

    found = next(iter(entry_points(group="opentelemetry_traces_sampler", name=settings.trace_sampler)), None)
    if found is None:
        raise ConfigurationError(
            f"setting telemetry.trace_sampler (or OTEL_TRACES_SAMPLER): there is no sampler {settings.trace_sampler!r};"
            " install the package that has it, or use parentbased_traceidratio"
        )
    sampler: Sampler = found.load()(settings.sampler_argument(os.environ))
    return sampler


def resource_of(settings: TelemetrySettings) -> "Resource":
    """Where spans come from: our defaults, over them the variables `OTEL_*`, over them the setting."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    ours = {"service.name": "radgate", "service.version": __version__, "service.instance.id": settings.instance_id()}
    found = Resource.create().merge(Resource(ours)).merge(OTELResourceDetector().detect())
    return found.merge(Resource(dict(settings.resource_attributes)))
