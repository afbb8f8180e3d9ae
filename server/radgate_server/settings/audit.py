"""Settings of the audit trail."""

from typing import Literal

from pydantic import Field

from radgate_server.settings.table import MIB, Seconds, Table


class AuditSettings(Table):
    """Looking after the audit trail: signed checkpoints, and checks of its newest records."""

    checkpoint_records: int = Field(
        default=10_000, ge=1, description="Records of a tenant after which its chain gets a signed checkpoint."
    )
    checkpoint_interval_s: Seconds = Field(
        default=3600, description="Longest that a new record waits for a checkpoint that vouches for it."
    )
    check_interval_s: Seconds = Field(
        default=60, description="Time between two checks of the newest records; checkpoints are made then too."
    )
    check_records: int = Field(
        default=1000, ge=1, description="Newest records, of all tenants together, that each check looks at."
    )
    answers_wait_for: Literal["spool", "database"] = Field(
        default="spool",
        description="Where an access must be recorded before its first byte leaves. spool: in a sealed file in"
        " data_dir, from where it is committed to the database within half a second; no killed process or container"
        " loses a record while data_dir remains, a power cut those of the last half second at most. database:"
        " committed there, on its disk; each answer waits for that.",
    )
    spool_bytes: int = Field(
        default=256 * MIB,
        ge=0,
        description="Records that wait in data_dir for the database, also while it is away; when that is full nothing"
        " is served. 0: all answers wait for the database, and nothing is served while it is away.",
    )
    index_interval_s: Seconds = Field(
        default=1, description="Time between two looks at which records the index for searches does not know yet."
    )
