"""Which file of data_dir opens a sealed secret."""

from radgate_server.adapters.secrets.envelope import unpack
from radgate_server.adapters.secrets.files.encryption_keys import file_of
from radgate_server.adapters.secrets.files.key_file import FILE_NAME
from radgate_server.core.errors import ConfigurationError


def sealing_file(sealed: bytes) -> str:
    """Its path below data_dir; "" for a secret whose key is kept elsewhere, or that is damaged."""
    try:
        version = unpack(sealed).version
    except ConfigurationError:
        return ""
    return file_of(version) if version else FILE_NAME
