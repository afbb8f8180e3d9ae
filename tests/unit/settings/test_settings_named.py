"""Every kind of wrong setting: one line with the setting, its value unless secret, where it comes from, what to do."""

from pathlib import Path

import pytest

from radgate_server.core.errors import ConfigurationError
from radgate_server.settings.settings import load_settings

VARIABLES = [
    # a variable, its value, and what the line says
    (
        "RADGATE_HTTP_PORT",
        "abc",
        ("setting http_port = 'abc', from the variable RADGATE_HTTP_PORT: must be a valid int",),
    ),
    ("RADGATE_HTTP_PORT", "70000", ("http_port = '70000'", "less than or equal to 65535")),
    ("RADGATE_HTTP_PORT", "tcp://10.0.0.1:80", ("http_port = 'tcp://10.0.0.1:80'", "RADGATE_HTTP_PORT")),
    ("RADGATE_DRAIN_S", "-1", ("drain_s = '-1'", "greater than or equal to 0")),
    (
        "RADGATE_GATEWAY__ENABLED",
        "maybe",
        ("gateway.enabled = 'maybe'", "RADGATE_GATEWAY__ENABLED", "must be a valid bool"),
    ),
    ("RADGATE_TELEMETRY__LOG_LEVEL", "LOUD", ("telemetry.log_level = 'LOUD'", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'")),
    (
        "RADGATE_DICOM_AET",
        "FAR TOO LONG FOR AN AE",
        ("dicom_aet = 'FAR TOO LONG FOR AN AE'", "1 to 16 printable ASCII"),
    ),
    ("RADGATE_DICOM_AET", "A\\B", ("dicom_aet", "no backslash")),
    ("RADGATE_HOST", "two..dots", ("host = 'two..dots'", "such as 127.0.0.1")),
    ("RADGATE_DICOM_HOST", "a" * 64, ("dicom_host = ", "such as 127.0.0.1")),
    ("RADGATE_PACS__ALLOWED_NETWORKS", '["10.0.0.0/33"]', ("pacs.allowed_networks", "RADGATE_PACS__ALLOWED_NETWORKS")),
    ("RADGATE_PACS__ALLOWED_NETWORKS", "10.0.0.0/8", ("variable RADGATE_PACS__ALLOWED_NETWORKS", "must be JSON")),
    (
        "RADGATE_ALERTS__RECEIVERS",
        '[{"name": "x"}]',
        ("alerts.receivers.0", "from the variable RADGATE_ALERTS__RECEIVERS"),
    ),
    ("RADGATE_DIMSE__SCP_TLS_PROFILE", "tls", ("dimse.scp_tls_profile = 'tls'", "must be")),
    (
        "RADGATE_HTP_PORT",
        "80",
        ("variable RADGATE_HTP_PORT: there is no such setting; did you mean RADGATE_HTTP_PORT?",),
    ),
    ("RADGATE_CACHE__WARM_BYTE", "1", ("RADGATE_CACHE__WARM_BYTE", "did you mean RADGATE_CACHE__WARM_BYTES?")),
    ("RADGATE_CACHE_WARM_BYTES", "1", ("RADGATE_CACHE_WARM_BYTES", "did you mean RADGATE_CACHE__WARM_BYTES?")),
    ("RADGATE_QQQQ", "1", ("RADGATE_QQQQ: there is no such setting; docs/configuration.md lists all",)),
    (
        "RADGATE_HTTP_PORT_FILE",
        "/x",
        ("RADGATE_HTTP_PORT_FILE: only secrets are read from files", "RADGATE_HTTP_PORT "),
    ),
    ("RADGATE_DATABASE_URL_FILE", "/no/file", ("variable RADGATE_DATABASE_URL_FILE = '/no/file'", "No such file")),
]

FILES = [
    # what stands in the file, and what the line says
    ("http_port = 'abc'", ("setting http_port = 'abc', in ", "radgate.toml: must be a valid integer")),
    ("htp_port = 80", ("setting htp_port", "radgate.toml: there is no such setting; did you mean http_port?")),
    ("[cache]\nwarm_byte = 1", ("setting cache.warm_byte", "did you mean warm_bytes?")),
    (
        "[[alerts.receivers]]\nkind = 'webhook'\nname = 'x'\nurl = 'https://x.example'\nsecrt = 'sesame'",
        ("alerts.receivers.0.webhook.secrt", "did you mean secret?"),
    ),
    ("[secrets.vault]\nurll = 1", ("secrets.vault.urll", "did you mean url?")),
    ("[[telemetry.log_sampling]]\none_in = 0", ("telemetry.log_sampling.0.one_in = 0", "greater than or equal to 1")),
    ("cache = 5", ("setting cache = 5",)),
    ("http_port = ", ("radgate.toml is not TOML",)),
]


def reported(config_file: Path | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(config_file)
    return caught.value.message


@pytest.mark.parametrize(("name", "value", "parts"), VARIABLES)
def test_a_wrong_variable_is_named(
    name: str, value: str, parts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    message = reported()
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(("text", "parts"), FILES)
def test_a_wrong_line_of_the_file_is_named(text: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "radgate.toml"
    file.write_text(text, encoding="utf-8")
    message = reported(file)
    assert "sesame" not in message
    for part in parts:
        assert part in message


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    assert reported(tmp_path / "none.toml").endswith("none.toml: FileNotFoundError ENOENT: No such file or directory")


@pytest.mark.parametrize(
    "name",
    [
        "RADGATE_SERVICE_HOST",
        "RADGATE_SERVICE_PORT_HTTP",
        "RADGATE_PORT",
        "RADGATE_PORT_8080_TCP_ADDR",
        "RADGATE_A_PORT",
    ],
)
def test_what_kubernetes_sets_is_no_setting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    monkeypatch.setenv(name, "tcp://10.0.0.1:8080")
    assert load_settings() == before


def test_a_secret_is_read_from_the_file_that_its_variable_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "url").write_text("postgresql+psycopg://radgate:sesame@db/radgate\n", encoding="utf-8")
    (tmp_path / "secret").write_text("shared\n", encoding="utf-8")
    monkeypatch.setenv("RADGATE_DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("RADGATE_GATEWAY__SHARED_SECRET_FILE", str(tmp_path / "secret"))
    settings = load_settings(gateway={"threads": 2})
    assert settings.database_url_or_default == "postgresql+psycopg://radgate:sesame@db/radgate"
    assert (settings.gateway.shared_secret.get_secret_value(), settings.gateway.threads) == ("shared", 2)
    monkeypatch.setenv("RADGATE_DATABASE_URL", "sqlite:////x.db")
    assert "RADGATE_DATABASE_URL and RADGATE_DATABASE_URL_FILE exclude each other" in reported()


def test_no_value_of_a_secret_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADGATE_ALERTS__RECEIVERS", '[{"kind": "slack", "name": "a b", "url": 5678}]')
    assert "5678" not in reported()
    assert "alerts.receivers.0.slack.name = 'a b'" in reported()


OTEL = {
    # variable: value, setting of telemetry, what it becomes, and what is given in its place
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("http://a:4317", "otlp_endpoint", "http://a:4317", "http://b:4317"),
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ("http://a/in/v1/traces", "otlp_endpoint", "http://a/in", "http://b:4317"),
    "OTEL_EXPORTER_OTLP_PROTOCOL": ("http/protobuf", "otlp_protocol", "http", "grpc"),
    "OTEL_EXPORTER_OTLP_TIMEOUT": ("3.5", "otlp_timeout_s", 3.5, 7.0),
    "OTEL_EXPORTER_OTLP_CERTIFICATE": ("/a.pem", "otlp_ca_file", Path("/a.pem"), Path("/b.pem")),
    "OTEL_TRACES_SAMPLER": ("always_on", "trace_sampler", "always_on", "always_off"),
    "OTEL_TRACES_SAMPLER_ARG": ("0.5", "trace_share", 0.5, 0.1),
}


@pytest.mark.parametrize("name", OTEL)
def test_opentelemetrys_variables_count_where_the_setting_is_not_given(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value, setting, read, given = OTEL[name]
    monkeypatch.setenv(name, value)
    assert getattr(load_settings().telemetry, setting) != read  # nothing is traced
    monkeypatch.setenv("RADGATE_TELEMETRY__TRACING_ENABLED", "true")
    assert getattr(load_settings().telemetry, setting) == read
    assert getattr(load_settings(telemetry={setting: given}).telemetry, setting) == given


def test_opentelemetrys_headers_and_addresses_without_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADGATE_TELEMETRY__TRACING_ENABLED", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20s3cret,x-site=north")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")
    telemetry = load_settings().telemetry
    assert telemetry.otlp_headers["authorization"].get_secret_value() == "Bearer s3cret"
    assert telemetry.otlp_endpoint == "https://collector:4317"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
    assert load_settings().telemetry.otlp_endpoint == "http://collector:4317"
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    assert load_settings().telemetry.otlp_endpoint == "http://localhost:4318"


def test_the_share_that_is_given_goes_before_opentelemetrys_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    telemetry = load_settings(telemetry={"tracing_enabled": True, "trace_share": 0.2}).telemetry
    assert (telemetry.trace_sampler, telemetry.trace_share) == ("parentbased_traceidratio", 0.2)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "OTEL_EXPORTER_OTLP_PROTOCOL = 'http/json': use grpc or http/"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "OTEL_EXPORTER_OTLP_ENDPOINT: String should match pattern"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/x", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: a collector ta"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "host=s3cret", "OTEL_EXPORTER_OTLP_HEADERS: Value error, host is a header of"),
        ("OTEL_TRACES_SAMPLER_ARG", "often", "OTEL_TRACES_SAMPLER_ARG: Input should be a valid number"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem", "OTEL_EXPORTER_OTLP_*: Value error, otlp_client_certificate_"),
    ],
)
def test_what_opentelemetrys_variables_get_wrong_is_named(
    name: str, value: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADGATE_TELEMETRY__TRACING_ENABLED", "true")
    monkeypatch.setenv(name, value)
    message = reported()
    assert message.startswith(f"variable {problem}")
    assert "s3cret" not in message
