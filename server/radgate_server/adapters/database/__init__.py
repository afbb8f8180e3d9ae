"""Tenants, keys, PACS, failover, changes and the audit trail in SQLite or PostgreSQL."""

from radgate_server.adapters.database.audit import SqlAuditSink
from radgate_server.adapters.database.audit_eraser import SqlRecordEraser
from radgate_server.adapters.database.audit_exports import SqlExportPositions
from radgate_server.adapters.database.audit_records import SqlAuditRecords
from radgate_server.adapters.database.audit_spooled import SpooledAuditSink
from radgate_server.adapters.database.audit_trail import SqlAuditTrail
from radgate_server.adapters.database.cache_keys import SqlCacheKeyRecords
from radgate_server.adapters.database.changes import SqlChangeFeed
from radgate_server.adapters.database.database import Database
from radgate_server.adapters.database.erasures import SqlErasureRecords
from radgate_server.adapters.database.failover import SqlFailoverDirectory
from radgate_server.adapters.database.keys import SqlKeyDirectory
from radgate_server.adapters.database.limits import SqlLimitDirectory, SqlUsageLedger
from radgate_server.adapters.database.migration import migrate
from radgate_server.adapters.database.observing import observe_database
from radgate_server.adapters.database.pacs import SqlPacsDirectory
from radgate_server.adapters.database.report_schedules import SqlReportSchedules
from radgate_server.adapters.database.retention import SqlHoldDirectory, SqlRetentionRules
from radgate_server.adapters.database.sealed import SqlSealedRecords
from radgate_server.adapters.database.statuses import SqlStatusBoard
from radgate_server.adapters.database.tenants import SqlTenantDirectory

__all__ = [
    "Database",
    "SpooledAuditSink",
    "SqlAuditRecords",
    "SqlAuditSink",
    "SqlAuditTrail",
    "SqlCacheKeyRecords",
    "SqlChangeFeed",
    "SqlErasureRecords",
    "SqlExportPositions",
    "SqlFailoverDirectory",
    "SqlHoldDirectory",
    "SqlKeyDirectory",
    "SqlLimitDirectory",
    "SqlPacsDirectory",
    "SqlRecordEraser",
    "SqlReportSchedules",
    "SqlRetentionRules",
    "SqlSealedRecords",
    "SqlStatusBoard",
    "SqlTenantDirectory",
    "SqlUsageLedger",
    "migrate",
    "observe_database",
]
