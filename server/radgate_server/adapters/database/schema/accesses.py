"""The table of accesses to studies, from which it is computed what caches save."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from radgate_server.adapters.database.schema.tables import TENANT_ID, UID, UtcDateTime, metadata

# No foreign key: a batch of many tenants must not fail when one of them is being deleted.
study_accesses = Table(
    "study_accesses",
    metadata,
    Column("hour", UtcDateTime, primary_key=True, comment="its begin"),
    Column("tenant_id", TENANT_ID, primary_key=True),
    Column("study_instance_uid", UID, primary_key=True),
    Column("kind", String(16), primary_key=True, comment="what was asked for: retrieve, frames, ..."),
    Column("tier", String(16), primary_key=True, comment="the farthest one needed; pacs: it was in none"),
    Column("accesses", Integer, nullable=False),
    Column("sent_bytes", BigInteger, nullable=False),
    Column("fetched_bytes", BigInteger, nullable=False),
    Column("waited_ms", BigInteger, nullable=False, comment="for what was fetched"),
    Column("first_byte_us", BigInteger, nullable=False, server_default="0", comment="until the first byte left"),
    Column("modality", String(64), nullable=False, server_default="", comment="Modalities in Study, if known"),
    Column("patient", String(32), nullable=False, server_default="", comment="keyed digest of Patient ID, if known"),
    Index(None, "tenant_id", "study_instance_uid"),
)
