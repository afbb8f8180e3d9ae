"""An instance in another transfer syntax."""

from dataclasses import dataclass

from radgate_server.core.dicom.instances import InstanceContent


@dataclass(frozen=True, slots=True)
class TranscodedInstance:
    """A whole DICOM file, and what making it came to.

    `sop_instance_uid` is the source's own unless its pixels lost something (`lossy`): then it is another image
    (PS3.3 C.12.4.1). `notes` say where the bytes and the data set disagreed, without patient data.
    """

    content: InstanceContent
    sop_instance_uid: str
    transfer_syntax_uid: str
    lossy: bool = False
    notes: tuple[str, ...] = ()
