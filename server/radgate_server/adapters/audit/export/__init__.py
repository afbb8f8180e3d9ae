"""Ways to those who keep the audit trail too."""

from radgate_server.adapters.audit.export.build import build_receiver

__all__ = ["build_receiver"]
