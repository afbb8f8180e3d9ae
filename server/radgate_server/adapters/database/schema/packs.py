"""The tables of packs: objects with many instances of a study in an object store."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from radgate_server.adapters.database.schema.tables import TENANT_ID, UtcDateTime, metadata

OBJECT_KEY = String(200)
HASH = String(32)

packs = Table(
    "packs",
    metadata,
    Column("object_key", OBJECT_KEY, primary_key=True),
    Column("tenant_id", TENANT_ID, nullable=False),
    Column("study", HASH, nullable=False, comment="hash of its UID"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("instances", Integer, nullable=False, comment="that it owned at first"),
    Column("create_time", UtcDateTime, nullable=False, index=True),
    Column("use_time", UtcDateTime, nullable=False, comment="coarse: it orders evictions"),
    Column("seen", BigInteger, nullable=False, comment="last change that was applied when it was fetched"),
    Column("state", LargeBinary, nullable=False, comment="what the PACS said of the study before it was fetched"),
    Index(None, "tenant_id", "study"),
    Index(None, "tenant_id", "use_time"),
)

# The primary key reads all of a study at once, and one owner of an instance wins by it.
packed_instances = Table(
    "packed_instances",
    metadata,
    Column("tenant_id", TENANT_ID, primary_key=True),
    Column("study", HASH, primary_key=True),
    Column("instance", HASH, primary_key=True, comment="hash of its UID and its series's"),
    Column("series", HASH, nullable=False, comment="hash of its UID"),
    Column("object_key", OBJECT_KEY, ForeignKey("packs.object_key", ondelete="CASCADE"), nullable=False, index=True),
    Column("start", BigInteger, nullable=False, comment="of its sealed bytes within the object"),
    Column("length", BigInteger, nullable=False),
    Column("checksum", BigInteger, nullable=False, comment="CRC-32C of the sealed bytes"),
    Column("size_bytes", BigInteger, nullable=False, comment="of the DICOM file"),
    Column("crc32c", BigInteger, nullable=False, comment="of the DICOM file"),
    Column("uids", LargeBinary, nullable=False, comment="SOP class and transfer syntax, a JSON array"),
    Column("head", LargeBinary, nullable=False, comment="what the sealed bytes begin with"),
)
