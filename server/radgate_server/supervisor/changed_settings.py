"""Settings that were changed, and that a restart of the processes in turn does not apply."""

from collections.abc import Iterator

from pydantic import BaseModel

from radgate_server.settings.settings import Settings

_TABLES = {"gateway", "processes", "telemetry"}
_SINGLE = {
    "host",
    "http_port",
    "grpc_port",
    "metrics_host",
    "metrics_port",
    "drain_s",
    "servers.peer_port",
    "servers.peer_address",
}
"""What Envoy and the supervisor were started by, and what the supervisor hands on to its processes."""


def not_applied(before: Settings, now: Settings) -> list[str]:
    """The names of settings that differ and hold wholly only once all is restarted."""
    return [name for name in _differences(before, now) if name in _SINGLE or name.partition(".")[0] in _TABLES]


def _differences(before: BaseModel, now: BaseModel, table: str = "") -> Iterator[str]:
    for name in type(before).model_fields:
        old, new = getattr(before, name), getattr(now, name)
        if isinstance(old, BaseModel) and type(old) is type(new):
            yield from _differences(old, new, f"{table}{name}.")
        elif old != new:
            yield f"{table}{name}"
