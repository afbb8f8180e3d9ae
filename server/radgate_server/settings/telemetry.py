"""Logs, metrics and traces, as an operator configures them."""

import os
import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from radgate_server.settings.shared.table import Table
from radgate_server.settings.shared.web_addresses import is_web_address

# Headers that HTTP and gRPC (its PROTOCOL-HTTP2.md, Custom-Metadata) both take, and those that are not the operator's.
_HEADER_NAME = re.compile(r"[a-z0-9_.-]+")
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_RESERVED_NAME = re.compile(
    r"grpc-.*|.*-bin|content-.*|host|te|trailer|user-agent|connection|proxy-connection|keep-alive|transfer-encoding|upgrade"
)
_LONGEST_VALUE = 8192
"""Characters. Servers take no longer ones, nor does an environment have room for any length."""


class LogRule(Table):
    """Lines of log of which not all are written. The first rule that fits counts; errors are always written."""

    logger: str = Field(default="radgate_server", description="Lines of this logger, and of those below it.")
    message: str = Field(default="", description="Lines whose message begins so; empty: all of them.")
    one_in: int = Field(default=1, ge=1, description="Of alike lines, the first of so many is written.")
    per_second: float = Field(default=0, ge=0, description="Alike lines a second at most; 0 means any number.")

    def fits(self, logger: str, message: str) -> bool:
        """Whether it is a rule for this line."""
        return f"{logger}.".startswith(f"{self.logger}.") and message.startswith(self.message)

    @property
    def burst(self) -> float:
        """Lines that may come at once."""
        return max(1.0, self.per_second)


class TelemetrySettings(Table):
    """Logs, metrics, traces."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severity logged."
    )
    log_sampling: tuple[LogRule, ...] = Field(default=(), description="Lines of which not all are written; see below.")
    named_in_metrics: int = Field(
        default=500, ge=1, description="Tenants, and PACS, that metrics distinguish; the others are one together."
    )
    tracing_enabled: bool = Field(
        default=False, description="Record traces, in Envoy and in the server, and send them to a collector."
    )
    trace_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of calls that are recorded; one that comes with a `traceparent` is if that says so.",
    )
    trace_sampler: str = Field(
        default="parentbased_traceidratio",
        pattern=r"^[a-z][a-z0-9_.-]*$",
        description="OpenTelemetry's name of what decides which calls are recorded. With a sampler of another package"
        " the server decides alone, and Envoy records nothing.",
    )
    spans_per_second: float = Field(
        default=1000,
        ge=0,
        description="Most spans that the server records, whoever requested them; 0: no limit.",
    )
    otlp_endpoint: str = Field(
        default="http://localhost:4317",
        pattern=r"^https?://[A-Za-z0-9.\[\]:_-]+(:\d+)?(/[A-Za-z0-9._~/-]*)?$",
        description="The collector; its HTTP port is mostly 4318. Over HTTP, `/v1/traces` is added.",
    )
    otlp_protocol: Literal["grpc", "http"] = Field(default="grpc", description="How OTLP travels there.")
    otlp_headers: dict[str, SecretStr] = Field(
        default={},
        description="Headers that the collector wants, as `authorization`; sent by Envoy and the server. In the"
        " environment JSON, or a variable for each, as `RADGATE_TELEMETRY__OTLP_HEADERS__AUTHORIZATION`; a name with"
        " `-`, as `x-honeycomb-team`, can't be a variable's and needs JSON, or the file.",
    )
    otlp_ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authorities trusted to vouch for the collector; else the usual ones.",
    )
    otlp_client_certificate_file: Path | None = Field(
        default=None, description="PEM file of the certificate that is shown to the collector."
    )
    otlp_client_key_file: Path | None = Field(default=None, description="PEM file of that certificate's private key.")
    resource_attributes: dict[str, str] = Field(
        default={},
        description="What the server's spans say of where it runs, as `deployment.environment.name`; they go before"
        " those of `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`. `service.name` is radgate, and"
        " `service.instance.id` the host's name and the process's number, unless they are given.",
    )
    otlp_timeout_s: float = Field(default=10, gt=0, description="Longest that sending some spans may take.")

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not is_web_address(value):
            raise ValueError("not an address such as http://collector.example:4317; check its host and port (1-65535)")
        return value

    @field_validator("otlp_headers")
    @classmethod
    def _are_headers(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        """In lower case, as HTTP/2 wants them. An error names nothing that may be a secret."""
        headers = {name.lower(): secret for name, secret in value.items()}
        if len(headers) < len(value):
            raise ValueError(
                "two names, of the file and the environment together, differ in their case alone, which makes them one"
                " header; write both in lower case, or leave one out"
            )
        for name, secret in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError("a header's name has a-z, 0-9, `-`, `_` and `.` only, as in authorization")
            if _RESERVED_NAME.fullmatch(name):
                raise ValueError(f"{name} is a header of the protocol itself; leave it out")
            if len(secret.get_secret_value()) > _LONGEST_VALUE:
                raise ValueError(f"the value of {name} has more than {_LONGEST_VALUE} characters; give a shorter one")
            if not _HEADER_VALUE.fullmatch(secret.get_secret_value()):
                raise ValueError(f"the value of {name} must be of printable ASCII, without line break or outer spaces")
        return headers

    @model_validator(mode="after")
    def _have_certificate_and_key(self) -> Self:
        if (self.otlp_client_certificate_file is None) is not (self.otlp_client_key_file is None):
            raise ValueError("otlp_client_certificate_file and otlp_client_key_file belong together; set both")
        return self

    def instance_id(self) -> str:
        """What distinguishes this process from others: OpenTelemetry's `service.instance.id`."""
        return f"{socket.gethostname()}:{os.getpid()}"

    def sampler_argument(self, environment: Mapping[str, str]) -> float | str:
        """What OpenTelemetry hands to the sampler: the share, or what a sampler that needs another thing wants."""
        if self.trace_sampler.endswith("traceidratio"):
            return self.trace_share
        return environment.get("OTEL_TRACES_SAMPLER_ARG", "")


def attributes_of(text: str) -> dict[str, str]:
    """Read "name=value,name=value", values percent-encoded, as OpenTelemetry has it; other text is ignored."""
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name.strip(): unquote(value.strip()) for name, equals, value in pairs if equals and name.strip()}


_TRACES_PATH = "/v1/traces"
_PROTOCOLS = {"grpc": "grpc", "http/protobuf": "http"}


def otel_settings(environment: Mapping[str, str], given: frozenset[str]) -> dict[str, tuple[str, object]]:
    """The settings of `telemetry` that are not `given`, and that OpenTelemetry's variables have: variable and value.

    Each counts where the setting for it is not given.

    Raises:
        ValueError: a variable has a value that Radgate can't use; the message names it and says what it takes.
    """
    found: dict[str, tuple[str, object]] = {}
    for setting, names, read in _OTEL_VARIABLES:
        name = next((name for name in names if environment.get(name)), "")
        if name and setting not in given:
            found[setting] = name, read(name, environment)
    if "trace_share" in given:  # it is the operator's word on sampling
        found.pop("trace_sampler", None)
    if not str(found.get("trace_sampler", ("", "traceidratio"))[1]).endswith("traceidratio"):
        found.pop("trace_share", None)  # the argument is that of another sampler
    if found.get("otlp_protocol", ("", ""))[1] == "http" and "otlp_endpoint" not in given:
        found.setdefault("otlp_endpoint", (found["otlp_protocol"][0], "http://localhost:4318"))
    return found


def _text(name: str, environment: Mapping[str, str]) -> str:
    return environment[name].strip()


def _pairs(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    return attributes_of(environment[name])


def _endpoint(name: str, environment: Mapping[str, str]) -> str:
    """The address of the collector. That for traces alone is complete, the other one is without their path."""
    url = environment[name].strip()
    if "://" not in url:  # as gRPC writes it
        insecure = next(filter(None, (environment.get(each) for each in _otlp("INSECURE"))), "")
        url = f"{'http' if insecure.lower() == 'true' else 'https'}://{url}"
    if name != "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT":
        return url
    if urlsplit(url).path.strip("/") and not url.endswith(_TRACES_PATH):
        raise ValueError(f"variable {name}: a collector takes traces at a path that ends in {_TRACES_PATH}")
    return url.removesuffix(_TRACES_PATH)


def _protocol(name: str, environment: Mapping[str, str]) -> str:
    protocol = environment[name].strip()
    if protocol not in _PROTOCOLS:
        raise ValueError(f"variable {name} = {protocol!r}: use grpc or http/protobuf")
    return _PROTOCOLS[protocol]


def _otlp(name: str) -> tuple[str, str]:
    return f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}"


type _Read = Callable[[str, Mapping[str, str]], object]

_OTEL_VARIABLES: tuple[tuple[str, tuple[str, ...], _Read], ...] = (
    # setting, variables (the first that is set counts), how the value is read
    ("otlp_endpoint", _otlp("ENDPOINT"), _endpoint),
    ("otlp_protocol", _otlp("PROTOCOL"), _protocol),
    ("otlp_headers", _otlp("HEADERS"), _pairs),
    ("otlp_timeout_s", _otlp("TIMEOUT"), _text),  # in seconds, as OpenTelemetry's SDK for Python has it
    ("otlp_ca_file", _otlp("CERTIFICATE"), _text),
    ("otlp_client_certificate_file", _otlp("CLIENT_CERTIFICATE"), _text),
    ("otlp_client_key_file", _otlp("CLIENT_KEY"), _text),
    ("trace_sampler", ("OTEL_TRACES_SAMPLER",), _text),
    ("trace_share", ("OTEL_TRACES_SAMPLER_ARG",), _text),
)
