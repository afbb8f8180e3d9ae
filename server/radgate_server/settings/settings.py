"""Everything that an operator may tune, in one place.

Values come from the environment (`RADGATE_HTTP_PORT`, nested ones as `RADGATE_CACHE__WARM_BYTES`), else from the TOML
file given with `--config` (`http_port = 8080`, `[cache] warm_bytes = 1000`), else from the defaults here.
"""

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from radgate_server.core.errors import ConfigurationError, InvalidArgumentError
from radgate_server.core.failure_text import describe_failure
from radgate_server.core.networks import parse_networks
from radgate_server.core.pacs.connections import TlsProfile
from radgate_server.core.pacs.kinds.checks import parse_ae_title
from radgate_server.settings.access import AuthSettings, TlsPaths, tls_paths
from radgate_server.settings.alerts import AlertsSettings
from radgate_server.settings.audit_export import AuditExportSettings
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.limits import LimitSettings
from radgate_server.settings.quarantine import QuarantineSettings
from radgate_server.settings.reports import ReportSettings
from radgate_server.settings.retention import RetentionSettings
from radgate_server.settings.secrets import SecretsSettings
from radgate_server.settings.table import GIB, MIB, Port, Seconds, Table
from radgate_server.settings.telemetry import TelemetrySettings, otel_settings
from radgate_server.settings.variables import Variables, is_secret, nearest_setting
from radgate_server.settings.web_addresses import is_host

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class CacheSettings(Table):
    """The near tiers."""

    hot_bytes: int = Field(default=256 * MIB, ge=0, description="Memory for ready-made answers.")
    hot_instance_bytes: int = Field(
        default=64 * MIB, ge=0, description="Memory for whole instances that are read again and again."
    )
    hot_entry_bytes: int = Field(default=32 * MIB, ge=0, description="Larger answers are not kept in memory.")
    warm_bytes: int = Field(default=20 * GIB, ge=0, description="Disk for instances, below data_dir/warm.")
    tenant_shares: dict[str, Annotated[float, Field(gt=0, le=1000)]] = Field(
        default={},
        description="By tenant, how many times the share of others it has of each tier, in memory and on disk; 1 for"
        " those not named. What a tenant leaves unused, others borrow.",
    )
    encrypted: bool = Field(
        default=True,
        description="Encrypt what is cached on disk under a key for each study, so that it can be erased permanently."
        " When this changes, what is there is dropped.",
    )
    query_ttl_s: float = Field(
        default=5, ge=0, description="How long a query's answer is given again; 0 asks the PACS each time."
    )
    paging_ttl_s: float = Field(
        default=300, ge=0, description="How long an answer is kept for whoever turns its pages, since the last page."
    )
    route_ttl_s: float = Field(
        default=3600, ge=0, description="How long it is remembered which PACS hold a study, when there are several."
    )
    listing_ttl_s: float = Field(default=30, ge=0, description="How long a study's list of instances is trusted.")
    revalidate_after_s: float = Field(
        default=300,
        ge=0,
        description="How long what is cached of a study is served before its PACS is asked whether it changed; 0 asks"
        " each time.",
    )
    revalidate_wait_s: float = Field(
        default=5,
        ge=0,
        description="How long a request waits for that answer; then, and when the PACS can't be asked, what is cached"
        " is served with a warning.",
    )
    revalidate_retry_s: Seconds = Field(
        default=5, description="How long after a PACS could not be asked about a study it is asked again."
    )


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
        description="An unused association is released after this; one that the PACS ends before is let go at once.",
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


class StoreSettings(Table):
    """What clients store into a PACS through Radgate."""

    max_instance_bytes: int = Field(default=4 * GIB, ge=MIB, description="A larger instance is refused (413).")
    memory_bytes: int = Field(
        default=64 * MIB, ge=MIB, description="Memory for instances in transit; what does not fit waits on disk."
    )
    parallel: int = Field(default=4, ge=1, le=64, description="Instances of one upload stored at the same time.")


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


class ImagingSettings(Table):
    """Decoding, transcoding, rendering, thumbnails, jobs."""

    workers: int = Field(
        default=0, ge=0, le=256, description="Processes that decode and render; 0 means one for each processor."
    )
    worker_memory_bytes: int = Field(
        default=4 * GIB, ge=256 * MIB, description="Address space of one worker; a job that needs more fails alone."
    )
    job_timeout_s: Seconds = Field(default=60, description="A worker that takes longer for one image is replaced.")
    max_waiting: int = Field(default=1000, ge=1, description="Images that wait for a worker; more are refused (503).")
    max_frame_bytes: int = Field(
        default=512 * MIB, ge=MIB, description="A frame that is larger when decoded is refused (413)."
    )
    max_rendered_pixels: int = Field(
        default=64 << 20, ge=1 << 16, description="Pixels of one rendered picture; larger viewports are refused (413)."
    )
    derived_bytes: int = Field(
        default=2 * GIB, ge=0, description="Disk for thumbnails and transcoded instances, below data_dir/derived."
    )
    background_thumbnails: bool = Field(
        default=True, description="Make a thumbnail of each instance when it arrives, while workers have time."
    )
    max_running_jobs: int = Field(default=2, ge=1, le=64, description="Jobs that run at the same time.")
    max_waiting_jobs: int = Field(
        default=1000, ge=1, description="Jobs of one tenant that wait; more are refused (429)."
    )


class Settings(BaseSettings):
    """The whole configuration of one server."""

    model_config = SettingsConfigDict(
        env_prefix="RADGATE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Field(
        default=Path("~/.local/share/radgate"), description="Keys, the default database, warm instances."
    )
    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="SQLAlchemy URL; empty means SQLite in data_dir. PostgreSQL: postgresql+psycopg://user@host/db.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on, for clients and DIMSE.")
    http_port: Port = Field(default=8080, description="Envoy: DICOMweb, REST, gRPC-Web and gRPC.")
    grpc_port: Port = Field(
        default=50051, description="The gRPC server itself, always on the loopback address when Envoy runs."
    )
    grpc_tls_certificate_file: str = Field(
        default="",
        description="Certificate of the gRPC port with its chain (PEM), for when `gateway.enabled` is false; read again"
        " when it changes.",
    )
    grpc_tls_key_file: str = Field(default="", description="Its private key (PEM, without a password).")
    grpc_tls_client_ca_file: str = Field(
        default="",
        description="Authorities that vouch for clients' certificates (PEM); each client must then show one.",
    )
    dicom_host: str = Field(
        default="", description="Address of the storage SCP, which PACS that use C-MOVE must reach; empty means `host`."
    )
    dicom_port: Port = Field(default=11112, description="Storage SCP for C-MOVE.")
    dicom_tls_port: Port = Field(
        default=0,
        description="Storage SCP over TLS, besides `dicom_port` without; 2762 is DICOM's. 0: with `dimse.scp_*` files"
        " `dicom_port` speaks TLS alone.",
    )
    dicom_aet: str = Field(default="RADGATE", description="AE title of the storage SCP.")
    metrics_host: str = Field(
        default="127.0.0.1",
        description="Address of the metrics port, which asks for no key: one that only monitoring reaches.",
    )
    metrics_port: Port = Field(default=9464, description="Prometheus metrics, /healthz and /readyz.")
    drain_s: float = Field(default=20, ge=0, description="After SIGTERM, streams in flight may continue for this long.")
    auth: AuthSettings = AuthSettings()
    cache: CacheSettings = CacheSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    retrieve: RetrieveSettings = RetrieveSettings()
    pacs: PacsSettings = PacsSettings()
    dimse: DimseSettings = DimseSettings()
    web_pacs: WebPacsSettings = WebPacsSettings()
    store: StoreSettings = StoreSettings()
    audit: AuditSettings = AuditSettings()
    audit_export: AuditExportSettings = AuditExportSettings()
    retention: RetentionSettings = RetentionSettings()
    imaging: ImagingSettings = ImagingSettings()
    limits: LimitSettings = LimitSettings()
    gateway: GatewaySettings = GatewaySettings()
    secrets: SecretsSettings = SecretsSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    alerts: AlertsSettings = AlertsSettings()
    reports: ReportSettings = ReportSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file, which arrives as keyword arguments."""
        if isinstance(env_settings, EnvSettingsSource):
            env_settings.env_vars = _VARIABLES.with_files(env_settings.env_vars)
        return env_settings, init_settings

    @field_validator("host", "dicom_host")
    @classmethod
    def _are_hosts(cls, value: str) -> str:
        if value and not (_is_address(value) or is_host(value)):
            raise ValueError("must be an address or a host's name of this machine, such as 127.0.0.1 or 0.0.0.0")
        return value

    @field_validator("dicom_aet")
    @classmethod
    def _is_an_ae_title(cls, value: str) -> str:
        try:
            return parse_ae_title(value, "dicom_aet")
        except InvalidArgumentError as error:
            raise ValueError(error.description) from None

    @model_validator(mode="after")
    def _grpc_tls_is_whole(self) -> "Settings":
        _ = self.grpc_tls
        return self

    @property
    def grpc_tls(self) -> TlsPaths | None:
        """The files that the gRPC port's own TLS is made of."""
        return tls_paths(self.grpc_tls_certificate_file, self.grpc_tls_key_file, self.grpc_tls_client_ca_file)

    @property
    def endpoint_tls(self) -> TlsPaths | None:
        """The files of the port that clients use: Envoy's, or the gRPC server's own when there is no Envoy."""
        return self.gateway.tls if self.gateway.enabled else self.grpc_tls

    @property
    def database_url_or_default(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url.get_secret_value() or f"sqlite:///{self.data_dir}/radgate.db"


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def load_settings(config_file: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings; `overrides` stand in for values of the file.

    Raises:
        ConfigurationError: one line for each thing that is wrong, naming the setting, its value unless that may be
            secret, the variable or file that it comes from, and what to do.
    """
    values = {**_read_file(config_file), **overrides}
    problems = _VARIABLES.problems(os.environ)
    problems += _VARIABLES.read_files(os.environ)[1]
    if problems:
        raise ConfigurationError("\n".join(problems))
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise ConfigurationError(_explain(error, config_file)) from None
    except SettingsError as error:  # it names the field, and nothing of the value
        raise ConfigurationError(f"in the environment a list or a table must be JSON: {error}") from None
    if settings.telemetry.tracing_enabled:
        settings = _with_otel_variables(settings, values)
    return settings.model_copy(update={"data_dir": settings.data_dir.expanduser().absolute()})


_VARIABLES = Variables(Settings)
_PRIVATE = frozenset({"only", "patients"})
"""Settings that may name patients."""


def _with_otel_variables(settings: Settings, values: dict[str, Any]) -> Settings:
    """The settings with those of `telemetry` that are not given, and that OpenTelemetry's variables have."""
    try:
        found = otel_settings(os.environ, _telemetry_given(values))
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    wanted = settings.telemetry.model_dump(exclude_unset=True) | {name: value for name, (_, value) in found.items()}
    try:
        return settings.model_copy(update={"telemetry": TelemetrySettings(**wanted)})
    except ValidationError as error:  # of what it quotes, a value may be secret
        problems = {
            f"variable {found[str(item['loc'][0])][0] if item['loc'] else 'OTEL_EXPORTER_OTLP_*'}: {item['msg']}"
            for item in error.errors(include_url=False)
        }
        raise ConfigurationError("\n".join(sorted(problems))) from None


def _telemetry_given(values: dict[str, Any]) -> frozenset[str]:
    """The settings of `telemetry` that the file or the environment gives."""
    in_file = values.get("telemetry", {})
    names = TelemetrySettings.model_fields
    return frozenset(
        name for name in names if name in in_file or _VARIABLES.variable_of(("telemetry", name), os.environ)
    )


def _read_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"can't read the configuration file {path}: {describe_failure(error)}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the configuration file {path} is not TOML: {error}") from None


def _explain(error: ValidationError, config_file: Path | None) -> str:
    lines = []
    for item in error.errors(include_url=False):
        location = item["loc"]
        name = ".".join(str(part) for part in location)
        value = "" if item["type"] == "extra_forbidden" else _shown(location, item["input"])
        lines.append(f"setting {name}{value}{_source(location, config_file)}: {_reason(item)}")
    return "\n".join(lines)


def _source(location: tuple[str | int, ...], config_file: Path | None) -> str:
    if variable := _VARIABLES.variable_of(location, os.environ):
        return f", from the variable {variable}"
    variable = "RADGATE_" + "__".join(str(part).upper() for part in location)
    return f", in {config_file}" if config_file is not None else f" (or {variable})"


def _shown(location: tuple[str | int, ...], value: object) -> str:
    """The value, where it is plain and can be no secret and no patient's."""
    if (
        is_secret(Settings, location)
        or not _PRIVATE.isdisjoint(location)
        or not isinstance(value, bool | int | float | str)
    ):
        return ""
    return "" if isinstance(value, str) and ("@" in value or "?" in value) else f" = {value!r}"


def _reason(item: "ErrorDetails") -> str:
    if item["type"] == "extra_forbidden":
        near = nearest_setting(Settings, item["loc"])
        return f"there is no such setting; {f'did you mean {near}?' if near else 'docs/configuration.md lists all'}"
    if item["type"] == "missing":
        return "must be given"
    return item["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
