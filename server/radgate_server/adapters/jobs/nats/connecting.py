"""How NATS is reached."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from radgate_server.adapters.jobs.nats.notices import NatsJobNotices
from radgate_server.adapters.jobs.nats.session import NatsSession, StreamSetup
from radgate_server.core.errors import ConfigurationError

_CONNECT_TIMEOUT_S = 3
_PING_INTERVAL_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsAccess:
    """One or more URLs separated by commas, and the files that a connection needs; "": none."""

    url: str = field(repr=False)
    credentials_file: str = ""
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""


def open_nats_notices(access: NatsAccess, setup: StreamSetup, counted: Callable[[str], None]) -> NatsJobNotices:
    """Get ready to wake processes by NATS; it need not be there yet. `counted` is notified of each outcome.

    Raises:
        ConfigurationError: the package nats-py is not installed, or a file is not usable.
    """
    nats = _imported("nats.aio.client", "jobs.nats.url needs the package nats-py")
    context = _tls_of(access)
    options: dict[str, Any] = {"tls": context} if context else {}
    if access.credentials_file:
        _see_that_credentials_can_be_used(access.credentials_file)
        options["user_credentials"] = access.credentials_file

    async def connect() -> NatsSession:
        # A lost connection is made again by whoever has the session, who must look at stream and consumer then.
        client = nats.Client()
        try:
            await client.connect(
                access.url.split(","),
                name="radgate",
                allow_reconnect=False,
                connect_timeout=_CONNECT_TIMEOUT_S,
                ping_interval=_PING_INTERVAL_S,
                error_cb=_ignore,
                **options,
            )
        except BaseException:  # nats-py leaves the socket open
            await client.close()
            raise
        return NatsSession(client, setup)

    return NatsJobNotices(connect, counted)


async def _ignore(_: Exception) -> None:
    """The session reports what becomes of the connection; nats-py would log each error with its traceback."""


def _imported(module: str, need: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise ConfigurationError(f"{need}: install the extra nats, as docs/installing.md has it") from None


def _see_that_credentials_can_be_used(file: str) -> None:
    """nats-py reads the file, and imports what it signs with, at each connection only."""
    _imported("nkeys", "jobs.nats.credentials_file needs the package nkeys")
    try:
        Path(file).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"jobs.nats.credentials_file can't be read ({type(error).__name__}); see that it is there and readable"
        ) from None


def _tls_of(access: NatsAccess) -> ssl.SSLContext | None:
    """What certificates are checked by; None: by the system's authorities where the URL says tls://."""
    if not access.ca_file and not access.certificate_file:
        return None
    try:
        context = ssl.create_default_context(cafile=access.ca_file or None)
        if access.certificate_file:
            context.load_cert_chain(access.certificate_file, access.key_file or None)
    except OSError as error:  # ssl.SSLError too
        raise ConfigurationError(
            f"jobs.nats: the certificates or the key can't be read ({type(error).__name__}); see that the files are PEM"
            " and readable"
        ) from None
    return context
