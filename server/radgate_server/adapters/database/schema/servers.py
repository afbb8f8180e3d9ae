"""The tables of the servers that share the database, of which study is fetched by whom, and who reads the feed."""

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Table, true

from radgate_server.adapters.database.schema.tables import TENANT_ID, UtcDateTime, metadata

members = Table(
    "members",
    metadata,
    Column("member_id", String(32), primary_key=True),
    Column("name", String, nullable=False, comment="of its machine"),
    Column("version", String, nullable=False),
    Column("dicom_aet", String(16), nullable=False),
    Column("start_time", UtcDateTime, nullable=False),
    Column("lease_end_time", UtcDateTime, nullable=False, comment="it has announced itself by then, or is gone"),
    Column("address", String, nullable=False, server_default="", comment="host:port for other members"),
    Column("listens", Boolean, nullable=False, server_default=true(), comment="for what C-MOVE asks for, as dicom_aet"),
)

# No foreign key: who holds a study may be lost, and the row is then another's.
study_holders = Table(
    "study_holders",
    metadata,
    Column("tenant_id", TENANT_ID, primary_key=True),
    Column("study_instance_uid", String(64), primary_key=True),
    Column("member_id", String(32), nullable=False, comment="fetches the study from its PACS for all"),
    Column("since", UtcDateTime, nullable=False),
    Index(None, "since"),
)

feed_readers = Table(
    "feed_readers",
    metadata,
    Column("reader", String(32), primary_key=True),
    Column("sequence", BigInteger, nullable=False, comment="of the last change that was read for it"),
    Column("holder", String(32), nullable=False, comment="the process that reads"),
    Column("lease_end_time", UtcDateTime, nullable=False, comment="from when on another one may"),
)
