"""What a server process gets from the supervisor: the supervisor's own environment and settings of its own."""

from collections.abc import Mapping

from radgate_server.settings.settings import Settings

_NOT_PASSED_ON = {"NOTIFY_SOCKET"}
"""The service manager is notified of the whole."""


def environment_of(
    number: int, settings: Settings, inherited: Mapping[str, str], *, grpc_port: int, metrics_port: int
) -> dict[str, str]:
    """The environment of process `number`; `settings` are the supervisor's, with Envoy's secret and administration."""
    servers = settings.servers
    own = {
        "RADGATE_PROCESSES__COUNT": str(settings.processes.count),
        "RADGATE_PROCESSES__NUMBER": str(number),
        "RADGATE_GRPC_PORT": str(grpc_port),
        "RADGATE_METRICS_HOST": "127.0.0.1",
        "RADGATE_METRICS_PORT": str(metrics_port),
        "RADGATE_GATEWAY__SHARED_SECRET": settings.gateway.shared_secret.get_secret_value(),
        "RADGATE_GATEWAY__ADMIN_PORT": str(settings.gateway.admin_port),
    }
    if servers.peer_port:
        own["RADGATE_SERVERS__PEER_PORT"] = str(servers.peer_port + number)
    if servers.peer_address:
        own["RADGATE_SERVERS__PEER_ADDRESS"] = _next_port(servers.peer_address, number)
    replaced = {name.upper() for name in own} | {f"{name}_FILE" for name in own} | _NOT_PASSED_ON
    return {name: value for name, value in inherited.items() if name.upper() not in replaced} | own


def _next_port(address: str, number: int) -> str:
    host, _, port = address.rpartition(":")
    return f"{host}:{int(port) + number}"
