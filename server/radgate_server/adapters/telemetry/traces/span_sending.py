"""Takes spans that have ended, and sends many at a time, from a thread of its own."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from radgate_server.adapters.telemetry.traces.span_encoding import encode_request, encode_resource

_log = logging.getLogger(__name__)

_MOST_AT_ONCE = 1024
MOST_WAITING = 8192
"""Of some 250 bytes each. While there are as many, what comes is left out."""
_INTERVAL_S = 1.0
_PAUSES_S = (1.0, 2.0, 4.0)
"""Before a request that failed is sent again. A collector that is started anew is back by then."""


class SpanExport(Protocol):
    """The way to a collector (otlp.py)."""

    def send(self, request: bytes) -> None:
        """Send an encoded request.

        Raises:
            ConnectionError: it was not taken; it says why.
            PermissionError: nor will it be as long as nobody changes a setting; it says which.
        """
        ...

    def close(self) -> None:
        """Send nothing more."""
        ...


class SpanSender:
    """`add` takes spans (span_encoding.py); `count` is told what became of so many of them: "sent" or "failed".

    `resource` has OpenTelemetry's attributes of where they come from.
    """

    def __init__(
        self, export: SpanExport, count: Callable[[str, int], None], resource: Mapping[str, str] | None = None
    ) -> None:
        self._resource = encode_resource(resource or {})
        self._export = export
        self._count = count
        self._waiting: deque[bytes] = deque()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._trouble: type[Exception] | None = None
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)

    def start(self) -> None:
        """Send each second what has come, or sooner when it is much."""
        self._thread.start()

    def close(self) -> None:
        """Send what waits, and no more. Blocks until that is sent, or a request of it fails."""
        self._closing.set()
        self._wake.set()
        self._thread.join()
        self._export.close()

    def add(self, span: bytes) -> None:
        """Send it soon. Any thread may call it; it neither waits nor fails."""
        waiting = self._waiting
        if len(waiting) >= MOST_WAITING:
            self._count("failed", 1)
            return
        waiting.append(span)
        if len(waiting) == _MOST_AT_ONCE:
            self._wake.set()

    def send_waiting(self) -> None:
        """Send all that waits. Call it in one thread at a time."""
        waiting = self._waiting
        while number := min(len(waiting), _MOST_AT_ONCE):
            spans = [waiting.popleft() for _ in range(number)]
            if self._send(encode_request(spans, self._resource)):
                self._count("sent", number)
                continue
            if self._closing.is_set():  # nobody waits any longer for a collector that is away
                number += len(waiting)
                waiting.clear()
            self._count("failed", number)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(_INTERVAL_S)
            self._wake.clear()
            self.send_waiting()
        self.send_waiting()  # what came while the last ones were on their way

    def _send(self, request: bytes) -> bool:
        for pause_s in (*_PAUSES_S, None):
            try:
                self._export.send(request)
            except Exception as error:  # noqa: BLE001 - whatever it is, it costs these spans alone
                self._tell(error)
                if not isinstance(error, ConnectionError):
                    break
            else:
                self._tell(None)
                return True
            if pause_s is None or self._closing.wait(pause_s):
                break
        return False

    def _tell(self, error: Exception | None) -> None:
        """Log what begins and what is over: not each request."""
        before, self._trouble = self._trouble, None if error is None else type(error)
        if self._trouble is before:
            return
        match error:
            case None:
                _log.info("traces are sent again")
            case ConnectionError() | PermissionError():
                _log.warning("traces can't be sent to the collector: %s", str(error))
            case _:
                _log.error("traces can't be sent because of a defect", exc_info=error)
