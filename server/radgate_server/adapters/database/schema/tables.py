"""The tables. Every change here needs a migration; a test compares the two."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
    true,
)

TENANT_ID = String(63)
PACS_NAME = String(63)
KEY_ID = String(12)
UID = String(64)
# SQLite numbers rows by itself only where the type is INTEGER.
ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with time zone UTC, also where the database keeps none (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Go to the database as UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Come back as UTC."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

tenants = Table(
    "tenants",
    metadata,
    Column("tenant_id", TENANT_ID, primary_key=True),
    Column("create_time", UtcDateTime, nullable=False),
    Column("hide_rejected", Boolean, nullable=False, server_default=false(), comment="by rejection notes"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("number", ROW_NUMBER, primary_key=True, autoincrement=True, comment="order of creation"),
    Column("key_id", KEY_ID, nullable=False, unique=True),
    Column("every_tenant", Boolean, nullable=False),
    Column("role", SmallInteger, nullable=False),
    Column("label", String, nullable=False),
    Column("create_time", UtcDateTime, nullable=False),
    Column("revoke_time", UtcDateTime),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("expire_time", UtcDateTime),
    Column("last_use_time", UtcDateTime),
    Column("replaced_by", KEY_ID, nullable=False, server_default="", comment="the key that it was rotated to"),
    Column("restriction", JSON(none_as_null=True), comment="the StudyRestriction; null: every study"),
)

api_key_tenants = Table(
    "api_key_tenants",
    metadata,
    Column("key_id", KEY_ID, ForeignKey("api_keys.key_id", ondelete="CASCADE"), primary_key=True),
    Column("tenant_id", TENANT_ID, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("position", SmallInteger, nullable=False, comment="from 0; the first is the key's default"),
)

pacs = Table(
    "pacs",
    metadata,
    Column("number", ROW_NUMBER, primary_key=True, autoincrement=True, comment="order of creation"),
    Column("tenant_id", TENANT_ID, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), nullable=False),
    Column("name", PACS_NAME, nullable=False),
    Column("connection", JSON, nullable=False, comment="PacsConnection, told apart by kind, without the password"),
    Column("sealed_password", LargeBinary),
    Column("create_time", UtcDateTime, nullable=False),
    Column("backup_for", PACS_NAME, nullable=False, server_default="", comment="the primary; empty for a primary"),
    Column("failover_enabled", Boolean, nullable=False, server_default=true()),
    Column("failover_threshold", SmallInteger, nullable=False, server_default=text("3")),
    Column("failback_after_s", Float, nullable=False, server_default=text("60")),
    Column("validation", JSON(none_as_null=True), comment="the last ValidationReport"),
    Column("confined", Boolean, nullable=False, server_default=false(), comment="kept out of private networks"),
    UniqueConstraint("tenant_id", "name"),
    sqlite_autoincrement=True,
)

# Goes with the primary, and with the PACS that is active: then the primary is, without a row.
pacs_active = Table(
    "pacs_active",
    metadata,
    Column("tenant_id", TENANT_ID, primary_key=True),
    Column("primary_name", PACS_NAME, primary_key=True),
    Column("active", PACS_NAME, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("by_hand", Boolean, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "primary_name"],
        ["pacs.tenant_id", "pacs.name"],
        ondelete="CASCADE",
        name="fk_pacs_active_primary_name",
    ),
    ForeignKeyConstraint(
        ["tenant_id", "active"], ["pacs.tenant_id", "pacs.name"], ondelete="CASCADE", name="fk_pacs_active_active"
    ),
)

# History: names, not references, so that it outlives the PACS. It goes with the tenant.
pacs_transitions = Table(
    "pacs_transitions",
    metadata,
    Column("number", ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("tenant_id", TENANT_ID, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Column("primary_name", PACS_NAME, nullable=False),
    Column("from_pacs", PACS_NAME, nullable=False),
    Column("to_pacs", PACS_NAME, nullable=False),
    Column("cause", String(32), nullable=False),
    Column("reason", String, nullable=False),
    Index(None, "tenant_id", "primary_name"),
    sqlite_autoincrement=True,
)

pacs_statuses = Table(
    "pacs_statuses",
    metadata,
    Column("tenant_id", TENANT_ID, primary_key=True),
    Column("name", PACS_NAME, primary_key=True),
    Column("time", UtcDateTime, nullable=False),
    Column("status", JSON, nullable=False, comment="the rest of the PacsStatus"),
    ForeignKeyConstraint(
        ["tenant_id", "name"], ["pacs.tenant_id", "pacs.name"], ondelete="CASCADE", name="fk_pacs_statuses_name"
    ),
)

# What was set for a tenant (key_id ""), or for a principal that acts for it; what is missing is as the settings say.
limits = Table(
    "limits",
    metadata,
    Column("tenant_id", TENANT_ID, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), primary_key=True),
    Column("key_id", String, primary_key=True),
    Column("limits", JSON, nullable=False),
)

# A key here is a principal of any kind; tenant_id is "" for one that acts for no tenant.
quota_usage = Table(
    "quota_usage",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False, comment="date of UTC, 1 for 0001-01-01"),
    Column("tenant_id", String, primary_key=True),
    Column("key_id", String, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("sequence", ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("tenant_id", TENANT_ID, nullable=False),
    Column("subject", UID, nullable=False),
    Column("part", String, nullable=False, server_default="", comment="of the study or tenant that is invalidated"),
    Column("time", UtcDateTime, nullable=False, index=True),
    Index(None, "kind", "tenant_id", "subject"),
    sqlite_autoincrement=True,
)

# No index, since nothing searches the trail yet: each would be more pages to flush before every answer. Rows of one
# tenant are inserted in the order of its chain, so that it is followed by number.
# Words as callers sent them (a header): no limit here may fail a batch.
audit_entries = Table(
    "audit_entries",
    metadata,
    Column("number", ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("time_us", BigInteger, nullable=False, comment="microseconds since 1970-01-01T00:00Z"),
    Column("tenant_id", String, nullable=False),
    Column("key_id", String, nullable=False),
    Column("role", String, nullable=False),
    Column("action", String, nullable=False),
    Column("study_instance_uid", String, nullable=False),
    Column("series_instance_uid", String, nullable=False),
    Column("sop_instance_uid", String, nullable=False),
    Column("address", String, nullable=False),
    Column("user_agent", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("sequence", BigInteger, nullable=False, server_default="0", comment="place in the tenant's chain, from 1"),
    Column("record_hash", LargeBinary, comment="SHA-256 of the canonical form; null: from before there were chains"),
    Column("size_bytes", BigInteger, nullable=False, server_default="-1", comment="-1: not known beforehand"),
    Column("outcome", String, nullable=False, server_default="granted"),
    Column("principal", String, nullable=False, server_default=""),
    Column("patient_id", String, nullable=False, server_default=""),
    Column("pacs", String, nullable=False, server_default=""),
    Column("trace_id", String, comment="null: the record's canonical form is 1, which has no trace"),
    Column("break_glass", String, comment="null: the record's canonical form is older than 3"),
    Column("same_family_name", String, comment="yes or empty; null: the record's canonical form is older than 3"),
    Column("erased_by", BigInteger, comment="sequence of the statement that says that the body was erased"),
)

# A trigger moves the head with each insertion, and refuses records that do not follow it (migration 0003).
audit_heads = Table(
    "audit_heads",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("sequence", BigInteger, nullable=False, comment="of the last record; 0: none yet"),
    Column("record_hash", LargeBinary, nullable=False),
    Column("time_us", BigInteger, nullable=False),
)

audit_checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("number", ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("tenant_id", String, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("record_hash", LargeBinary, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("key_id", String, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Index(None, "tenant_id", "number"),
    sqlite_autoincrement=True,
)

# Written after the records (audit_index.py): which terms occur in which blocks of 256 numbers, and from when to when.
audit_index = Table(
    "audit_index",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("term", String, primary_key=True),
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Index(None, "block", "tenant_id"),
    sqlite_with_rowid=False,
)

audit_indexed = Table(
    "audit_indexed",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("number", BigInteger, nullable=False, comment="of the last record that is indexed"),
    Column("sequence", BigInteger, nullable=False, comment="its place in the chain"),
    Column(
        "entries",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="rows of audit_index, for searches to compare",
    ),
)

# Which files in data_dir the database belongs to (installation_keys.py).
installation_keys = Table(
    "installation_keys",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("fingerprint", String(32), nullable=False),
)

report_schedules = Table(
    "report_schedules",
    metadata,
    Column("tenant_id", TENANT_ID, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("plan", JSON, nullable=False, comment="what is told, when, and to whom"),
    Column("due_time", UtcDateTime, nullable=False, comment="the moment that it is planned for; the period ends there"),
    Column("try_time", UtcDateTime, nullable=False, comment="when it is tried: due_time, or later when it failed"),
    Column("held_until", UtcDateTime, comment="a server works on it until then"),
    Column("attempts", Integer, nullable=False),
    Column("pending", JSON(none_as_null=True), comment="receivers that do not have this run yet; null: all"),
    Column("last_run_time", UtcDateTime),
    Column("last_error", String, nullable=False),
)
