"""The listening part of the storage SCP: connections, their TLS, and how many there may be."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from pynetdicom import AE, evt
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from radgate_server.adapters.pacs.dimse.transport.receive_budget import ReceiveBudget, Share
from radgate_server.adapters.pacs.dimse.transport.sockets import MAX_ACCEPTED_PDU_BYTES, QuickSocket
from radgate_server.adapters.pacs.dimse.transport.tls import RenewedContext
from radgate_server.adapters.pacs.dimse.transport.upper_layer import QuickAssociation
from radgate_server.core.dicom.dataset.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from radgate_server.core.networks import Address
from radgate_server.core.pacs.senders import plain_address
from radgate_server.settings.pacs import DimseSettings

MAX_ASSOCIATIONS = 128
MAX_STRANGERS = 16
"""Of them, those from addresses that nothing is awaited from: they are notified, and leave room for the others."""


class ListenerConfig(NamedTuple):
    """What all connections share. `awaits_from` decides whether something may come from an address now."""

    settings: DimseSettings
    room: ReceiveBudget
    awaits_from: Callable[[Address], bool]
    on_request: Callable[[Any], None]
    on_store: Callable[[Any], int]


class ScpServer(ThreadedAssociationServer):
    """pynetdicom's server with quick associations, which it keeps an eye on. Raises OSError when it can't listen."""

    daemon_threads = True

    def __init__(
        self, ae_title: str, address: tuple[str, int], config: ListenerConfig, tls: RenewedContext | None
    ) -> None:
        self.config = config
        self._tls = tls
        self._entering: dict[socket.socket, bool] = {}
        self._live: dict[QuickAssociation, bool] = {}
        self._lock = threading.Lock()
        handlers: list[Any] = [(evt.EVT_REQUESTED, config.on_request), (evt.EVT_C_STORE, config.on_store)]
        ae = _entity(ae_title, config.settings)
        super().__init__(ae, address, ae_title, [], None, handlers, _QuickRequestHandler)
        ae._servers.append(self)  # noqa: SLF001 - AE.start_server does so, and shutdown() counts on it

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Take no more connections than there may be associations: each has threads before it says who it is."""
        is_stranger = not self.config.awaits_from(plain_address(client_address[0]))
        with self._lock:
            strangers = [*self._entering.values(), *self._known().values()]
            if len(strangers) >= MAX_ASSOCIATIONS or (is_stranger and sum(strangers) >= MAX_STRANGERS):
                return False
            self._entering[request] = is_stranger
        return True

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and leave its TLS for later: one that says nothing must not hold up the others."""
        return cast("socket.socket", self.socket).accept()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: secure it if so configured, and make its association."""
        try:
            secured = self._secure(request, self._tls.current()) if self._tls else request
            super().finish_request(secured, client_address)
        finally:
            with self._lock:
                self._entering.pop(request, None)

    def _secure(self, request: socket.socket, context: ssl.SSLContext) -> socket.socket:
        request.settimeout(self.ae.acse_timeout)
        secured = context.wrap_socket(request, server_side=True)
        secured.settimeout(None)
        return secured

    def add(self, association: QuickAssociation, client_address: Any) -> None:
        """Remember a new association."""
        is_stranger = not self.config.awaits_from(plain_address(client_address[0]))
        with self._lock:
            self._live = {**self._known(), association: is_stranger}

    def live(self) -> list[QuickAssociation]:
        """The associations that are not over."""
        with self._lock:
            return list(self._known())

    def _known(self) -> dict[QuickAssociation, bool]:
        return {known: is_stranger for known, is_stranger in self._live.items() if not _is_over(known)}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks before there is an association is nothing to report."""


def _entity(ae_title: str, settings: DimseSettings) -> AE:
    ae = AE(ae_title)
    ae.acse_timeout = settings.connect_timeout_s
    ae.network_timeout = settings.idle_timeout_s
    ae.maximum_pdu_size = settings.max_pdu_bytes
    ae.maximum_associations = MAX_ASSOCIATIONS
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return ae


def _is_over(association: QuickAssociation) -> bool:
    """Whether it has run; one that was made a moment ago has yet to start."""
    return association.ident is not None and not association.is_alive()


class _QuickRequestHandler(RequestHandler):
    """Makes the association of an accepted connection."""

    def _create_association(self) -> QuickAssociation:
        server = cast("ScpServer", self.server)
        limit_bytes = server.config.settings.max_instance_bytes
        share = Share(limit_bytes, server.config.room)
        association = QuickAssociation(self.ae, "acceptor", max_data_set_bytes=limit_bytes, share=share)
        association._server = server  # noqa: SLF001 - as pynetdicom's own handler does
        association.name = f"AcceptorThread-{time.monotonic_ns()}"
        sock = QuickSocket(association, client_socket=self.request)
        sock.max_pdu_bytes = MAX_ACCEPTED_PDU_BYTES
        association.set_socket(sock)
        acceptor = association.acceptor
        acceptor.maximum_length = self.ae.maximum_pdu_size
        acceptor.ae_title = server.ae_title
        acceptor.address_info = self.local
        acceptor.implementation_class_uid = self.ae.implementation_class_uid
        acceptor.implementation_version_name = self.ae.implementation_version_name
        association.requestor.address_info = self.remote
        association.bind(evt.EVT_C_STORE, server.config.on_store)
        association.bind(evt.EVT_REQUESTED, server.config.on_request)
        server.add(association, self.client_address)
        return association
