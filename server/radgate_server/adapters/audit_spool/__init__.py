"""Records of the audit trail on their way to the database: in memory that two processes share, then in files."""

from radgate_server.adapters.audit_spool.folder import count_late
from radgate_server.adapters.audit_spool.shared_sink import SharedAuditSink, shared_audit_sink, take_what_memory_holds
from radgate_server.adapters.audit_spool.spool import FileAuditSpool
from radgate_server.adapters.audit_spool.terms import Terms

__all__ = ["FileAuditSpool", "SharedAuditSink", "Terms", "count_late", "shared_audit_sink", "take_what_memory_holds"]
