"""The port on which orders arrive: who may connect, and how many."""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from radgate_server.adapters.prefetch.hl7.connection import READ_BYTES, Answers, ConnectionLimits, converse
from radgate_server.adapters.prefetch.hl7.intake import OrderTelemetry
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.failure_text import describe_failure
from radgate_server.core.networks import Address
from radgate_server.core.pacs.senders import plain_address
from radgate_server.core.prefetch.orders.senders import OrderPeer
from radgate_server.lib.condition_log import ConditionLog
from radgate_server.lib.tls.certificate_names import names_in

_log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
_HANDSHAKE_S = 10.0
_WITHOUT_DESCRIPTORS_S = 1.0
_BACKLOG = 32

type Contexts = Callable[[], ssl.SSLContext]
"""The TLS in use now."""


@dataclass(frozen=True, slots=True)
class ListenerConfig:
    """Where it listens, who may connect from where, and what each connection and address may take."""

    host: str
    port: int
    admits: Callable[[Address], bool]
    limits: ConnectionLimits
    connections_of_address: int
    contexts: Contexts | None = None


class OrderListener:
    """Accepts connections from `start` to `close`. An address that is not admitted costs no handshake of TLS."""

    def __init__(self, config: ListenerConfig, answers: Answers, telemetry: OrderTelemetry) -> None:
        self._config = config
        self._answers = answers
        self._telemetry = telemetry
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._of_address: Counter[Address] = Counter()

    @property
    def is_listening(self) -> bool:
        """Whether connections are accepted."""
        return self._accepting is not None and not self._accepting.done()

    async def start(self) -> None:
        """Listen from now on.

        Raises:
            ConfigurationError: the port can't be used.
        """
        config = self._config
        try:
            found = await asyncio.get_running_loop().getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)
            family, _, _, _, address = found[0]
            self._socket = socket.create_server(address, family=family, backlog=_BACKLOG)
        except OSError as error:
            raise ConfigurationError(
                f"setting prefetch.orders.port = {config.port}, on {config.host}: {describe_failure(error)};"
                " choose another port, or 0 to take no orders"
            ) from None
        self._socket.setblocking(False)
        self._accepting = asyncio.create_task(self._accept(self._socket), name="order-listener")

    async def close(self) -> None:
        """Accept no more, and end the connections: an answer that was not sent makes the sender send again."""
        tasks = [*self._connections, *([self._accepting] if self._accepting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        condition = ConditionLog(_log, "connections for orders can't be accepted")
        while True:
            try:
                connection, address = await loop.sock_accept(listening)
            except OSError as error:  # one that is gone already, or no descriptor is left
                condition.failed(describe_failure(error))
                await asyncio.sleep(_WITHOUT_DESCRIPTORS_S)
                continue
            condition.succeeded()
            self._begin(connection, plain_address(address[0]))

    def _begin(self, connection: socket.socket, address: Address) -> None:
        if reason := self._refusal(address):
            connection.close()
            self._telemetry.order_connection_refused(reason)
            return
        self._of_address[address] += 1
        task = asyncio.create_task(self._serve(connection, address), name="order-connection")
        self._connections.add(task)
        task.add_done_callback(lambda done: self._end(done, address))

    def _refusal(self, address: Address) -> str:
        if not self._config.admits(address):
            return "address"
        many = self._of_address[address] >= self._config.connections_of_address
        return "limit" if many or len(self._connections) >= MAX_CONNECTIONS else ""

    def _end(self, task: asyncio.Task[None], address: Address) -> None:
        self._connections.discard(task)
        self._of_address[address] -= 1
        self._of_address += Counter()  # drops those that are 0
        if not task.cancelled() and (defect := task.exception()) is not None:
            _log.error("a connection for orders ended by a defect", exc_info=defect)

    async def _serve(self, connection: socket.socket, address: Address) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READ_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, **self._tls())
        except OSError:  # also TimeoutError, and what TLS refuses
            connection.close()
            self._telemetry.order_connection_refused("tls")
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            peer = OrderPeer(address, _names(transport.get_extra_info("ssl_object")))
            await converse(reader, writer, peer, self._answers, self._config.limits)
        except TimeoutError:
            self._telemetry.order_connection_refused("timeout")
        except OSError:
            pass  # the sender sees it too, and sends again
        finally:
            writer.close()

    def _tls(self) -> dict[str, Any]:
        contexts = self._config.contexts
        if contexts is None:
            return {}
        return {"ssl": contexts(), "ssl_handshake_timeout": _HANDSHAKE_S, "ssl_shutdown_timeout": _HANDSHAKE_S}


def _names(secured: ssl.SSLObject | None) -> frozenset[str]:
    """The names in the certificate that the peer showed, which an authority vouches for; none that can't be read."""
    certificate = secured.getpeercert(binary_form=True) if secured else None
    if not certificate:
        return frozenset()
    try:
        return frozenset(names_in(ssl.DER_cert_to_PEM_cert(certificate).encode()))
    except ValueError:
        return frozenset()
