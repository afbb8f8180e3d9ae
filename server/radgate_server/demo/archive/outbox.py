"""Sending stored instances in C-STORE sub-operations, byte for byte when the peer takes them as they are stored.

pynetdicom sends data sets that it encodes itself. So that nothing is decoded and encoded again, it is given a small
stand-in with the instance's UIDs and transfer syntax, and the real bytes are put into the message before it is cut
into PDUs.
"""

from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ

from radgate_server.core.dicom.dataset.file_meta import read_file_meta
from radgate_server.core.dicom.instances import ListedInstance, ReceivedInstance
from radgate_server.core.dicom.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from radgate_server.core.errors import InstanceMalformedError
from radgate_server.demo.archive.quick_sockets import Binding

_PIECE_BYTES = 1 << 20
_CONVERTIBLE = frozenset(uid for uid, syntax in TRANSFER_SYNTAXES.items() if syntax.kind == "native")


class Outbox:
    """One association's outgoing instances. `handlers` are to be bound to the association.

    `originator_aet` is the AE title that asked for a C-MOVE, "" for a C-GET.
    """

    def __init__(self, association: Association | None = None, originator_aet: str = "") -> None:
        self._association = association
        self._originator_aet = originator_aet
        self._encoded: memoryview | None = None

    @property
    def handlers(self) -> list[Binding]:
        """Event handlers that make it work."""
        return [(evt.EVT_ESTABLISHED, self._on_established), (evt.EVT_DIMSE_SENT, self._on_message)]

    def put(self, instance: ReceivedInstance) -> Dataset:
        """Get ready to send the instance, and return the data set that pynetdicom is to be given.

        When the peer takes another uncompressed syntax only, that is the whole data set, for pynetdicom to convert.
        What the peer does not take, or can't be read, pynetdicom refuses to send, and the sub-operation has failed.
        """
        self._encoded = None
        try:
            return self._prepare(instance)
        except (OSError, InstanceMalformedError, InvalidDicomError):
            return _stand_in(instance.sop_class_uid, instance.ref.sop_instance_uid)

    def _prepare(self, instance: ReceivedInstance) -> Dataset:
        stand_in = _stand_in(instance.sop_class_uid, instance.ref.sop_instance_uid)
        stand_in.file_meta = FileMetaDataset()
        stand_in.file_meta.TransferSyntaxUID = UID(instance.transfer_syntax_uid)
        takes_as_stored = self._takes_as_stored(instance)
        if not takes_as_stored and instance.transfer_syntax_uid not in _CONVERTIBLE:
            return stand_in
        file = b"".join(instance.content.pieces(_PIECE_BYTES))
        if not takes_as_stored:
            return dcmread(BytesIO(file))
        # A deflated data set may have an odd length, and DIMSE carries even ones (PS3.5 A.5).
        offset = read_file_meta(memoryview(file)).data_set_offset
        is_odd = (len(file) - offset) % 2 and instance.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
        self._encoded = memoryview(file + b"\0" if is_odd else file)[offset:]
        return stand_in

    @staticmethod
    def unsendable(listed: ListedInstance) -> Dataset:
        """Return a data set that pynetdicom can't send for want of a transfer syntax, to count what did not come."""
        return _stand_in(listed.sop_class_uid, listed.ref.sop_instance_uid)

    def _takes_as_stored(self, instance: ReceivedInstance) -> bool:
        contexts = self._association.accepted_contexts if self._association else ()
        wanted = (instance.sop_class_uid, instance.transfer_syntax_uid)
        return any(cx.as_scu and (cx.abstract_syntax, cx.transfer_syntax[0]) == wanted for cx in contexts)

    def _on_established(self, event: evt.Event) -> None:
        self._association = event.assoc

    def _on_message(self, event: evt.Event) -> None:
        if not isinstance(event.message, C_STORE_RQ):
            return
        if self._originator_aet:
            _set_originator(event.message.command_set, self._originator_aet)
        if self._encoded is not None:
            event.message.data_set = BytesIO(self._encoded)
            self._encoded = None


def _stand_in(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    data_set = Dataset()
    data_set.SOPClassUID = sop_class_uid
    data_set.SOPInstanceUID = sop_instance_uid
    return data_set


def _set_originator(command_set: Dataset, ae_title: str) -> None:
    """Name who asked for the move, where pynetdicom names the archive itself (PS3.7 9.1.1.1.6)."""
    before = command_set.MoveOriginatorApplicationEntityTitle
    command_set.MoveOriginatorApplicationEntityTitle = ae_title
    command_set.CommandGroupLength += _encoded_length(ae_title) - _encoded_length(before)


def _encoded_length(text: str) -> int:
    return len(text) + len(text) % 2
