"""One call in the hands of the interceptors and of the servicers."""

import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from grpc.aio import ServicerContext

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.telemetry.request_context import trace_id
from radgate_server.rpc.errors import Failure
from radgate_server.rpc.pipeline.warning_header import warning_header
from radgate_server.services.audit.streams import AuditedStream
from radgate_server.services.limits.limiter import Lease

type Metadata = Sequence[tuple[str, str | bytes]]

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_LOOPBACK = ("ipv4:127.", "ipv6:%5B::1%5D:", "ipv6:[::1]:", "ipv6:%5B::ffff:127.", "unix:")
EDGE_HEADER = "x-radgate-edge"
"""Path and query of a request that came by the edge's way in; in an answer, that it goes there. The gateway's own."""

_MAX_USER_AGENT = 200
_MAX_BREAK_GLASS = 200


class Call:
    """What is known of one call. `caller` is set once the call is authenticated, before any servicer sees it.

    `stream` is what is being sent if its size was unknown beforehand, `sent_bytes` what `write` has sent.
    `cut` says that a part of an HTTP body was sent and its client can't be notified: no status may follow, since behind
    the gateway it would end the body in good order.
    `counted_for` is the tenant among whose calls in flight it is counted, None before.
    `doubts` gives the headers that are due with the first byte, for what is known of the study by then.
    `due` are further headers of the answer, whoever sends them and when.
    `withhold` has, by study, what raises when the study was admitted and may not be sent any more; asked before
    each message.
    `warnings` say what is doubtful of the answer: for its headers, and for a record that ends it.
    `in_progress` is the connection that the call is counted for, "" before it is admitted.
    """

    __slots__ = (
        "_context",
        "_headers",
        "_headers_sent",
        "caller",
        "counted_for",
        "cut",
        "doubts",
        "due",
        "failure",
        "first_write_s",
        "in_progress",
        "lease",
        "method",
        "payload",
        "request_id",
        "response",
        "sent_bytes",
        "stream",
        "warnings",
        "withhold",
    )

    caller: Caller

    def __init__(self, context: ServicerContext[Any, Any], method: str, metadata: Metadata, payload: Any) -> None:
        self._context = context
        headers: dict[str, Any] = dict(metadata)
        self._headers: Mapping[str, Any] = headers if len(headers) == len(metadata) else _join_repeated(metadata)
        self.method = method
        self.payload = payload
        self.response: bytes = b""
        self.doubts: Callable[[], Metadata] | None = None
        self.due: Metadata = ()
        self.withhold: dict[str, Callable[[], None]] | None = None
        self._headers_sent = False
        self.failure: Failure | None = None
        self.lease: Lease | None = None
        self.stream: AuditedStream | None = None
        self.sent_bytes = 0
        self.cut = False
        self.counted_for: str | None = None
        self.in_progress = ""
        self.warnings: tuple[str, ...] = ()
        self.first_write_s: float | None = None
        given = self._headers.get("x-request-id", "")
        self.request_id: str = given if _SANE_REQUEST_ID.fullmatch(given) else secrets.token_hex(8)

    def ask_for_tenant(self, tenant_id: str) -> None:
        """Act as if the metadata had named the tenant that the request names."""
        self._headers = {**self._headers, "x-tenant-id": tenant_id}

    def header(self, name: str) -> str:
        """A request header (metadata), but no binary one, by its lower-case name; "" when it was not sent."""
        value: str = self._headers.get(name, "")
        return value

    @property
    def is_local(self) -> bool:
        """Whether the connection comes from this machine."""
        return self._context.peer().startswith(_LOOPBACK)

    @property
    def peer_address(self) -> str:
        """Where the connection comes from; of calls through the gateway that is the gateway."""
        peer = self._context.peer()
        return peer.partition(":")[2].rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")

    @property
    def connection(self) -> str:
        """What distinguishes the client's connection from others: the gateway's number for it, or both its ends."""
        return self.seen_by_gateway.partition(" ")[0] or self._context.peer()

    @property
    def seen_by_gateway(self) -> str:
        """What the gateway saw of the client: "CONNECTION ADDRESS SECRET" (rpc/access/caller_identity.py)."""
        return self.header("x-radgate-client")

    @property
    def peer_certificate(self) -> bytes:
        """The certificate (PEM) that was verified when the connection was opened, b"" for none."""
        found = self._context.auth_context().get("x509_pem_cert") or ()
        return bytes(next(iter(found), b""))

    @property
    def user_agent(self) -> str:
        """What the client calls itself, cut to a sane length."""
        return self.header("user-agent")[:_MAX_USER_AGENT]

    @property
    def break_glass(self) -> str:
        """Why the client says that this is an emergency, cut to a sane length, "" when it says nothing."""
        return self.header("x-break-glass")[:_MAX_BREAK_GLASS]

    @property
    def authenticated(self) -> bool:
        """Whether it is known who calls."""
        return hasattr(self, "caller")

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the client's deadline, None when it set none."""
        return self._context.time_remaining()

    @property
    def client_disconnected(self) -> bool:
        """Whether the client cancelled or lost the call, so that nothing can be sent any more."""
        return bool(self._context.cancelled() or self._context.done())

    async def send_initial_metadata(self, metadata: Metadata) -> None:
        """Send response headers; once, before the first message."""
        self.require_unwithheld()
        doubts = self.doubts() if self.doubts is not None else ()
        self._headers_sent = True
        await self._context.send_initial_metadata((*metadata, *self.due, *doubts, *map(warning_header, self.warnings)))

    async def send_doubts(self) -> None:
        """Send what is due with the first byte, unless headers have left already."""
        if not self._headers_sent and (self.due or self.warnings or (self.doubts is not None and self.doubts())):
            await self.send_initial_metadata(())

    def require_unwithheld(self) -> None:
        """Raise what `withhold` raises."""
        for check in self.withhold.values() if self.withhold else ():
            check()

    def warn(self, text: str) -> None:
        """Have the warning sent with the response headers, whoever sends them and when, and in a record at the end."""
        self.warnings = (*self.warnings, text)

    async def write(self, message: bytes) -> None:
        """Send one encoded message of a stream; returns when the client's flow control took it."""
        self.require_unwithheld()
        if self.first_write_s is None:
            self.first_write_s = time.perf_counter()
            await self.send_doubts()
            self._headers_sent = True  # they leave with the message
        if self.lease is not None and (wait := self.lease.pass_bytes(len(message))) is not None:
            await wait
        await self._context.write(message)
        self.sent_bytes += len(message)

    async def finish(self) -> None:
        """End the call with its failure, if there is one."""
        if (failure := self.failure) is not None:
            trace = (("x-trace-id", trace_id.get()),) if trace_id.get() else ()
            metadata = (*failure.trailing_metadata, ("x-request-id", self.request_id), *trace)
            await self._context.abort(failure.code, failure.message, metadata)


def _join_repeated(metadata: Metadata) -> Mapping[str, Any]:
    """Headers that come several times, as Accept does, are one list (RFC 9110 5.3)."""
    headers: dict[str, Any] = {}
    for name, value in metadata:
        known = headers.get(name)
        headers[name] = f"{known}, {value}" if isinstance(known, str) and isinstance(value, str) else value
    return headers
