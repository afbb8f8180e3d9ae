"""Whose an instance is that is about to be kept: its study, and the patient if that is reported at its front."""

from radgate_server.adapters.cache.disk.stored_bytes import Owner
from radgate_server.core.dicom.instances import InstanceContent, ReceivedInstance
from radgate_server.core.errors import InstanceMalformedError

_HEAD_BYTES = 256 * 1024
"""The front of a DICOM file in which its Patient ID is looked for."""


def owner_of(instance: ReceivedInstance) -> Owner:
    """The patient is looked for when it is asked for."""
    return Owner(instance.ref.study_instance_uid, lambda: _patient_id_of(instance.content))


def _patient_id_of(content: InstanceContent) -> str:
    """The Patient ID if it stands where it is looked for, else ""."""
    # It comes with pydicom and numpy, half a second that commands which look at caches do without.
    from radgate_server.core.dicom.dataset.file_meta import patient_id_of

    head = b""
    for piece in content.pieces(_HEAD_BYTES):
        head += piece
        if len(head) >= _HEAD_BYTES:
            break
    try:
        return patient_id_of(head)
    except InstanceMalformedError:
        return ""
