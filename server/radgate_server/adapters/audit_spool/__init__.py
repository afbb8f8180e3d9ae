"""Files in which records of the audit trail wait for the database."""

from radgate_server.adapters.audit_spool.folder import count_late
from radgate_server.adapters.audit_spool.spool import FileAuditSpool

__all__ = ["FileAuditSpool", "count_late"]
