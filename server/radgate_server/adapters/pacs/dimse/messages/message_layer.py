"""pynetdicom's message layer, without decoding what it carries (PS3.7 6.3.1)."""

import queue
from io import BytesIO
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_primitives import C_CANCEL
from pynetdicom.pdu_primitives import P_DATA

from radgate_server.adapters.pacs.dimse.messages.commands import decode_command, encode_command
from radgate_server.adapters.pacs.dimse.messages.fragments import Fragments
from radgate_server.adapters.pacs.dimse.transport.receive_budget import Share
from radgate_server.adapters.pacs.dimse.transport.sockets import MAX_RECEIVED_PDU_BYTES

PDV_OVERHEAD_BYTES = 6
"""Item length, context and control, which count in a PDU's maximum length (PS3.8 9.3.5.1)."""
_COMMAND = 0x01
_LAST = 0x02
_MAX_COMMAND_BYTES = 1 << 16
_MAX_CANCELS = 10
_MAX_REQUESTS = 8  # asynchronous operations are not negotiated: a requestor has one in progress (PS3.7 D.3.3.3)
_SERVE_WAIT_S = 0.02  # how late an acceptor may notice a release


class EncodedMessages(DIMSEServiceProvider):
    """Puts messages together from fragments and takes them apart (PS3.7 6.3.1), data sets encoded as they are."""

    def __init__(self, assoc: Association) -> None:
        super().__init__(assoc)
        self.max_data_set_bytes = 1 << 32
        self.share: Share | None = None
        self._command = b""
        self._primitive: Any = None
        self._fragments = Fragments()
        self._dropped = False

    def receive_fragment(self, context_id: int, control: int, fragment: memoryview) -> None:
        """Take one fragment; the last one of a message puts it into the queue.

        Raises:
            ValueError: the fragments do not make a message.
        """
        complete = bool(control & _LAST)
        if control & _COMMAND:
            self._command += fragment
            if len(self._command) > _MAX_COMMAND_BYTES or self._primitive is not None:
                raise ValueError("a command set that is too long, or within a message")
            if complete:
                self._primitive, followed = decode_command(self._command)
                self._command, complete = b"", not followed
        elif self._primitive is None:
            raise ValueError("a data set without a command set")
        else:
            self._keep(fragment)
            if complete:
                setattr(self._primitive, data_set_keyword(self._primitive), self._join())
        if complete and self._primitive is not None:
            primitive, self._primitive = self._primitive, None
            self._deliver(primitive, context_id)

    def get_msg(self, block: bool = False) -> Any:
        """The next message, or (None, None). Acceptors ask without blocking, all the time: they wait here."""
        try:
            return self.msg_queue.get(timeout=self.dimse_timeout if block else _SERVE_WAIT_S)
        except queue.Empty:
            return None, None

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Send a message with its data set, if it has one."""
        keyword = data_set_keyword(primitive)
        data_set = getattr(primitive, keyword, None) if keyword else None
        encoded = data_set.getvalue() if data_set is not None else b""
        self.dul.send_pdu(self.command_value(primitive, context_id, has_data_set=bool(encoded)))
        longest = (self.maximum_pdu_size or MAX_RECEIVED_PDU_BYTES) - PDV_OVERHEAD_BYTES
        for start in range(0, len(encoded), longest):
            last = start + longest >= len(encoded)
            self.dul.send_pdu(data_value(encoded[start : start + longest], context_id, last=last))

    def command_value(self, primitive: Any, context_id: int, *, has_data_set: bool) -> P_DATA:
        """The presentation data value with the message's command set, which is never longer than one."""
        command = encode_command(primitive, has_data_set=has_data_set)
        return _value(bytes((_COMMAND | _LAST,)) + command, context_id)

    def settle(self, data_set_bytes: int) -> None:
        """Give back the room of a data set that was dealt with."""
        if self.share is not None:
            self.share.give_back(data_set_bytes)

    def _keep(self, fragment: memoryview) -> None:
        if self._dropped:
            return
        fits = self._fragments.size + len(fragment) <= self.max_data_set_bytes
        if fits and (self.share is None or self.share.take(len(fragment))):
            self._fragments.append(fragment)
            return
        self._dropped = True
        self.settle(self._fragments.size)
        self._fragments = Fragments()

    def _join(self) -> BytesIO:
        """The data set, empty when there was no room: pynetdicom aborts for a request without one.

        BytesIO gives the very bytes back as long as nobody writes.
        """
        data_set = BytesIO() if self._dropped else BytesIO(self._fragments.join())
        self._fragments, self._dropped = Fragments(), False
        return data_set

    def _deliver(self, primitive: Any, context_id: int) -> None:
        primitive._context_id = context_id  # noqa: SLF001 - where pynetdicom's services look for it
        if isinstance(primitive, C_CANCEL):
            if len(self.cancel_req) < _MAX_CANCELS:
                self.cancel_req[primitive.MessageIDBeingRespondedTo or 0] = primitive
        elif self.share is not None and self.msg_queue.qsize() >= _MAX_REQUESTS:
            raise ValueError("a requestor that does not wait for answers")
        else:
            self.msg_queue.put((context_id, primitive))


def data_set_keyword(primitive: Any) -> str:
    """The attribute that holds the message's data set, "" when such messages have none."""
    return next((name for name in ("DataSet", "Identifier") if hasattr(primitive, name)), "")


def data_value(fragment: bytes | memoryview, context_id: int, *, last: bool) -> P_DATA:
    """The presentation data value with one fragment of a data set (PS3.8 annex E)."""
    return _value((b"\x02" if last else b"\x00") + bytes(fragment), context_id)


def _value(content: bytes, context_id: int) -> P_DATA:
    value = P_DATA()
    value.presentation_data_value_list.append((context_id, content))
    return value
