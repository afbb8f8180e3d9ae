"""How NATS is reached."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
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
    try:
        nats: Any = import_module("nats.aio.client")
    except ImportError:
        raise ConfigurationError(
            "jobs.nats.url needs the package nats-py: install the extra nats, as docs/installing.md has it"
        ) from None
    context = _tls_of(access)
    options: dict[str, Any] = {"tls": context} if context else {}
    if access.credentials_file:
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
