"""Files in which records of the audit trail wait for the database."""

from radgate_server.adapters.audit.spool.folder import count_late, opens_with
from radgate_server.adapters.audit.spool.spool import FileAuditSpool

__all__ = ["FileAuditSpool", "count_late", "opens_with"]
