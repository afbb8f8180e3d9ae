"""The tables of retention, legal holds, the keys of cached data and their erasure; schema.py has all others."""

from sqlalchemy import JSON, Column, Index, Integer, LargeBinary, String, Table, Text

from radgate_server.adapters.database.schema.tables import TENANT_ID, UtcDateTime, metadata

ID = String(32)

# Tenants' audit trails outlive tenants, and so does how long they are kept and why: no foreign keys.
retention_rules = Table(
    "retention_rules",
    metadata,
    Column("tenant_id", TENANT_ID, primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("days", Integer, nullable=False, comment="0: for good"),
)

legal_holds = Table(
    "legal_holds",
    metadata,
    Column("hold_id", ID, primary_key=True),
    Column("tenant_id", TENANT_ID, nullable=False),
    Column("subject", String(16), nullable=False),
    Column("value", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("placed_by", String, nullable=False),
    Column("place_time", UtcDateTime, nullable=False),
    Column("released_by", String, nullable=False),
    Column("release_time", UtcDateTime),
    Column("release_reason", String, nullable=False),
    Index(None, "tenant_id"),
)

tenant_cache_keys = Table(
    "tenant_cache_keys",
    metadata,
    Column("tenant_id", TENANT_ID, primary_key=True),
    Column("sealed", LargeBinary, nullable=False, comment="wraps the tenant's study_cache_keys"),
)

study_cache_keys = Table(
    "study_cache_keys",
    metadata,
    Column("tenant_id", TENANT_ID, primary_key=True),
    Column("study", String(32), primary_key=True, comment="hash of the Study Instance UID: the name of its folder"),
    Column("key_id", ID, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("study_instance_uid", String(64), nullable=False),
    Column("patient_id", String, nullable=False, comment="of the first instance that was kept"),
    Index(None, "tenant_id", "patient_id"),
)

cache_erasures = Table(
    "cache_erasures",
    metadata,
    Column("erasure_id", ID, primary_key=True),
    Column("tenant_id", TENANT_ID, nullable=False),
    Column("create_time", UtcDateTime, nullable=False),
    Column("request", JSON, nullable=False, comment="what, by whom and why"),
    Column("progress", JSON, nullable=False, comment="what is done so far"),
    Column("certificate", Text, comment="null: not finished yet"),
    Index(None, "tenant_id", "create_time"),
)
