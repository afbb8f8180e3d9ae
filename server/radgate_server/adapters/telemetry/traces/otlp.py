"""Where spans go: OpenTelemetry's exporters, and what the server logs and counts of them."""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlsplit

import grpc
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from radgate_server.core.errors import ConfigurationError
from radgate_server.settings.telemetry import TelemetrySettings

_log = logging.getLogger(__name__)
_MOST_WAITING = 2048
"""OpenTelemetry's default of OTEL_BSP_MAX_QUEUE_SIZE."""
_REMEDY = "what it wants belongs into the setting telemetry.otlp_headers"
_LIBRARY = "opentelemetry.exporter"
_REFUSALS = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "HTTP status 401", "HTTP status 403"})


def exporter_of(name: str, settings: TelemetrySettings) -> SpanExporter:
    """The exporter of that name in `OTEL_TRACES_EXPORTER`: "otlp", or one that a package brings along.

    Raises:
        ConfigurationError: there is none.
    """
    if name == "otlp":
        return _http(settings) if settings.otlp_protocol == "http" else _grpc(settings)
    found = next(iter(entry_points(group="opentelemetry_traces_exporter", name=name)), None)
    if found is None:
        raise ConfigurationError(
            f"variable OTEL_TRACES_EXPORTER: there is no exporter {name!r}; install its package, or use otlp"
        )
    exporter: SpanExporter = found.load()()
    return exporter


def _grpc(settings: TelemetrySettings) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    url = urlsplit(settings.otlp_endpoint)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    secured = url.scheme == "https"
    return OTLPSpanExporter(
        endpoint=f"{url.scheme}://{host}:{url.port or (443 if secured else 80)}",
        insecure=not secured,
        credentials=_credentials(settings) if secured else None,
        headers=_headers(settings),
        timeout=settings.otlp_timeout_s,
    )


def _credentials(settings: TelemetrySettings) -> grpc.ChannelCredentials:
    files = (settings.otlp_ca_file, settings.otlp_client_key_file, settings.otlp_client_certificate_file)
    try:
        return grpc.ssl_channel_credentials(*(None if file is None else Path(file).read_bytes() for file in files))
    except OSError as error:
        raise ConfigurationError(f"can't read {error.filename!r}, which telemetry.otlp_* names") from None


def _http(settings: TelemetrySettings) -> SpanExporter:
    import requests
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from requests.utils import get_environ_proxies

    endpoint = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
    session = requests.Session()
    session.trust_env = False  # else REQUESTS_CA_BUNDLE and ~/.netrc go before certificates and headers of the settings
    session.proxies = get_environ_proxies(endpoint)
    return OTLPSpanExporter(
        endpoint=endpoint,
        session=session,
        certificate_file=_text(settings.otlp_ca_file),
        client_key_file=_text(settings.otlp_client_key_file),
        client_certificate_file=_text(settings.otlp_client_certificate_file),
        headers=_headers(settings),
        timeout=settings.otlp_timeout_s,
    )


def _headers(settings: TelemetrySettings) -> dict[str, str]:
    return {name: value.get_secret_value() for name, value in settings.otlp_headers.items()}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


class ReportingExporter(SpanExporter):
    """Hands spans on to `inner`, reports to `count` how many were "sent" or "failed", and logs when that changes.

    `took` hears first of how many are in progress.

    The exporter's own lines, one for each failure, may quote the collector; of them only the kind of failure is used.
    """

    def __init__(
        self, inner: SpanExporter, count: Callable[[str, int], None], took: Callable[[int], None] = lambda _: None
    ) -> None:
        self._inner = inner
        self._count = count
        self._took = took
        self._failure = ""
        self._leaving = False
        self._causes = _Causes()
        self._library = logging.getLogger(_LIBRARY)
        self._library.addHandler(self._causes)
        self._library.propagate = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, from the SDK's thread. Once the server ends, a collector that failed is asked no more."""
        self._took(len(spans))
        sent = not (self._leaving and self._failure) and self._sends(spans)
        self._count("sent" if sent else "failed", len(spans))
        return SpanExportResult.SUCCESS if sent else SpanExportResult.FAILURE

    def _sends(self, spans: Sequence[ReadableSpan]) -> bool:
        self._causes.last = ""
        try:
            sent = self._inner.export(spans) is SpanExportResult.SUCCESS
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs these spans alone
            sent, self._causes.last = False, type(error).__name__
        # Of failures that are alike, the library logs the first in 20 s alone.
        self._report("" if sent else self._causes.last or self._failure or "no answer")
        return sent

    def _report(self, failure: str) -> None:
        """Log what begins and what is over: not each request."""
        before, self._failure = self._failure, failure
        if before == failure:
            return
        if not failure:
            _log.info("traces are sent again")
        elif failure in _REFUSALS:
            _log.warning("traces can't be sent to the collector: %s; %s", failure, _REMEDY)
        else:
            _log.warning("traces can't be sent to the collector: %s", failure)

    def leave(self) -> None:
        """From now on send each span at most once: the server ends."""
        self._leaving = True

    def shutdown(self) -> None:
        """Send nothing more."""
        self._inner.shutdown()
        self._library.removeHandler(self._causes)
        self._library.propagate = True

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing waits here."""
        return self._inner.force_flush(timeout_millis)


class _Causes(logging.Handler):
    """Finds the kind of failure in what OpenTelemetry's exporters log: a status of gRPC or HTTP, or an exception."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Look through what a line is made of, and keep none of its text."""
        for value in record.args if isinstance(record.args, tuple) else ():
            match value:
                case grpc.StatusCode():
                    self.last = value.name
                case BaseException():
                    self.last = type(value).__name__
                case int() if 100 <= value <= 599:
                    self.last = f"HTTP status {value}"
                case _:
                    continue


class CountingProcessor(BatchSpanProcessor):
    """The SDK's batches of spans, as `OTEL_BSP_*` say; spans that find too many waiting count as "failed"."""

    def __init__(self, exporter: SpanExporter, count: Callable[[str, int], None]) -> None:
        self._exporting = ReportingExporter(exporter, count, self._took)
        self._count = count
        self._most = int(os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE", _MOST_WAITING))
        self._waiting = 0
        self._lock = threading.Lock()
        super().__init__(self._exporting, max_queue_size=self._most)

    def on_end(self, span: ReadableSpan) -> None:
        """Send it soon. Any thread may call it; it neither waits nor fails."""
        with self._lock:
            has_room = self._waiting < self._most
            self._waiting += has_room
        if has_room:
            super().on_end(span)
        else:
            self._count("failed", 1)

    def _took(self, spans: int) -> None:
        with self._lock:
            self._waiting -= spans

    def shutdown(self) -> None:
        """Send what waits, and no more. Blocks until that is sent, or a request of it fails."""
        self._exporting.leave()
        super().shutdown()  # type: ignore[no-untyped-call]
