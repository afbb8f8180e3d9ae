"""Settings of streaming from PACS to readers, and of storing into PACS."""

from pydantic import Field

from radgate_server.settings.shared.table import GIB, MIB, Seconds, Table


class RetrieveSettings(Table):
    """Streaming from the PACS through the cache to the readers."""

    window_bytes: int = Field(
        default=64 * MIB, ge=MIB, description="How far a fetch may run ahead of its fastest reader."
    )
    stall_s: Seconds = Field(
        default=15, description="A fetch whose readers all stand still this long continues to disk without them."
    )
    chunk_bytes: int = Field(default=512 * 1024, ge=16 * 1024, le=3 * MIB, description="Bytes a streamed message.")
    max_results: int = Field(
        default=5000, ge=1, description="Matches taken from one PACS for one query; more are cut, with a warning."
    )
    max_listed_instances: int = Field(default=100_000, ge=1, description="Instances of one study at most.")


class StoreSettings(Table):
    """What clients store into a PACS through Radgate."""

    max_instance_bytes: int = Field(default=4 * GIB, ge=MIB, description="A larger instance is refused (413).")
    memory_bytes: int = Field(
        default=64 * MIB, ge=MIB, description="Memory for instances in transit; what does not fit waits on disk."
    )
    parallel: int = Field(default=4, ge=1, le=64, description="Instances of one upload stored at the same time.")
