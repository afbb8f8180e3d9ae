"""OpenTelemetry's variables of the environment; each counts where the setting of `telemetry` for it is not given."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from radgate_server.settings.telemetry import attributes_of

_TRACES_PATH = "/v1/traces"
_PROTOCOLS = {"grpc": "grpc", "http/protobuf": "http"}


def otel_settings(environment: Mapping[str, str], given: frozenset[str]) -> dict[str, tuple[str, object]]:
    """The settings of `telemetry` that are not `given`, and that OpenTelemetry's variables have: variable and value.

    Raises:
        ValueError: a variable has a value that Radgate can't use; the message names it and says what it takes.
    """
    found: dict[str, tuple[str, object]] = {}
    for setting, names, read in _VARIABLES:
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

_VARIABLES: tuple[tuple[str, tuple[str, ...], _Read], ...] = (
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
