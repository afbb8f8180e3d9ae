"""Records of the audit trail in files, until they are in the database."""

from radgate_server.adapters.audit_spool.folder import count_late
from radgate_server.adapters.audit_spool.spool import FileAuditSpool

__all__ = ["FileAuditSpool", "count_late"]
