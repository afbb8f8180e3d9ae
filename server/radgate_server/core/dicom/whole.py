"""Whether a DICOM file is whole: every element from the first to the last lies where its lengths say."""

from radgate_server.core.dicom.file_meta import encoding_of, read_file_meta
from radgate_server.core.dicom.inflate import inflated_pieces
from radgate_server.core.dicom.walker import Walker
from radgate_server.core.instances import FileBytes
from radgate_server.core.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN


def check_whole(data: memoryview | FileBytes) -> None:
    """Walk the data set of a DICOM file; of a deflated one, insist that its deflated stream is whole.

    Raises:
        InstanceMalformedError: it is truncated, does not hold together, or goes beyond the limits of this package.
    """
    meta = read_file_meta(data)
    if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        for _ in inflated_pieces(data, start=meta.data_set_offset):
            continue
        return
    for _ in Walker(data).elements(meta.data_set_offset, encoding_of(meta.transfer_syntax_uid)):
        continue
