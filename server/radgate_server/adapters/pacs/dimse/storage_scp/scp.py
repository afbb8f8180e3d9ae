"""The C-STORE SCP to which PACS send what a C-MOVE asked for (PS3.4 B). One for the whole server."""

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.presentation import build_context

from radgate_server.adapters.pacs.dimse.association.contexts import ALL_SYNTAXES, VERIFICATION
from radgate_server.adapters.pacs.dimse.messages.exchange import OperationCancelledError
from radgate_server.adapters.pacs.dimse.messages.status import NOT_AUTHORISED, REFUSED_OUT_OF_RESOURCES
from radgate_server.adapters.pacs.dimse.retrieve.intake import Intake
from radgate_server.adapters.pacs.dimse.storage_scp.awaited import Awaited, AwaitedMoves
from radgate_server.adapters.pacs.dimse.storage_scp.listener import ListenerConfig, ScpServer
from radgate_server.adapters.pacs.dimse.transport.receive_budget import ReceiveBudget
from radgate_server.adapters.pacs.dimse.transport.tls import server_tls
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs.senders import REJECTIONS, Peer, Refusal, Sender, plain_address, refusal_of
from radgate_server.settings.pacs import DimseSettings

_log = logging.getLogger(__name__)

_POLL_S = 0.05
_KNOWN_SYNTAXES = frozenset(ALL_SYNTAXES)


class StorageScp:
    """Takes instances for the moves that wait, from the PACS that were asked, and nothing else.

    `on_refusal` receives why associations are rejected.
    """

    def __init__(
        self,
        ae_title: str,
        *,
        host: str,
        port: int,
        settings: DimseSettings,
        tls_port: int = 0,
        on_refusal: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.ae_title = ae_title
        self._host = host
        self._ports = (port, tls_port)
        self._settings = settings
        self._on_refusal = on_refusal
        self._servers: list[ScpServer] = []
        self._has_tls = False
        self._moves = AwaitedMoves()
        self.room = ReceiveBudget(settings.scp_buffer_bytes)

    @property
    def port(self) -> int:
        """The port that it listens on; before the start, the one that was asked for."""
        return self._servers[0].port if self._servers else self._ports[0]

    @property
    def move_grace_s(self) -> float:
        """Seconds of silence after which nothing more is expected of a C-MOVE that is over."""
        return self._settings.move_grace_s

    @property
    def has_tls(self) -> bool:
        """Whether PACS may send over TLS."""
        return self._has_tls

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigurationError: an address, a port or a certificate can't be used.
        """
        tls = server_tls(self._settings)
        port, tls_port = self._ports
        if tls_port and tls is None:
            raise ConfigurationError("dicom_tls_port needs dimse.scp_certificate_file and dimse.scp_ca_file")
        self._has_tls = tls is not None
        config = ListenerConfig(self._settings, self.room, self._moves.awaits_from, self._on_request, self._on_store)
        try:
            self._servers.append(ScpServer(self.ae_title, (self._host, port), config, None if tls_port else tls))
            if tls_port:
                self._servers.append(ScpServer(self.ae_title, (self._host, tls_port), config, tls))
        except OSError:
            for server in self._servers:
                server.server_close()
            self._servers.clear()
            raise ConfigurationError(
                "the storage SCP can't listen: dicom_port or dicom_tls_port is in use or not allowed"
            ) from None
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(_POLL_S,), name="storage-scp", daemon=True).start()

    async def close(self) -> None:
        """Stop listening and cut what is open."""
        servers, self._servers = self._servers, []
        for server in servers:
            await asyncio.to_thread(self._stop, server)

    @staticmethod
    def _stop(server: ScpServer) -> None:
        server.shutdown()
        for association in server.live():
            association.cut()

    def expect(self, originator_aet: str, intake: Intake, sender: Sender) -> AbstractContextManager[Awaited]:
        """Let instances come to `intake` from `sender` for the block's time; reports the C-MOVE's Message ID."""
        return self._moves.expect(originator_aet, intake, sender)

    def last_received_at(self) -> float:
        """When anything came on any of the associations (monotonic seconds), 0 when there is none."""
        live = [association for server in self._servers for association in server.live()]
        return max((association.dul.received_at for association in live), default=0.0)

    def received_bytes(self) -> int:
        """What came on all associations that are open."""
        return sum(association.dul.received_bytes for server in self._servers for association in server.live())

    def _on_request(self, event: Any) -> None:
        """Accept every SOP Class with the transfer syntaxes in the sender's order, from those who are awaited."""
        association, awaited = event.assoc, self._moves.all()
        if not isinstance(association.requestor.primitive, A_ASSOCIATE):  # the connection broke instead
            association.is_aborted = True
            association.kill()
            return
        refusal = refusal_of(_peer(association), self.ae_title, [each.sender for each in awaited])
        if refusal is not None:
            self._reject(association, refusal, awaited)
            return
        syntaxes: dict[str, dict[str, None]] = {VERIFICATION: dict.fromkeys(ALL_SYNTAXES)}
        for context in association.requestor.primitive.presentation_context_definition_list:
            known = (uid for uid in map(str, context.transfer_syntax) if uid in _KNOWN_SYNTAXES)
            syntaxes.setdefault(str(context.abstract_syntax), {}).update(dict.fromkeys(known))
        association.acceptor.supported_contexts = [
            build_context(uid, list(names)) for uid, names in syntaxes.items() if names
        ]

    def _reject(self, association: Any, refusal: Refusal, awaited: list[Awaited]) -> None:
        if any(refusal not in each.refusals for each in awaited):  # else the log has it
            address = association.requestor.address_info.address
            _log.warning("the storage SCP rejected an association from %s: %s", address, refusal.value)
        for each in awaited:
            each.refusals.add(refusal)
        self._on_refusal(refusal.value)
        association.acse.send_reject(*REJECTIONS[refusal])
        association.is_rejected = True
        association.kill()

    def _on_store(self, event: Any) -> int:
        request = event.request
        originator = (request.MoveOriginatorApplicationEntityTitle or "").strip()
        origin = request.MoveOriginatorMessageID, originator
        intake = self._moves.intake_of(*origin, str(request.AffectedSOPInstanceUID), _peer(event.assoc))
        size = len(request.DataSet.getbuffer()) if request.DataSet else 0
        try:
            if intake is None:
                return NOT_AUTHORISED
            return intake.take(request, str(event.context.transfer_syntax))
        except OperationCancelledError:
            return REFUSED_OUT_OF_RESOURCES
        finally:
            event.assoc.dimse.settle(size)
            event.assoc.touch()


def _peer(association: Any) -> Peer:
    """Who is at the other end of an association that was asked for; its connection may be gone by now."""
    primitive, connection = association.requestor.primitive, association.dul.socket
    return Peer(
        calling_aet=primitive.calling_ae_title.strip(),
        called_aet=primitive.called_ae_title.strip(),
        address=plain_address(association.requestor.address_info.address),
        secured=connection is not None and isinstance(connection.socket, ssl.SSLSocket),
    )
