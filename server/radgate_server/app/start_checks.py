"""What can be known to be wrong before anything is made or opened: ports and addresses, files that settings name."""

import errno
import socket
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, SecretStr

from radgate_server.adapters.tls.files import read_tls
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.failure_text import describe_failure
from radgate_server.settings.settings import Settings

_WRITTEN_LATER = frozenset({"token_file"})
"""Vault's agent may write it after the start; it is read when it is needed."""

_BIND_PROBLEMS = {
    errno.EADDRINUSE: "it is in use by another program; stop that, or choose another port",
    errno.EACCES: "this user may not listen there; choose a port above 1023, or give the service CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "this is no address of this machine; 127.0.0.1 is for this machine alone, 0.0.0.0 for all",
}


class Listener(NamedTuple):
    """A port that the server will listen on; `host_setting` names the setting that its address comes from."""

    setting: str
    port: int
    host: str
    host_setting: str


def check_start(settings: Settings, *, serves_clients: bool = True) -> None:
    """Look at what the settings name; of the ports, at those that clients use only where they are served.

    Raises:
        ConfigurationError: one line for each thing that is wrong.
    """
    problems = [*_file_problems(settings, ""), *_port_problems(listeners(settings, serves_clients=serves_clients))]
    if problems:
        raise ConfigurationError("\n".join(problems))
    for name, tls in (
        ("gateway.tls_*_file", settings.gateway.tls),
        ("grpc_tls_*_file", settings.grpc_tls),
        ("prefetch.orders.tls_*_file", settings.prefetch.orders.tls),
    ):
        try:
            if tls is not None:
                read_tls(tls)
        except ConfigurationError as error:
            raise ConfigurationError(f"settings {name}: {error.message}") from None


def listeners(settings: Settings, *, serves_clients: bool = True) -> list[Listener]:
    """Every port that is fixed by the settings."""
    dicom = (settings.dicom_host, "dicom_host") if settings.dicom_host else (settings.host, "host")
    grpc = ("127.0.0.1", "gateway.enabled") if settings.gateway.enabled else (settings.host, "host")
    found = [Listener("metrics_port", settings.metrics_port, settings.metrics_host, "metrics_host")]
    if settings.dicom_listens:
        found += [
            Listener("dicom_port", settings.dicom_port, *dicom),
            Listener("dicom_tls_port", settings.dicom_tls_port, *dicom),
        ]
    if serves_clients:
        orders = settings.prefetch.orders
        of_orders = (orders.host, "prefetch.orders.host") if orders.host else (settings.host, "host")
        found += [
            Listener("grpc_port", settings.grpc_port, *grpc),
            Listener("prefetch.orders.port", orders.port, *of_orders),
        ]
    if serves_clients and settings.gateway.enabled and not settings.processes.supervised:
        found += [
            Listener("http_port", settings.http_port, settings.host, "host"),
            Listener("gateway.admin_port", settings.gateway.admin_port, "127.0.0.1", "gateway.enabled"),
        ]
    return [each for each in found if each.port]


def free_port(listener: Listener, avoided: Collection[int]) -> int:
    """The listener's port if it can be listened on and is not `avoided`, else the next one above that can.

    Raises:
        ConfigurationError: none of the next hundred can.
    """
    for port in range(listener.port, min(listener.port + 100, 65536)):
        with ExitStack() as stack:
            if port not in avoided and not _bind_problem(stack, listener._replace(port=port)):
                return port
    raise ConfigurationError(f"setting {listener.setting}: no port from {listener.port} on is free")


def _port_problems(wanted: list[Listener]) -> Iterator[str]:
    first: dict[tuple[str, int], str] = {}
    with ExitStack() as stack:
        for each in wanted:
            known = first.setdefault((each.host, each.port), each.setting)
            if known != each.setting:
                yield f"settings {known} and {each.setting} are both {each.port}; choose another port for one"
            elif problem := _bind_problem(stack, each):
                yield problem


def _bind_problem(stack: ExitStack, listener: Listener) -> str:
    variable = "RADGATE_" + listener.setting.upper().replace(".", "__")
    where = f"setting {listener.setting} = {listener.port} ({variable}), on {listener.host}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(listener.host, listener.port, type=socket.SOCK_STREAM)[
            0
        ]
        probe = stack.enter_context(socket.socket(family, kind, protocol))
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen(1)
    except socket.gaierror as error:
        return (
            f"setting {listener.host_setting} = {listener.host!r}: the name can't be resolved"
            f" ({describe_failure(error)}); use an address of this machine, such as 127.0.0.1"
        )
    except OSError as error:
        return f"{where}: {_BIND_PROBLEMS.get(error.errno or 0, describe_failure(error))}"
    return ""


def _file_problems(table: BaseModel, prefix: str) -> Iterator[str]:
    """What can't be read, of all settings that name a file."""
    for name in type(table).model_fields:
        value = getattr(table, name)
        if isinstance(value, BaseModel):
            yield from _file_problems(value, f"{prefix}{name}.")
        elif isinstance(value, tuple):
            for number, each in enumerate(value):
                if isinstance(each, BaseModel):
                    yield from _file_problems(each, f"{prefix}{name}.{number}.")
        elif name.endswith("_file") and value and name not in _WRITTEN_LATER and not isinstance(value, SecretStr):
            try:
                Path(value).expanduser().open("rb").close()
            except OSError as error:
                yield f"setting {prefix}{name} = {str(value)!r}: the file can't be read: {describe_failure(error)}"
