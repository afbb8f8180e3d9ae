"""The tables of jobs."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    false,
)

from radgate_server.adapters.database.schema.tables import ROW_NUMBER, TENANT_ID, UID, UtcDateTime, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("number", ROW_NUMBER, primary_key=True, autoincrement=True, comment="order of submission"),
    Column("job_id", String(16), nullable=False, unique=True),
    Column("tenant_id", TENANT_ID, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), nullable=False),
    Column("request_id", String, comment="null: the client gave none"),
    Column("kind", String(32), nullable=False),
    Column("study_instance_uid", UID, nullable=False),
    Column("series_instance_uid", UID, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("traceparent", String, nullable=False),
    Column("state", String(16), nullable=False),
    Column("done", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("failures", JSON, nullable=False, comment="counts of instances by reason"),
    Column("attempts", SmallInteger, nullable=False),
    Column("reason", String, nullable=False),
    Column("message", String, nullable=False),
    Column("create_time", UtcDateTime, nullable=False),
    Column("start_time", UtcDateTime),
    Column("end_time", UtcDateTime),
    Column("due_time", UtcDateTime, nullable=False, comment="a waiting job is not begun before"),
    Column("lease", String(32), comment="who runs it knows this"),
    Column("lease_end_time", UtcDateTime, comment="whoever runs it has renewed by then, or is gone"),
    Column("cancel_requested", Boolean, nullable=False),
    Column("urgency", SmallInteger, nullable=False, server_default="1", comment="its class: 0 is the most urgent"),
    Column("paused", Boolean, nullable=False, server_default=false(), comment="not to be run until it is resumed"),
    Column("fetched_bytes", BigInteger, nullable=False, server_default="0", comment="of jobs that prefetch"),
    UniqueConstraint("tenant_id", "request_id"),
    Index(None, "state", "due_time"),
    Index(None, "tenant_id", "end_time"),
    Index(None, "end_time"),
    Index(None, "lease"),
    sqlite_autoincrement=True,
)

job_turns = Table(
    "job_turns",
    metadata,
    Column("tenant_id", TENANT_ID, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), primary_key=True),
    Column("claim_time", UtcDateTime, comment="when a job of the tenant was begun last; null: never"),
)
