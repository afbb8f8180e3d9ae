"""Secrets at rest, sealed under the installation's key."""

from radgate_server.adapters.secrets.box import FileSecretBox
from radgate_server.adapters.secrets.key_file import make_data_dir

__all__ = ["FileSecretBox", "make_data_dir"]
