"""The C-STORE SCP to which PACS send what a C-MOVE asked for (PS3.4 B). One for the whole server."""

import asyncio
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from pynetdicom import AE, evt
from pynetdicom.presentation import build_context
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from radgate_server.adapters.pacs.dimse.contexts import ALL_SYNTAXES, VERIFICATION
from radgate_server.adapters.pacs.dimse.exchange import OperationCancelledError
from radgate_server.adapters.pacs.dimse.intake import Intake
from radgate_server.adapters.pacs.dimse.sockets import QuickSocket
from radgate_server.adapters.pacs.dimse.status import NOT_AUTHORISED, REFUSED_OUT_OF_RESOURCES
from radgate_server.adapters.pacs.dimse.tls import server_tls
from radgate_server.adapters.pacs.dimse.transport import QuickAssociation
from radgate_server.config import DimseSettings
from radgate_server.core.dicom.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from radgate_server.core.errors import ConfigurationError

_MAX_MESSAGE_ID = 0xFFFF
_MAX_ASSOCIATIONS = 128
_POLL_S = 0.05
_KNOWN_SYNTAXES = frozenset(ALL_SYNTAXES)
_REJECTED_TRANSIENT, _BY_PRESENTATION, _TEMPORARY_CONGESTION = 0x02, 0x03, 0x01


class _Waiting(NamedTuple):
    """A move that waits for instances."""

    originator_aet: str
    intake: Intake

    @property
    def originators(self) -> tuple[str, ...]:
        """AE titles that may stand for it: ours, the PACS's (pynetdicom's servers write that), or none."""
        return (self.originator_aet, self.intake.source_aet, "")


class StorageScp:
    """Takes instances for the moves that wait, and nothing else.

    An instance belongs to the move that its Move Originator Message ID names (PS3.7 9.3.1.1); no two moves that wait
    have the same, at whichever PACS. When the PACS leaves it out, the instance belongs to the one move that waits for
    its UID, at a PACS with the sender's AE title if several do.
    """

    def __init__(self, ae_title: str, *, host: str, port: int, settings: DimseSettings) -> None:
        self.ae_title = ae_title
        self._address = (host, port)
        self._settings = settings
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._waiting: dict[int, _Waiting] = {}
        self._message_ids = itertools.cycle(range(1, _MAX_MESSAGE_ID + 1))

    @property
    def port(self) -> int:
        """The port that it listens on; after `start`."""
        if self._server is None:
            raise RuntimeError("the storage SCP is not started")
        return int(self._server.server_address[1])

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigurationError: the address, the port or a certificate can't be used.
        """
        tls = server_tls(self._settings)
        ae = AE(self.ae_title)
        ae.acse_timeout = self._settings.connect_timeout_s
        ae.network_timeout = self._settings.idle_timeout_s
        ae.maximum_pdu_size = self._settings.max_pdu_bytes
        ae.maximum_associations = _MAX_ASSOCIATIONS
        ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        handlers: list[Any] = [(evt.EVT_REQUESTED, self._on_request), (evt.EVT_C_STORE, self._on_store)]
        try:
            self._server = _Server(ae, self._address, self.ae_title, tls, handlers, self._settings.max_instance_bytes)
        except OSError:
            raise ConfigurationError("the storage SCP can't listen: dicom_port is in use or not allowed") from None
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(_POLL_S,), name="storage-scp", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Stop listening and cut what is open."""
        if self._server is not None:
            await asyncio.to_thread(self._stop, self._server)
        self._server = None

    @staticmethod
    def _stop(server: "_Server") -> None:
        server.shutdown()
        for association in server.live():
            association.cut()

    @contextmanager
    def expect(self, originator_aet: str, intake: Intake) -> Iterator[int]:
        """Let instances come to `intake` for the block's time; gives the Message ID that the C-MOVE must have."""
        with self._lock:
            message_id = next(number for number in self._message_ids if number not in self._waiting)
            self._waiting[message_id] = _Waiting(originator_aet, intake)
        try:
            yield message_id
        finally:
            with self._lock:
                del self._waiting[message_id]

    def last_received_at(self) -> float:
        """When anything came on any of the associations (monotonic seconds), 0 when there is none."""
        server = self._server
        return max((association.dul.received_at for association in server.live()), default=0.0) if server else 0.0

    def _on_request(self, event: Any) -> None:
        """Accept every SOP Class with the transfer syntaxes in the sender's order, if anything is awaited at all."""
        association = event.assoc
        with self._lock:
            awaited = bool(self._waiting)
        if not awaited:
            association.acse.send_reject(_REJECTED_TRANSIENT, _BY_PRESENTATION, _TEMPORARY_CONGESTION)
            association.is_rejected = True
            association.kill()
            return
        syntaxes: dict[str, dict[str, None]] = {VERIFICATION: dict.fromkeys(ALL_SYNTAXES)}
        for context in association.requestor.primitive.presentation_context_definition_list:
            known = (uid for uid in map(str, context.transfer_syntax) if uid in _KNOWN_SYNTAXES)
            syntaxes.setdefault(str(context.abstract_syntax), {}).update(dict.fromkeys(known))
        association.acceptor.supported_contexts = [
            build_context(uid, list(names)) for uid, names in syntaxes.items() if names
        ]

    def _on_store(self, event: Any) -> int:
        intake = self._intake_of(event.request, event.assoc.requestor.ae_title)
        if intake is None:
            return NOT_AUTHORISED
        try:
            return intake.take(event.request, str(event.context.transfer_syntax))
        except OperationCancelledError:
            return REFUSED_OUT_OF_RESOURCES
        finally:
            event.assoc.touch()

    def _intake_of(self, request: Any, sender_aet: str) -> Intake | None:
        with self._lock:
            if request.MoveOriginatorMessageID is not None:
                named = self._waiting.get(request.MoveOriginatorMessageID)
                originator = (request.MoveOriginatorApplicationEntityTitle or "").strip()
                return named.intake if named and originator in named.originators else None
            waiting = [item.intake for item in self._waiting.values()]
        return choose_intake(waiting, str(request.AffectedSOPInstanceUID), sender_aet.strip())


def choose_intake(waiting: list[Intake], sop_instance_uid: str, sender_aet: str) -> Intake | None:
    """Find the one retrieve that an instance of unknown origin belongs to; None when that is not certain."""
    fitting = [intake for intake in waiting if sop_instance_uid in intake.refs]
    if len(fitting) != 1:
        fitting = [intake for intake in fitting or waiting if intake.source_aet == sender_aet]
    return fitting[0] if len(fitting) == 1 else None


class _Server(ThreadedAssociationServer):
    """pynetdicom's server with quick associations, which it keeps an eye on."""

    daemon_threads = True

    def __init__(
        self, ae: AE, address: tuple[str, int], ae_title: str, tls: Any, handlers: list[Any], max_data_set_bytes: int
    ) -> None:
        self.max_data_set_bytes = max_data_set_bytes
        self._live: set[QuickAssociation] = set()
        self._handshakes = 0
        self._live_lock = threading.Lock()
        super().__init__(ae, address, ae_title, [], tls, handlers, _QuickRequestHandler)
        ae._servers.append(self)  # noqa: SLF001 - AE.start_server does so, and shutdown() counts on it

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Take no more connections than there may be associations: each has threads before it says who it is."""
        return len(self.live()) + self._handshakes < _MAX_ASSOCIATIONS

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and leave its TLS for later: one that says nothing must not hold up the others."""
        return cast("socket.socket", self.socket).accept()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: secure it if so configured, and make its association."""
        super().finish_request(self._secure(request) if self.ssl_context else request, client_address)

    def _secure(self, request: socket.socket) -> socket.socket:
        context = cast("ssl.SSLContext", self.ssl_context)
        with self._live_lock:
            self._handshakes += 1
        try:
            request.settimeout(self.ae.acse_timeout)
            secured = context.wrap_socket(request, server_side=True)
        finally:
            with self._live_lock:
                self._handshakes -= 1
        secured.settimeout(None)
        return secured

    def add(self, association: QuickAssociation) -> None:
        """Remember a new association."""
        with self._live_lock:
            self._live = {known for known in self._live if not _is_over(known)} | {association}

    def live(self) -> list[QuickAssociation]:
        """The associations that are not over."""
        with self._live_lock:
            return [association for association in self._live if not _is_over(association)]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks before there is an association is nothing to report."""


def _is_over(association: QuickAssociation) -> bool:
    """Whether it has run; one that was made a moment ago has yet to start."""
    return association.ident is not None and not association.is_alive()


class _QuickRequestHandler(RequestHandler):
    """Makes the association of an accepted connection."""

    def _create_association(self) -> QuickAssociation:
        server: Any = self.server
        association = QuickAssociation(self.ae, "acceptor", max_data_set_bytes=server.max_data_set_bytes)
        association._server = server  # noqa: SLF001 - as pynetdicom's own handler does
        association.name = f"AcceptorThread-{time.monotonic_ns()}"
        association.set_socket(QuickSocket(association, client_socket=self.request))
        acceptor = association.acceptor
        acceptor.maximum_length = self.ae.maximum_pdu_size
        acceptor.ae_title = server.ae_title
        acceptor.address_info = self.local
        acceptor.implementation_class_uid = self.ae.implementation_class_uid
        acceptor.implementation_version_name = self.ae.implementation_version_name
        association.requestor.address_info = self.remote
        association.bind(evt.EVT_C_STORE, *server.get_handlers(evt.EVT_C_STORE))
        for handler, arguments in server.get_handlers(evt.EVT_REQUESTED):
            association.bind(evt.EVT_REQUESTED, handler, arguments)
        server.add(association)
        return association
