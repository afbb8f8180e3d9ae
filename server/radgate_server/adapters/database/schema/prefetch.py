"""The tables of prefetched studies, and of the rules that choose some."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table

from radgate_server.adapters.database.schema.tables import TENANT_ID, UID, UtcDateTime, metadata

prefetched_studies = Table(
    "prefetched_studies",
    metadata,
    Column("tenant_id", TENANT_ID, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), primary_key=True),
    Column("batch_id", String(16), primary_key=True),
    Column("study_instance_uid", UID, primary_key=True),
    Column("time", UtcDateTime, nullable=False),
    Column("source", String(63), nullable=False, comment="the rule that chose it; api: somebody asked for it"),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("instances", Integer, nullable=False),
    Column("fetched_instances", Integer, nullable=False),
    Column("failed_instances", Integer, nullable=False),
    Column("fetched_bytes", BigInteger, nullable=False),
    Index(None, "tenant_id", "time"),
    Index(None, "time"),
)

prefetch_rules = Table(
    "prefetch_rules",
    metadata,
    Column("tenant_id", TENANT_ID, ForeignKey("tenants.tenant_id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("last", Integer, nullable=False, comment="priors at most"),
    Column("max_age_days", Integer, nullable=False, comment="0: any age"),
    Column("same_modality", Boolean, nullable=False),
    Column("same_body_part", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column(
        "triggers", String(255), nullable=False, server_default="", comment="what sets it off besides calls, by commas"
    ),
)
