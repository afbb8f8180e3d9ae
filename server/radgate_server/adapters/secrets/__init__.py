"""Secrets at rest, sealed under the installation's key."""

from radgate_server.adapters.secrets.box import FileSecretBox

__all__ = ["FileSecretBox"]
