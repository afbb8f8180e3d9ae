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


def told(config_file: Path | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(config_file)
    return caught.value.message


@pytest.mark.parametrize(("name", "value", "parts"), VARIABLES)
def test_a_wrong_variable_is_named(
    name: str, value: str, parts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    message = told()
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(("text", "parts"), FILES)
def test_a_wrong_line_of_the_file_is_named(text: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "radgate.toml"
    file.write_text(text, encoding="utf-8")
    message = told(file)
    assert "sesame" not in message
    for part in parts:
        assert part in message


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    assert told(tmp_path / "none.toml").endswith("none.toml: FileNotFoundError ENOENT: No such file or directory")


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
    assert "RADGATE_DATABASE_URL and RADGATE_DATABASE_URL_FILE exclude each other" in told()


def test_no_value_of_a_secret_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADGATE_ALERTS__RECEIVERS", '[{"kind": "slack", "name": "a b", "url": 5678}]')
    assert "5678" not in told()
    assert "alerts.receivers.0.slack.name = 'a b'" in told()


@pytest.mark.parametrize(
    ("name", "setting"),
    [("OTEL_EXPORTER_OTLP_ENDPOINT", "OTLP_ENDPOINT"), ("OTEL_TRACES_SAMPLER_ARG", "TRACE_SHARE")],
)
def test_opentelemetrys_variables_are_not_silently_ignored(
    name: str, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    load_settings()  # nothing is traced
    monkeypatch.setenv("RADGATE_TELEMETRY__TRACING_ENABLED", "true")
    assert told().startswith(f"variable {name}: it is not read here; set RADGATE_TELEMETRY__{setting} ")
    value = "http://collector:4317" if setting == "OTLP_ENDPOINT" else "1"
    monkeypatch.setenv(f"RADGATE_TELEMETRY__{setting}", value)
    load_settings()
