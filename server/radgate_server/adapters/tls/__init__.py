"""Certificates and keys from files, followed while they are renewed."""

from radgate_server.adapters.tls.files import read_tls
from radgate_server.adapters.tls.watched import WatchedTls

__all__ = ["WatchedTls", "read_tls"]
