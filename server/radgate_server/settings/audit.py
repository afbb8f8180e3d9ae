"""Settings of the audit trail, and of who else keeps it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from radgate_server.settings.shared.table import MIB, Seconds, Table


class _Collector(Table):
    """What every collector of audit records has."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="Names it in metrics, and in the database, which remembers how far it has got.",
    )
    ca_file: Path | None = Field(
        default=None, description="Authorities (PEM) that vouch for it, besides the system's; for one in the house."
    )


class SyslogCollector(_Collector):
    """An audit record repository that takes DICOM Audit Messages over syslog with TLS (PS3.15 A.6, RFC 5425)."""

    kind: Literal["syslog"]
    host: str = Field(min_length=1, description="Where it is; its certificate must be for this name.")
    port: int = Field(default=6514, ge=1, le=65535, description="Its port.")
    certificate_file: Path | None = Field(
        default=None, description="Client certificate (PEM), if the collector requires one."
    )
    key_file: Path | None = Field(default=None, description="Its private key (PEM, without a password).")


class FhirCollector(_Collector):
    """A FHIR R4 server that takes AuditEvents, in batches."""

    kind: Literal["fhir"]
    url: str = Field(
        pattern=r"^https://\S+$",
        description="Its base, such as https://fhir.example/r4. Only with TLS: patients are named.",
    )
    token: SecretStr = Field(default=SecretStr(""), description="Sent as a bearer token; empty means none.")
    token_file: Path | None = Field(default=None, description="File that holds it, read at each use.")


type AuditCollector = Annotated[SyslogCollector | FhirCollector, Field(discriminator="kind")]
COLLECTORS: tuple[type[_Collector], ...] = (SyslogCollector, FhirCollector)


class AuditExportSettings(Table):
    """Handing the audit trail on as it grows."""

    collectors: tuple[AuditCollector, ...] = Field(default=(), description="Who gets it; see below for each kind.")
    source: str = Field(
        default="radgate",
        pattern=r"^[!-~]{1,48}$",
        description="AuditSourceID of the messages: which installation they come from. Printable ASCII, no spaces.",
    )
    interval_s: float = Field(default=1, gt=0, description="Time between two looks at what is new.")


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
    other_data_dirs: tuple[Path, ...] = Field(
        default=(),
        description="Data folders of other servers of this installation that this one can read and write: on the same"
        " machine, or on a volume that both have. What one that was killed left in its spool is committed from there.",
    )
    index_interval_s: Seconds = Field(
        default=1, description="Time between two looks at which records the index for searches does not know yet."
    )
