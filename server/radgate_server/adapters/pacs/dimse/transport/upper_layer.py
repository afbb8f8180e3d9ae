"""pynetdicom's upper layer, made fast where it is slow. What reaches into it is here, in messages.py and sockets.py.

What is changed, and why (measured against Orthanc 1.12 on the loopback address):

- `sockets.QuickSocket`: sends and acknowledges without waiting.
- `ReactiveProvider`: the upper layer's thread sleeps in poll() until the peer or we have something, where pynetdicom's
  wakes every millisecond. That makes an idle pooled association free, and an answer is seen at once.
  P-DATA PDUs (PS3.8 9.3.5) bypass the generic PDU classes, which copy each byte five times. Those that have come
  already are read in a row: a round of pynetdicom's loop for each costs half as much as the PDU.
- `messages.EncodedMessages`: the fragments of a data set are joined once, and never decoded; command sets do not pass
  through pydicom. An instance for which there is no room is dropped while it arrives, so that memory is bounded.
- `QuickAssociation`: `cut()` ends an association within a moment, whatever the peer does; pynetdicom's abort() waits
  for a thread that may be blocked in a socket call.
"""

import logging
import queue
import struct
import threading
from typing import Any

from pynetdicom import _config
from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import InvalidEventError
from pynetdicom.pdu_primitives import A_P_ABORT
from pynetdicom.presentation import PresentationContext

from radgate_server.adapters.pacs.dimse.messages.message_layer import EncodedMessages
from radgate_server.adapters.pacs.dimse.transport.receive_budget import Share
from radgate_server.adapters.pacs.dimse.transport.sockets import CONNECTION_CLOSED, QuickSocket
from radgate_server.core.networks import Address

_config.LOG_HANDLER_LEVEL = "none"
_config.LOG_REQUEST_IDENTIFIERS = False
_config.LOG_RESPONSE_IDENTIFIERS = False
# Their log lines may quote data sets, and with them patients. What fails is reported by exceptions.
for _library in ("pynetdicom", "pydicom"):
    logging.getLogger(_library).setLevel(logging.CRITICAL + 1)

_P_DATA_TF = 0x04
_ESTABLISHED = "Sta6"
_INVALID_PDU = "Evt19"
_PDV_HEADER = struct.Struct(">LBB")
_PDU_HEADER = struct.Struct(">BxL")
_PDUS_AT_ONCE = 8
"""P-DATA PDUs that are read in a row when they have come already. Then we look whether there is something to send."""
_CUT_GRACE_S = 0.2


class _WakingQueue(queue.Queue[Any]):
    """What we have for the peer; putting something wakes the thread that sends it."""

    def __init__(self, provider: "ReactiveProvider") -> None:
        super().__init__()
        self._provider = provider

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item, block, timeout)
        self._provider.wake()


class ReactiveProvider(DULServiceProvider):
    """The upper layer of one association; its thread sleeps until something happens."""

    _assoc: "QuickAssociation"

    def __init__(self, assoc: "QuickAssociation") -> None:
        super().__init__(assoc)
        self.daemon = True
        self.to_provider_queue = _WakingQueue(self)
        self._run_loop_delay = 0  # `ready` waits instead

    @property
    def received_at(self) -> float:
        """The monotonic time at which the last byte came, 0 without a connection."""
        return self.socket.received_at if isinstance(self.socket, QuickSocket) else 0.0

    @property
    def received_bytes(self) -> int:
        """All that came on the connection, 0 without one."""
        return self.socket.received_bytes if isinstance(self.socket, QuickSocket) else 0

    def wake(self) -> None:
        """Look at the queues now."""
        if isinstance(self.socket, QuickSocket):
            self.socket.wake()

    def kill_dul(self) -> None:
        """End the thread soon."""
        super().kill_dul()
        self.wake()

    def run_reactor(self) -> None:
        """Run until the association is over; then free the sockets, and let nobody wait for a message any more."""
        sock = self.socket
        try:
            super().run_reactor()
        except InvalidEventError:  # something came too late, such as our abort after the peer's rejection
            self.kill_dul()
        finally:
            self.to_user_queue.put(A_P_ABORT())
            self.assoc.dimse.msg_queue.put((None, None))
            if self._assoc.dimse.share is not None:
                self._assoc.dimse.share.close()
            if isinstance(sock, QuickSocket):
                sock._shutdown_socket()  # noqa: SLF001 - pynetdicom has no public way
                sock.close_wake()

    def _read_pdu_data(self) -> None:
        sock = self.socket
        if self.state_machine.current_state != _ESTABLISHED or not isinstance(sock, QuickSocket):
            super()._read_pdu_data()
            return
        try:
            header = sock.recv(_PDU_HEADER.size)
            for _ in range(_PDUS_AT_ONCE - 1):
                if not self._read_pdu(sock, header) or not (header := sock.recv_now(_PDU_HEADER.size)):
                    return
            self._read_pdu(sock, header)
        except OSError:
            self.event_queue.put(CONNECTION_CLOSED)

    def _read_pdu(self, sock: QuickSocket, header: bytearray) -> bool:
        """Read the rest of a PDU; whether another one of data may follow at once."""
        if header[:1] == bytes((_P_DATA_TF,)):
            return self._read_data(sock, header)
        sock.give_back(header)
        super()._read_pdu_data()
        return False

    def _read_data(self, sock: QuickSocket, header: bytearray) -> bool:
        """Read the rest of a P-DATA PDU; whether the association is good for another one."""
        length = _PDU_HEADER.unpack(header)[1] if len(header) == _PDU_HEADER.size else 0
        if length > sock.max_pdu_bytes:
            self.event_queue.put(_INVALID_PDU)
            return False
        body = sock.recv(length)
        if len(body) < length or not length:
            self.event_queue.put(CONNECTION_CLOSED)
            return False
        try:
            self._hand_over_values(memoryview(body))
        except Exception:  # noqa: BLE001 - whatever a malformed PDU causes, the association is aborted for it
            self.event_queue.put(_INVALID_PDU)
            return False
        return True

    def _hand_over_values(self, body: memoryview) -> None:
        """Walk the presentation data values (PS3.8 9.3.5.1)."""
        offset = 0
        while offset < len(body):
            length, context_id, control = _PDV_HEADER.unpack_from(body, offset)
            end = offset + 4 + length
            if length < 2 or end > len(body):
                raise ValueError("presentation data value beyond its PDU")
            self._assoc.dimse.receive_fragment(context_id, control, body[offset + 6 : end])
            offset = end


class QuickAssociation(Association):
    """An association on the parts above. As requestor it has one thread, not two: nobody serves requests on it."""

    dul: ReactiveProvider
    dimse: EncodedMessages

    def __init__(self, ae: Any, mode: str, *, max_data_set_bytes: int, share: Share | None = None) -> None:
        super().__init__(ae, mode)
        self.dul = ReactiveProvider(self)
        self.dimse = EncodedMessages(self)
        self.dimse.max_data_set_bytes = max_data_set_bytes
        self.dimse.share = share
        self.acse_timeout = ae.acse_timeout
        self.network_timeout = ae.network_timeout
        self.last_message_id = 0

    def is_usable(self) -> bool:
        """Whether it is established and the peer has neither released nor aborted it."""
        return bool(self.is_established) and self.dul.is_alive() and self.dul.to_user_queue.empty()

    def accepted(self, abstract_syntax: str) -> PresentationContext | None:
        """The first accepted context of the abstract syntax."""
        return next((context for context in self.accepted_contexts if context.abstract_syntax == abstract_syntax), None)

    def transfer_syntax_uid(self, context_id: int) -> str:
        """The transfer syntax that was agreed for the context. Raises KeyError for one that was not accepted."""
        return str(self._accepted_cx[context_id].transfer_syntax[0])

    @property
    def peer_address(self) -> Address | None:
        """Where the connection leads to or comes from, None when it is gone."""
        return self.dul.socket.peer_address if isinstance(self.dul.socket, QuickSocket) else None

    def touch(self) -> None:
        """Begin to measure silence again: until now it was we who let the peer wait."""
        self.dul._idle_timer.restart()  # noqa: SLF001 - what pynetdicom's acceptor looks at

    @property
    def gave_up(self) -> bool:
        """Whether it was we who aborted."""
        return bool(self._sent_abort)

    def abort(self, block: bool = True) -> None:
        """Cut the association; pynetdicom calls this when the peer is silent or breaks the protocol."""
        self.cut()

    def kill(self) -> None:
        """End the threads. Waits a moment for what is still to be sent, such as a release response."""
        self._reactor_checkpoint.set()
        self._kill = self._is_paused = True
        self.is_established = False
        self._end_provider()

    def end(self) -> None:
        """Release the association (PS3.8 7.2) if it is still good, else cut it."""
        if self.is_usable():
            self.acse.negotiate_release()
        else:
            self.cut()

    def cut(self) -> None:
        """Abort (PS3.8 7.3) and end the threads within a moment, also while the peer blocks a call."""
        if self.dul.is_alive() and not self._sent_abort:
            self._sent_abort = True
            self.acse.send_abort(0x00)
        self.kill()

    def _end_provider(self) -> None:
        if self.dul.ident is None or threading.current_thread() is self.dul:
            return
        self.dul.join(_CUT_GRACE_S)
        if self.dul.is_alive():
            self.dul.kill_dul()
            if isinstance(self.dul.socket, QuickSocket):
                self.dul.socket.interrupt()
            self.dul.join(_CUT_GRACE_S)
