"""Envoy's administration interface, as much of it as starting and stopping needs."""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote

from radgate_server.core.gateway.answers import GatewayAnswers

_TIMEOUT_S = 2.0

_CLASSES = ("2xx", "3xx", "4xx", "5xx")
_OWN_ANSWERS = {
    # reason: the counters of Envoy that are it
    "rate-limited": ("by_address.http_local_rate_limit.rate_limited",),
    "server-unreachable": ("cluster.grpc.upstream_rq_pending_failure_eject",),
    "server-busy": ("cluster.grpc.upstream_rq_pending_overflow",),
    "server-reset": ("cluster.grpc.upstream_rq_rx_reset",),
    "timed-out": (
        "cluster.grpc.upstream_rq_timeout",
        "cluster.grpc.upstream_rq_max_duration_reached",
        "http.http.downstream_rq_timeout",
        "http.http.downstream_rq_header_timeout",
        "http.http.downstream_rq_idle_timeout",
    ),
    "overloaded": ("http.http.downstream_rq_overload_close",),
    "too-large": ("http.http.downstream_rq_too_large",),
    "malformed": ("http.http.downstream_cx_protocol_error",),
}
_ANSWERS = r"^(http\.http\.downstream_(rq|cx)_|by_address\.http_local_rate_limit\.|cluster\.grpc\.upstream_rq_)"


class EnvoyAdmin:
    """Asks one Envoy at `address`, which is "host:port" or "unix:/path". Every failure to ask is an OSError."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def is_ready(self) -> bool:
        """Whether Envoy serves; False also while it does not answer at all."""
        try:
            status, _ = await self._request("GET", "/ready")
        except OSError:
            return False
        return status == 200

    async def drain(self) -> None:
        """Ask clients to go elsewhere: connections close when their requests are done."""
        await self._request("POST", "/drain_listeners?graceful")

    async def active_requests(self) -> int:
        """Requests that are being answered."""
        _, body = await self._request("GET", "/stats?filter=^http.http.downstream_rq_active$")
        return int(body.rpartition(b":")[2] or 0)

    async def answers(self) -> GatewayAnswers:
        """What Envoy has answered since it started."""
        status, body = await self._request("GET", f"/stats?filter={quote(_ANSWERS)}")
        if status != 200:
            raise OSError("Envoy's administration has no statistics")
        lines = (line.partition(": ") for line in body.decode("ascii", "replace").splitlines())
        counts = {name: int(value) for name, _, value in lines if value.isdecimal()}
        return GatewayAnswers(
            {each: counts.get(f"http.http.downstream_rq_{each}", 0) for each in _CLASSES},
            {reason: sum(counts.get(name, 0) for name in names) for reason, names in _OWN_ANSWERS.items()},
        )

    async def healthy_servers(self) -> frozenset[str]:
        """The servers ("host:port") to which Envoy sends calls at this moment."""
        status, body = await self._request("GET", "/clusters?format=json")
        if status != 200:
            raise OSError("Envoy's administration does not list its servers")
        clusters = json.loads(body).get("cluster_statuses", ())
        hosts = (host for cluster in clusters if cluster["name"] == "grpc" for host in cluster.get("host_statuses", ()))
        return frozenset(_server(host) for host in hosts if _is_healthy(host["health_status"]))

    async def _request(self, method: str, path: str) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await self._exchange(method, path)
        except (TimeoutError, ValueError, EOFError) as error:
            raise OSError("Envoy's administration does not answer") from error

    async def _exchange(self, method: str, path: str) -> tuple[int, bytes]:
        reader, writer = await self._connect()
        try:
            writer.write(
                f"{method} {path} HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.read()
        finally:
            writer.close()
        return int(head.split(b" ", 2)[1]), _unchunk(body) if b"chunked" in head else body

    def _connect(self) -> Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        if self._address.startswith("unix:"):
            return asyncio.open_unix_connection(self._address.removeprefix("unix:"))
        host, _, port = self._address.rpartition(":")
        return asyncio.open_connection(host, int(port))


def _server(host: dict[str, Any]) -> str:
    address = host["address"]["socket_address"]
    return f"{address['address']}:{address['port_value']}"


def _is_healthy(status: dict[str, Any]) -> bool:
    """By the health check, and by what Envoy has seen of the connections to it."""
    return not any(value for name, value in status.items() if name.startswith("failed_") or name == "pending_active_hc")


def _unchunk(body: bytes) -> bytes:
    """Join the pieces of a chunked body (RFC 9112 section 7.1)."""
    pieces = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        pieces.append(body[:length])
        body = body[length + 2 :]
    return b"".join(pieces)
