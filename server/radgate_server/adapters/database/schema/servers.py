"""The table of the servers that share the database."""

from sqlalchemy import Column, String, Table

from radgate_server.adapters.database.schema.tables import UtcDateTime, metadata

members = Table(
    "members",
    metadata,
    Column("member_id", String(32), primary_key=True),
    Column("name", String, nullable=False, comment="of its machine"),
    Column("version", String, nullable=False),
    Column("dicom_aet", String(16), nullable=False),
    Column("start_time", UtcDateTime, nullable=False),
    Column("lease_end_time", UtcDateTime, nullable=False, comment="it has announced itself by then, or is gone"),
)
