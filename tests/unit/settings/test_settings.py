"""What is wrong with a setting stops the start with one clear line."""

import pytest

from radgate_server.core.errors import ConfigurationError
from radgate_server.settings.settings import load_settings


def test_networks_are_read() -> None:
    settings = load_settings(pacs={"allowed_networks": ["10.0.0.0/8", "fd00::/8", "192.0.2.1"]})
    assert settings.pacs.allowed_networks == ("10.0.0.0/8", "fd00::/8", "192.0.2.1")


@pytest.mark.parametrize("network", ["10.0.0.1/8", "10.0.0.0/33", "hospital"])
def test_what_is_no_network_is_reported(network: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(pacs={"allowed_networks": [network]})
    (line,) = caught.value.message.splitlines()
    assert line.startswith("setting pacs.allowed_networks (or RADGATE_PACS__ALLOWED_NETWORKS): not a network such as")
    assert network in line


@pytest.mark.parametrize(
    ("role", "only", "reported"),
    [
        ("viewer", {}, "only.restriction: names nothing that a study could have"),
        ("viewer", {"patients": []}, "only.restriction: names nothing that a study could have"),
        ("viewer", {"patients": ["SECRET*"]}, "only.patients.patient_id: 1 to 64 characters, without"),
        ("viewer", {"study_dates": "yesterday"}, "only.study_dates: "),
        ("operator", {"modalities": "CT"}, "a certificate for some studies alone is a viewer's"),
    ],
)
def test_a_certificate_that_is_confined_to_nothing_or_in_vain_is_reported(
    role: str, only: dict[str, object], reported: str
) -> None:
    certificate = {"name": "DNS:practice.example", "tenants": "north", "role": role, "only": only}
    with pytest.raises(ConfigurationError) as caught:
        load_settings(auth={"certificates": [certificate]})
    assert reported in caught.value.message
    assert "SECRET" not in caught.value.message


@pytest.mark.parametrize("zone", ["Mars", "Europe", "../etc/passwd"])
def test_a_time_zone_that_does_not_exist_is_reported(zone: str) -> None:
    with pytest.raises(ConfigurationError):
        load_settings(reports={"time_zone": zone})


def test_headers_for_the_collector_are_in_lower_case_and_do_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADGATE_TELEMETRY__OTLP_HEADERS", '{"Authorization": "Bearer s3cret", "x-site": "north 1"}')
    settings = load_settings()
    headers = settings.telemetry.otlp_headers
    assert {name: value.get_secret_value() for name, value in headers.items()} == {
        "authorization": "Bearer s3cret",
        "x-site": "north 1",
    }
    for shown in (repr(settings), str(settings), f"{settings.model_dump()}", settings.model_dump_json()):
        assert "authorization" in shown
        assert "s3cret" not in shown


def test_each_header_for_the_collector_may_have_a_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADGATE_TELEMETRY__OTLP_HEADERS__AUTHORIZATION", "Bearer s3cret")
    assert load_settings().telemetry.otlp_headers["authorization"].get_secret_value() == "Bearer s3cret"


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:99999",
        "http://collector.example:0",
        "http://a..b:4318",
        f"http://{'x' * 64}:4318",
        "http://xn--zzzzzz--.example",
        "http://[::1",
        "http://a:b:c",
        "http://:4318",
    ],
)
def test_a_collector_that_can_be_nowhere_is_reported(endpoint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(telemetry={"otlp_endpoint": endpoint})
    assert caught.value.message == (
        f"setting telemetry.otlp_endpoint = {endpoint!r} (or RADGATE_TELEMETRY__OTLP_ENDPOINT): not an address such as"
        " http://collector.example:4317; check its host and port (1-65535)"
    )


@pytest.mark.parametrize(
    "endpoint",
    ["http://localhost:4317", "https://my_collector/", "http://[::1]:4317", "http://xn--mnchen-3ya.de:65535"],
)
def test_a_collector_may_be_anywhere_else(endpoint: str) -> None:
    assert load_settings(telemetry={"otlp_endpoint": endpoint}).telemetry.otlp_endpoint == endpoint


def test_the_environment_stands_in_for_a_header_that_the_file_has_in_lower_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RADGATE_TELEMETRY__OTLP_HEADERS__AUTHORIZATION", "Bearer new")
    headers = load_settings(telemetry={"otlp_headers": {"authorization": "old"}}).telemetry.otlp_headers
    assert headers["authorization"].get_secret_value() == "Bearer new"
    with pytest.raises(ConfigurationError, match="write both in lower case, or leave one out"):
        load_settings(telemetry={"otlp_headers": {"Authorization": "old"}})


def test_a_table_in_the_environment_that_is_no_json_is_reported_without_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RADGATE_TELEMETRY__OTLP_HEADERS", "authorization=Bearer s3cret")
    with pytest.raises(
        ConfigurationError, match=r"^variable RADGATE_TELEMETRY__OTLP_HEADERS: .* must be JSON"
    ) as caught:
        load_settings()
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize(
    ("headers", "reported"),
    [
        ({"Bearer s3cret": "x"}, "a header's name has a-z, 0-9"),
        ({":path": "/s3cret"}, "a header's name has a-z, 0-9"),
        ({"authorization\n": "s3cret"}, "a header's name has a-z, 0-9"),
        ({"": "s3cret"}, "a header's name has a-z, 0-9"),
        ({"user-agent": "s3cret"}, "user-agent is a header of the protocol itself"),
        ({"x-site": "s3cret" * 1366}, "the value of x-site has more than 8192 characters"),
        ({"host": "s3cret"}, "host is a header of the protocol itself"),
        ({"content-type": "s3cret"}, "content-type is a header of the protocol itself"),
        ({"grpc-timeout": "s3cret"}, "grpc-timeout is a header of the protocol itself"),
        ({"token-bin": "s3cret"}, "token-bin is a header of the protocol itself"),
        ({"x-site": "s3cret", "X-Site": "s3cret"}, "two names, of the file and the environment together, differ in"),
        ({"x-site": "s3cret\r\nx-other: 1"}, "the value of x-site must be of printable ASCII"),
        ({"x-site": "s3cret\n"}, "the value of x-site must be of printable ASCII"),
        ({"x-site": " s3cret"}, "the value of x-site must be of printable ASCII"),
        ({"x-site": "s3crét"}, "the value of x-site must be of printable ASCII"),
        ({"x-site": ""}, "the value of x-site must be of printable ASCII"),
    ],
)
def test_what_is_no_header_is_reported_without_its_value(headers: dict[str, str], reported: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(telemetry={"otlp_headers": headers})
    assert caught.value.message.startswith(
        f"setting telemetry.otlp_headers (or RADGATE_TELEMETRY__OTLP_HEADERS): {reported}"
    )
    assert "s3cr" not in caught.value.message
