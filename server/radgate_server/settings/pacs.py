"""Settings of how PACS are reached: all of them, those over DIMSE, those over HTTP."""

from pydantic import Field, field_validator

from radgate_server.core.networks import parse_networks
from radgate_server.core.pacs.connections import TlsProfile
from radgate_server.settings.shared.table import GIB, MIB, Seconds, Table


class PacsSettings(Table):
    """What holds for every PACS, whatever it speaks."""

    allowed_networks: tuple[str, ...] = Field(
        default=(),
        description="Private networks (CIDR, as 10.0.0.0/8) in which keys of a tenant may detect and add PACS; public"
        " addresses need none. Keys for every tenant and the command line may use any address.",
    )
    query_deadline_s: Seconds = Field(default=30, description="Longest that a query waits for one PACS of several.")
    max_concurrent: int = Field(default=16, ge=1, le=1000, description="Operations at one PACS at the same time.")
    max_concurrent_per_tenant: int = Field(
        default=32, ge=1, le=1000, description="Operations of one tenant at all its PACS at the same time."
    )
    max_wait_s: Seconds = Field(default=30, description="Longest that an operation waits for its turn.")
    max_retries: int = Field(default=2, ge=0, le=10, description="Times that an operation that may be repeated is.")
    breaker_failures: int = Field(default=5, ge=1, description="Failures in a row that open a circuit breaker.")
    breaker_open_s: Seconds = Field(default=5, description="How long it stays open before one call may try.")
    probe_interval_s: Seconds = Field(default=30, description="Time between two health checks of each PACS.")
    probe_timeout_s: Seconds = Field(default=10, description="A PACS that answers later counts as down.")
    changes_interval_s: Seconds = Field(default=5, description="Time between two looks at a PACS's feed of changes.")

    @field_validator("allowed_networks")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_networks(value)
        return value


class DimseSettings(Table):
    """DIMSE time-outs and sizes, for every PACS that speaks it."""

    connect_timeout_s: Seconds = Field(default=10, description="Opening the TCP connection and the association.")
    idle_timeout_s: Seconds = Field(default=120, description="Silence of the PACS within an operation.")
    move_grace_s: Seconds = Field(
        default=2, description="Waiting, in silence, for instances that a PACS says it sent before it ended a C-MOVE."
    )
    acquire_timeout_s: Seconds = Field(default=30, description="Waiting for a free association of the pool.")
    pool_idle_s: Seconds = Field(
        default=60,
        description="An unused association is released after this; one that the PACS ends earlier is closed at once.",
    )
    max_pdu_bytes: int = Field(default=131072, ge=4096, le=1 << 20, description="Largest PDU that we receive.")
    max_instance_bytes: int = Field(
        default=4 * GIB, ge=MIB, description="A larger instance is refused while it arrives."
    )
    scp_certificate_file: str = Field(
        default="", description="Certificate of the storage SCP (PEM); with it C-MOVE brings instances over TLS alone."
    )
    scp_private_key_file: str = Field(default="", description="Its private key (PEM), when it is in another file.")
    scp_ca_file: str = Field(
        default="", description="Authorities that vouch for the PACS that send to the storage SCP over TLS (PEM)."
    )
    scp_tls_profile: TlsProfile = Field(
        default=TlsProfile.BCP195, description="What the storage SCP's TLS allows, by PS3.15 annex B."
    )
    scp_buffer_bytes: int = Field(
        default=4 * GIB,
        ge=MIB,
        description="Memory for instances that PACS are sending to the storage SCP, of all associations together; one"
        " that finds no room is refused, and the PACS may send it again.",
    )


class WebPacsSettings(Table):
    """PACS that are reached over HTTP: DICOMweb and Orthanc."""

    connect_timeout_s: Seconds = Field(default=10, description="Opening the connection, TLS included.")
    idle_timeout_s: Seconds = Field(default=120, description="Silence of the server within an answer.")
    acquire_timeout_s: Seconds = Field(default=30, description="Waiting for a free connection.")
    pool_idle_s: Seconds = Field(default=60, description="An unused connection is closed after this.")
    traceparent_hosts: tuple[str, ...] = Field(
        default=(), description="Hosts of PACS that receive, in `traceparent`, which trace a request is a part of."
    )
    max_instance_bytes: int = Field(
        default=4 * GIB, ge=MIB, description="A larger instance is refused while it arrives."
    )
