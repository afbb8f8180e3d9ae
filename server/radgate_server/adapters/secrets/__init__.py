"""Secrets at rest, sealed under the installation's key; signatures of the audit trail's checkpoints."""

from radgate_server.adapters.secrets.box import FileSecretBox
from radgate_server.adapters.secrets.key_file import make_data_dir
from radgate_server.adapters.secrets.signing import FileSigner, PublicKeys

__all__ = ["FileSecretBox", "FileSigner", "PublicKeys", "make_data_dir"]
