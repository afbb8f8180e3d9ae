"""The C-STORE SCP to which PACS send what a C-MOVE asked for (PS3.4 B). One for the whole server."""

import asyncio
import itertools
import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.presentation import build_context

from radgate_server.adapters.pacs.dimse.contexts import ALL_SYNTAXES, VERIFICATION
from radgate_server.adapters.pacs.dimse.exchange import OperationCancelledError
from radgate_server.adapters.pacs.dimse.intake import Intake
from radgate_server.adapters.pacs.dimse.room import Room
from radgate_server.adapters.pacs.dimse.scp_server import ScpServer, Terms
from radgate_server.adapters.pacs.dimse.status import NOT_AUTHORISED, REFUSED_OUT_OF_RESOURCES
from radgate_server.adapters.pacs.dimse.tls import server_tls
from radgate_server.config import DimseSettings
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.networks import Address
from radgate_server.core.senders import REJECTIONS, Peer, Refusal, Sender, plain_address, refusal_of

_log = logging.getLogger(__name__)

_MAX_MESSAGE_ID = 0xFFFF
_POLL_S = 0.05
_KNOWN_SYNTAXES = frozenset(ALL_SYNTAXES)


@dataclass(slots=True)
class Awaited:
    """A move that waits for instances. `refusals`: why somebody was turned away meanwhile, who may be the PACS."""

    message_id: int
    originator_aet: str
    intake: Intake
    sender: Sender
    refusals: set[Refusal] = field(default_factory=set)

    @property
    def originators(self) -> tuple[str, ...]:
        """AE titles that may stand for it: ours, the PACS's (pynetdicom's servers write that), or none."""
        return (self.originator_aet, self.intake.source_aet, "")


class StorageScp:
    """Takes instances for the moves that wait, from the PACS that were asked, and nothing else.

    An instance belongs to the move that its Move Originator Message ID names (PS3.7 9.3.1.1); no two moves that wait
    have the same, at whichever PACS. When the PACS leaves it out, the instance belongs to the one move that waits for
    its UID, at a PACS with the sender's AE title if several do. `on_refusal` is told of associations that are rejected.
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
        self._lock = threading.Lock()
        self._awaited: dict[int, Awaited] = {}
        self._message_ids = itertools.cycle(range(1, _MAX_MESSAGE_ID + 1))
        self.room = Room(settings.scp_buffer_bytes)

    @property
    def port(self) -> int:
        """The port that it listens on; after `start`."""
        if not self._servers:
            raise RuntimeError("the storage SCP is not started")
        return self._servers[0].port

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
        terms = Terms(self._settings, self.room, self._awaits_from, self._on_request, self._on_store)
        try:
            self._servers.append(ScpServer(self.ae_title, (self._host, port), terms, None if tls_port else tls))
            if tls_port:
                self._servers.append(ScpServer(self.ae_title, (self._host, tls_port), terms, tls))
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

    @contextmanager
    def expect(self, originator_aet: str, intake: Intake, sender: Sender) -> Iterator[Awaited]:
        """Let instances come to `intake` from `sender` for the block's time; tells the C-MOVE's Message ID."""
        with self._lock:
            message_id = next(number for number in self._message_ids if number not in self._awaited)
            awaited = self._awaited[message_id] = Awaited(message_id, originator_aet, intake, sender)
        try:
            yield awaited
        finally:
            with self._lock:
                del self._awaited[message_id]

    def last_received_at(self) -> float:
        """When anything came on any of the associations (monotonic seconds), 0 when there is none."""
        live = [association for server in self._servers for association in server.live()]
        return max((association.dul.received_at for association in live), default=0.0)

    def _all_awaited(self) -> list[Awaited]:
        with self._lock:
            return list(self._awaited.values())

    def _awaits_from(self, address: Address) -> bool:
        return any(awaited.sender.knows(address) for awaited in self._all_awaited())

    def _on_request(self, event: Any) -> None:
        """Accept every SOP Class with the transfer syntaxes in the sender's order, from those who are awaited."""
        association, awaited = event.assoc, self._all_awaited()
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
            _log.warning("the storage SCP turned away an association from %s: %s", address, refusal.value)
        for each in awaited:
            each.refusals.add(refusal)
        self._on_refusal(refusal.value)
        association.acse.send_reject(*REJECTIONS[refusal])
        association.is_rejected = True
        association.kill()

    def _on_store(self, event: Any) -> int:
        intake = self._intake_of(event.request, _peer(event.assoc))
        size = len(event.request.DataSet.getbuffer()) if event.request.DataSet else 0
        try:
            if intake is None:
                return NOT_AUTHORISED
            return intake.take(event.request, str(event.context.transfer_syntax))
        except OperationCancelledError:
            return REFUSED_OUT_OF_RESOURCES
        finally:
            event.assoc.dimse.settle(size)
            event.assoc.touch()

    def _intake_of(self, request: Any, peer: Peer) -> Intake | None:
        """The intake of the move that the instance belongs to, if the peer may send for that."""
        awaited = [each for each in self._all_awaited() if each.sender.admits(peer)]
        if request.MoveOriginatorMessageID is not None:
            originator = (request.MoveOriginatorApplicationEntityTitle or "").strip()
            named = (each for each in awaited if each.message_id == request.MoveOriginatorMessageID)
            return next((each.intake for each in named if originator in each.originators), None)
        intakes = [each.intake for each in awaited]
        return choose_intake(intakes, str(request.AffectedSOPInstanceUID), peer.calling_aet)


def choose_intake(waiting: list[Intake], sop_instance_uid: str, sender_aet: str) -> Intake | None:
    """Find the one retrieve that an instance of unknown origin belongs to; None when that is not certain."""
    fitting = [intake for intake in waiting if sop_instance_uid in intake.refs]
    if len(fitting) != 1:
        fitting = [intake for intake in fitting or waiting if intake.source_aet == sender_aet]
    return fitting[0] if len(fitting) == 1 else None


def _peer(association: Any) -> Peer:
    """Who is at the other end of an association that was asked for; its connection may be gone by now."""
    primitive, connection = association.requestor.primitive, association.dul.socket
    return Peer(
        calling_aet=primitive.calling_ae_title.strip(),
        called_aet=primitive.called_ae_title.strip(),
        address=plain_address(association.requestor.address_info.address),
        secured=connection is not None and isinstance(connection.socket, ssl.SSLSocket),
    )
