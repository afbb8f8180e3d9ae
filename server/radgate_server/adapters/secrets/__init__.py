"""Secrets sealed under keys of one's choice, or kept elsewhere; signatures of the audit trail's checkpoints."""

from radgate_server.adapters.secrets.box import EnvelopeBox
from radgate_server.adapters.secrets.file_keys import FileKeys
from radgate_server.adapters.secrets.key_file import make_data_dir
from radgate_server.adapters.secrets.opening import SecretStore, open_secrets
from radgate_server.adapters.secrets.signing import FileSigner, PublicKeys
from radgate_server.adapters.secrets.spool_cipher import SpoolCiphers
from radgate_server.adapters.secrets.study_keys import StudyKeyChain

__all__ = [
    "EnvelopeBox",
    "FileKeys",
    "FileSigner",
    "PublicKeys",
    "SecretStore",
    "SpoolCiphers",
    "StudyKeyChain",
    "make_data_dir",
    "open_secrets",
]
