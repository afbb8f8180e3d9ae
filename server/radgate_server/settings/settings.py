"""Everything that an operator may tune, in one place.

Values come from the environment (`RADGATE_HTTP_PORT`, nested ones as `RADGATE_CACHE__WARM_BYTES`), else from the TOML
file given with `--config` (`http_port = 8080`, `[cache] warm_bytes = 1000`), else from the defaults here.
"""

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from radgate_server.core.pacs.kinds.checks import parse_ae_title
from radgate_server.settings.access import AuthSettings, TlsPaths, tls_paths
from radgate_server.settings.alerts import AlertsSettings
from radgate_server.settings.audit import AuditExportSettings, AuditSettings
from radgate_server.settings.cache import CacheSettings
from radgate_server.settings.gateway import GatewaySettings, ServersSettings
from radgate_server.settings.imaging import ImagingSettings
from radgate_server.settings.limits import LimitSettings
from radgate_server.settings.pacs import DimseSettings, PacsSettings, WebPacsSettings
from radgate_server.settings.prefetch import PrefetchSettings
from radgate_server.settings.quarantine import QuarantineSettings
from radgate_server.settings.reports import ReportSettings
from radgate_server.settings.retention import RetentionSettings
from radgate_server.settings.secrets import SecretsSettings
from radgate_server.settings.shared.database import DatabaseSettings
from radgate_server.settings.shared.edge import EdgeSettings
from radgate_server.settings.shared.jobs import JobSettings
from radgate_server.settings.shared.processes import ProcessesSettings, folder_of_process
from radgate_server.settings.shared.table import Port
from radgate_server.settings.shared.variables import Variables, is_secret, nearest_setting
from radgate_server.settings.shared.web_addresses import is_host
from radgate_server.settings.telemetry import TelemetrySettings, otel_settings
from radgate_server.settings.transfers import RetrieveSettings, StoreSettings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


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
    dicom_listens: bool = Field(
        default=True,
        description="Whether this process opens the storage SCP. If not, another server of the same database that does"
        " fetches for it what is read by C-MOVE: of several processes on a machine let one listen.",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="Address of the metrics port, which requires no key: use one that only monitoring reaches.",
    )
    metrics_port: Port = Field(default=9464, description="Prometheus metrics, /healthz and /readyz.")
    drain_s: float = Field(default=20, ge=0, description="After SIGTERM, streams in flight may continue for this long.")
    database: DatabaseSettings = DatabaseSettings()
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
    jobs: JobSettings = JobSettings()
    prefetch: PrefetchSettings = PrefetchSettings()
    limits: LimitSettings = LimitSettings()
    gateway: GatewaySettings = GatewaySettings()
    edge: EdgeSettings = EdgeSettings()
    secrets: SecretsSettings = SecretsSettings()
    processes: ProcessesSettings = ProcessesSettings()
    servers: ServersSettings = ServersSettings()
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
    def process_dir(self) -> Path:
        """Where this process has its caches and spools: data_dir, or a folder of its own below it."""
        return folder_of_process(self.data_dir, self.processes.number)

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
