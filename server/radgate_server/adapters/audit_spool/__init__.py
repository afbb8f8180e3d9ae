"""Records of the audit trail in files, while the database is away."""

from radgate_server.adapters.audit_spool.spool import FileAuditSpool

__all__ = ["FileAuditSpool"]
