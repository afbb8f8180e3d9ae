"""The tables of who else keeps the audit trail, how far each has got, and what came from elsewhere."""

from sqlalchemy import BigInteger, Column, Float, String, Table

from radgate_server.adapters.database.schema.tables import UtcDateTime, metadata

RECEIVER = String(64)

audit_exports = Table(
    "audit_exports",
    metadata,
    Column("receiver", RECEIVER, primary_key=True),
    Column("tenant_id", String, primary_key=True),
    Column("sequence", BigInteger, nullable=False, comment="of the last record that it has"),
    Column("number", BigInteger, nullable=False, comment="that record's"),
)

audit_export_holders = Table(
    "audit_export_holders",
    metadata,
    Column("receiver", RECEIVER, primary_key=True),
    Column("holder", String(16), nullable=False, comment="the process that sends"),
    Column("until_s", Float, nullable=False, comment="Unix time at which another one may"),
)

audit_imports = Table(
    "audit_imports",
    metadata,
    Column("request_id", String(100), primary_key=True, comment="of the edge; its record is in the trail"),
    Column("time", UtcDateTime, nullable=False, index=True),
)
