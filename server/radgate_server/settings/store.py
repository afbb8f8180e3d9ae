"""Settings of storing into PACS."""

from pydantic import Field

from radgate_server.settings.shared.table import GIB, MIB, Table


class StoreSettings(Table):
    """What clients store into a PACS through Radgate."""

    max_instance_bytes: int = Field(default=4 * GIB, ge=MIB, description="A larger instance is refused (413).")
    memory_bytes: int = Field(
        default=64 * MIB, ge=MIB, description="Memory for instances in transit; what does not fit waits on disk."
    )
    parallel: int = Field(default=4, ge=1, le=64, description="Instances of one upload stored at the same time.")
