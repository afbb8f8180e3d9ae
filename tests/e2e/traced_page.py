"""A page whose requests are parts of one trace, which begins in the browser."""

import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page

from radgate_server.core.telemetry.tracing import TraceContext
from tests.trace_tree import Found, begin

_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_UID = re.compile(r"(?<=/)[0-9]+(\.[0-9]+)+(?=/|$)")


@dataclass
class TracedPage:
    """Makes a page's requests parts of a new trace, from before the page is opened."""

    page: Page
    own: TraceContext = field(default_factory=begin, init=False)
    _start_ns: int = field(default_factory=time.time_ns, init=False)

    def __post_init__(self) -> None:
        """Instrument the page."""
        place = json.dumps({"trace_id": self.own.trace_id, "span_id": self.own.span_id})
        self.page.add_init_script(f"{_SCRIPT}traceRequests({place});")

    def spans(self, name: str) -> list[Found]:
        """The page's own span under that name, from its making until now, and one for each request that has ended."""
        page = self._found(name, self.own.span_id, "", self._start_ns, time.time_ns(), {})
        asked = self.page.evaluate("window.tracedRequests.filter((request) => request.end_ms)")
        return [page, *(self._request(request) for request in asked)]

    def _request(self, request: dict[str, object]) -> Found:
        """Its path with `*` in place of UIDs."""
        name = f"{request['method']} {_UID.sub('*', str(request['path']))}"
        start_ns, end_ns = (round(float(str(request[key])) * 1e6) for key in ("start_ms", "end_ms"))
        attributes = {"http.status_code": request["status"]}
        return self._found(name, str(request["span_id"]), self.own.span_id, start_ns, end_ns, attributes)

    def _found(
        self, name: str, span_id: str, parent_id: str, start_ns: int, end_ns: int, attributes: dict[str, object]
    ) -> Found:
        return Found("browser", self.own.trace_id, span_id, parent_id, name, start_ns, end_ns, attributes)
