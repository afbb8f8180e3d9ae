"""gateway/envoy.yaml tailored to the settings."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import SecretStr

from radgate_server.adapters.gateway.envoy import SECRET_VARIABLE, number_of_threads
from radgate_server.adapters.gateway.files import gateway_folder
from radgate_server.adapters.gateway.render import Addresses, render
from radgate_server.adapters.gateway.tls import write_secrets
from radgate_server.adapters.gateway.tracing import header_variables
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.gateway.ports import TlsMaterial
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.telemetry import TelemetrySettings

FILES = gateway_folder()
ADDRESSES = Addresses("0.0.0.0", 8443, "127.0.0.1:50999", "unix:/run/admin.sock")
VIEWER = Addresses("127.0.0.1", 8443, "127.0.0.1:50999", "127.0.0.1:9901", viewer="127.0.0.1:4000")


def rendered(
    settings: GatewaySettings, addresses: Addresses = ADDRESSES, telemetry: TelemetrySettings | None = None
) -> dict[str, Any]:
    template, viewer = (FILES / "envoy.yaml").read_text(), (FILES / "viewer.yaml").read_text()
    telemetry = telemetry or TelemetrySettings()
    config = yaml.safe_load(render(template, viewer, Path("/srv/radgate.pb"), settings, addresses, telemetry))
    assert isinstance(config, dict)
    return config


def http_of(config: dict[str, Any]) -> dict[str, Any]:
    http = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    assert isinstance(http, dict)
    return http


def cluster_address(cluster: dict[str, Any]) -> Any:
    return cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]


def test_addresses_are_the_settings() -> None:
    config = rendered(GatewaySettings())
    listener, cluster = config["static_resources"]["listeners"][0], config["static_resources"]["clusters"][0]
    assert listener["address"]["socket_address"] == {"address": "0.0.0.0", "port_value": 8443}
    assert cluster_address(cluster)["socket_address"] == {"address": "127.0.0.1", "port_value": 50999}
    assert config["admin"]["address"]["pipe"] == {"path": "/run/admin.sock", "mode": 0o600}


def test_limits_are_the_settings() -> None:
    config = rendered(GatewaySettings(max_connections=9, request_timeout_s=90, idle_timeout_s=0.25))
    http = http_of(config)
    monitor = config["overload_manager"]["resource_monitors"][0]["typed_config"]
    assert monitor["max_active_downstream_connections"] == 9
    assert http["common_http_protocol_options"]["max_stream_duration"] == "90s"
    assert http["stream_idle_timeout"] == "0.25s"


def test_how_long_is_waited_for_requests_and_what_memory_there_is_are_the_settings() -> None:
    config = rendered(GatewaySettings(headers_timeout_s=3, body_timeout_s=4.5, max_heap_bytes=1 << 28))
    http = http_of(config)
    rest = next(route for route in http["route_config"]["virtual_hosts"][0]["routes"] if route["name"] == "rest")
    assert http["request_headers_timeout"] == "3s"
    assert rest["route"]["max_stream_duration"] == {"max_stream_duration": "4.5s"}
    assert config["overload_manager"]["resource_monitors"][1]["typed_config"]["max_heap_size_bytes"] == 1 << 28


@pytest.mark.parametrize(
    ("rate", "filled", "interval"),
    [(1, 1, "1.000000s"), (19, 1, "0.052632s"), (25, 2, "0.080000s"), (5000, 500, "0.100000s")],
)
def test_the_rate_of_one_address_is_the_operators(rate: int, filled: int, interval: str) -> None:
    filters = {item["name"]: item["typed_config"] for item in http_of(rendered(_rate(rate)))["http_filters"]}
    limit = filters["envoy.filters.http.local_ratelimit"]
    bucket = {"max_tokens": 2 * rate, "tokens_per_fill": filled, "fill_interval": interval}
    assert limit["token_bucket"] == limit["descriptors"][0]["token_bucket"] == bucket


def test_without_a_rate_nothing_is_counted() -> None:
    names = [item["name"] for item in http_of(rendered(_rate(0)))["http_filters"]]
    assert "envoy.filters.http.local_ratelimit" not in names


def _rate(requests_per_second: int) -> GatewaySettings:
    return GatewaySettings(requests_per_second_per_address=requests_per_second)


@pytest.mark.parametrize("written", [True, False])
def test_the_access_log_is_the_operators_choice(written: bool) -> None:
    assert bool(http_of(rendered(GatewaySettings(access_log=written)))["access_log"]) == written


@pytest.mark.parametrize(
    ("origins", "matches"),
    [
        ((), []),
        (("https://a.example",), [{"exact": "https://a.example"}]),
        (("*",), [{"safe_regex": {"regex": ".*"}}]),
    ],
)
def test_origins_are_the_settings(origins: tuple[str, ...], matches: list[object]) -> None:
    host = http_of(rendered(GatewaySettings(allowed_origins=origins)))["route_config"]["virtual_hosts"][0]
    assert host["typed_per_filter_config"]["envoy.filters.http.cors"]["allow_origin_string_match"] == matches


@pytest.mark.parametrize(("count", "believed"), [(0, False), (2, True)])
def test_forwarded_headers_are_believed_behind_our_own_proxies_only(count: int, believed: bool) -> None:
    http = http_of(rendered(GatewaySettings(trusted_proxies=count)))
    removed = {item.get("remove") for item in http["early_header_mutation_extensions"][0]["typed_config"]["mutations"]}
    assert http["xff_num_trusted_hops"] == count
    assert ("x-forwarded-host" not in removed) == believed
    assert {"x-envoy-original-path", "forwarded", "x-http-status"} <= removed


def test_there_is_no_viewer_and_no_cookie_unless_asked_for() -> None:
    config = rendered(GatewaySettings())
    assert "viewer" not in yaml.safe_dump(config)
    assert "cookie" not in yaml.safe_dump(http_of(config)["http_filters"])


def test_the_viewer_is_for_names_of_this_machine_only() -> None:
    config = rendered(GatewaySettings(), VIEWER)
    host = http_of(config)["route_config"]["virtual_hosts"][0]
    assert host["domains"] == ["localhost", "localhost:*", "127.0.0.1", "127.0.0.1:*"]
    assert host["routes"][0]["name"] == "viewer"
    assert cluster_address(config["static_resources"]["clusters"][1])["socket_address"]["port_value"] == 4000


def test_a_viewer_without_a_key_is_not_shown_to_the_network() -> None:
    with pytest.raises(ConfigurationError, match="loopback"):
        rendered(GatewaySettings(), Addresses("0.0.0.0", 8080, "127.0.0.1:1", "127.0.0.1:2", viewer="127.0.0.1:3"))


@pytest.mark.parametrize(("asked", "processors", "threads"), [(0, 1, 1), (0, 2, 1), (0, 16, 4), (3, 2, 3)])
def test_a_thread_serves_four_processors_unless_set_otherwise(asked: int, processors: int, threads: int) -> None:
    assert number_of_threads(GatewaySettings(threads=asked), processors) == threads


def test_without_a_certificate_there_is_no_tls_and_no_certificate_of_a_client() -> None:
    config = rendered(GatewaySettings())
    assert "transport_socket" not in config["static_resources"]["listeners"][0]["filter_chains"][0]
    assert http_of(config)["forward_client_cert_details"] == "SANITIZE"


@pytest.mark.parametrize("client_ca", ["", "clients.pem"])
def test_tls_is_read_from_files_that_may_be_renewed(client_ca: str) -> None:
    files = {"tls_certificate_file": "a.pem", "tls_key_file": "a.key", "tls_client_ca_file": client_ca}
    config = rendered(GatewaySettings(**files), replace(ADDRESSES, tls_folder=Path("/srv/tls")))
    socket = config["static_resources"]["listeners"][0]["filter_chains"][0]["transport_socket"]["typed_config"]
    common = socket["common_tls_context"]
    assert common["alpn_protocols"] == ["h2", "http/1.1"]
    assert common["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_2"
    source = common["tls_certificate_sds_secret_configs"][0]["sds_config"]["path_config_source"]
    assert source == {"path": "/srv/tls/certificate.yaml", "watched_directory": {"path": "/srv/tls"}}
    assert ("validation_context_sds_secret_config" in common) is bool(client_ca)
    assert http_of(config)["forward_client_cert_details"] == ("SANITIZE_SET" if client_ca else "SANITIZE")


def test_certificates_are_written_for_envoy_alone(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    for number in (b"1", b"2"):
        write_secrets(folder, TlsMaterial(b"chain" + number, b"key" + number, b"ca"))
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "certificate.yaml": 0o600,
        "client-ca.yaml": 0o600,
    }
    (secret,) = yaml.safe_load((folder / "certificate.yaml").read_text())["resources"]
    assert secret["tls_certificate"]["private_key"] == {"inline_string": "key2"}


def test_what_the_server_believes_stands_beside_its_secret_which_is_in_no_file() -> None:
    added = http_of(rendered(GatewaySettings()))["route_config"]["virtual_hosts"][0]["request_headers_to_add"]
    proof = next(item for item in added if item["header"]["key"] == "x-radgate-client")
    seen = "%CONNECTION_ID% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
    assert proof == {
        "header": {"key": "x-radgate-client", "value": f"{seen} %ENVIRONMENT({SECRET_VARIABLE})%"},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_traces_go_where_the_servers_go_and_report_no_path(protocol: Literal["grpc", "http"]) -> None:
    telemetry = TelemetrySettings(
        tracing_enabled=True, trace_share=0.25, otlp_protocol=protocol, otlp_endpoint="https://collector.example:4317"
    )
    config = rendered(GatewaySettings(), telemetry=telemetry)
    tracing = http_of(config)["tracing"]
    assert tracing["max_path_tag_length"] == 0
    assert config["layered_runtime"]["layers"][0]["static_layer"]["tracing.opentelemetry.min_flush_spans"] == 512
    tracer = tracing["provider"]["typed_config"]
    assert f"{protocol}_service" in tracer
    ratio = tracer["sampler"]["typed_config"]["wrapped_sampler"]["typed_config"]["sampling_percentage"]
    assert ratio == {"numerator": 250_000, "denominator": "MILLION"}
    (cluster,) = (cluster for cluster in config["static_resources"]["clusters"] if cluster["name"] == "otlp")
    (options,) = cluster["typed_extension_protocol_options"].values()
    assert options["explicit_http_config"] == {f"http{'2' if protocol == 'grpc' else ''}_protocol_options": {}}
    assert "http_filters" not in options
    assert cluster["transport_socket"]["typed_config"]["sni"] == "collector.example"


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_what_the_collector_wants_is_in_the_environment_and_in_no_file(protocol: Literal["grpc", "http"]) -> None:
    headers = {"authorization": SecretStr("Bearer 1"), "x-site": SecretStr("2")}
    telemetry = TelemetrySettings(tracing_enabled=True, otlp_protocol=protocol, otlp_headers=headers)
    (cluster,) = (
        cluster
        for cluster in rendered(GatewaySettings(), telemetry=telemetry)["static_resources"]["clusters"]
        if cluster["name"] == "otlp"
    )
    (options,) = cluster["typed_extension_protocol_options"].values()
    adding, codec = options["http_filters"]
    assert [item["append"]["header"] for item in adding["typed_config"]["mutations"]["request_mutations"]] == [
        {"key": "authorization", "value": "%ENVIRONMENT(RADGATE_OTLP_HEADER_0)%"},
        {"key": "x-site", "value": "%ENVIRONMENT(RADGATE_OTLP_HEADER_1)%"},
    ]
    assert codec["name"] == "envoy.filters.http.upstream_codec"
    assert header_variables(telemetry) == {"RADGATE_OTLP_HEADER_0": "Bearer 1", "RADGATE_OTLP_HEADER_1": "2"}
    assert header_variables(telemetry.model_copy(update={"tracing_enabled": False})) == {}


@pytest.mark.parametrize(
    ("sampler", "is_parent_based", "share"),
    [
        ("always_on", False, 1_000_000),
        ("traceidratio", False, 250_000),
        ("parentbased_always_off", True, 0),
        ("parentbased_traceidratio", True, 250_000),
    ],
)
def test_envoy_decides_as_the_servers_sampler_does(sampler: str, is_parent_based: bool, share: int) -> None:
    telemetry = TelemetrySettings(tracing_enabled=True, trace_sampler=sampler, trace_share=0.25)
    config = http_of(rendered(GatewaySettings(), telemetry=telemetry))
    decides = config["tracing"]["provider"]["typed_config"]["sampler"]["typed_config"]
    assert ("wrapped_sampler" in decides) is is_parent_based
    ratio = decides["wrapped_sampler"]["typed_config"] if is_parent_based else decides
    assert ratio["sampling_percentage"]["numerator"] == share


def test_of_another_packages_sampler_the_server_decides_alone() -> None:
    telemetry = TelemetrySettings(tracing_enabled=True, trace_sampler="xray")
    assert "tracing" not in http_of(rendered(GatewaySettings(), telemetry=telemetry))


def test_a_collector_with_certificates_of_its_own_gets_them_shown() -> None:
    files = {"otlp_ca_file": "/ca.pem", "otlp_client_certificate_file": "/me.pem", "otlp_client_key_file": "/me.key"}
    telemetry = TelemetrySettings.model_validate(
        {"tracing_enabled": True, "otlp_endpoint": "https://collector.example:4317", **files}
    )
    clusters = rendered(GatewaySettings(), telemetry=telemetry)["static_resources"]["clusters"]
    (cluster,) = (cluster for cluster in clusters if cluster["name"] == "otlp")
    common = cluster["transport_socket"]["typed_config"]["common_tls_context"]
    assert common["validation_context"]["trusted_ca"] == {"filename": "/ca.pem"}
    assert common["tls_certificates"] == [
        {"certificate_chain": {"filename": "/me.pem"}, "private_key": {"filename": "/me.key"}}
    ]


def test_without_tracing_nothing_of_it_is_there() -> None:
    config = rendered(GatewaySettings())
    assert "tracing" not in http_of(config)
    assert not any("opentelemetry" in key for key in config["layered_runtime"]["layers"][0]["static_layer"])
    assert "otlp" not in {cluster["name"] for cluster in config["static_resources"]["clusters"]}


def test_one_server_is_not_balanced() -> None:
    cluster = rendered(GatewaySettings())["static_resources"]["clusters"][0]
    assert not {"lb_policy", "health_checks", "outlier_detection"} & cluster.keys()


def test_several_servers_are_balanced_and_uploads_are_not_repeated() -> None:
    config = rendered(GatewaySettings(servers=("127.0.0.1:50052", "[::1]:50053"), shared_secret=SecretStr("s")))
    cluster = config["static_resources"]["clusters"][0]
    endpoints = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    ports = [each["endpoint"]["address"]["socket_address"]["port_value"] for each in endpoints]
    assert (cluster["lb_policy"], ports) == ("RING_HASH", [50999, 50052, 50053])
    routes = {
        route["name"]: route.get("route", {}) for route in http_of(config)["route_config"]["virtual_hosts"][0]["routes"]
    }
    retried = {
        name for name, route in routes.items() if "connect-failure" in route.get("retry_policy", {}).get("retry_on", "")
    }
    assert {"grpc", "dicomweb.search", "dicomweb.retrieve.frames", "admin"} <= retried
    assert not {"rest.store", "dicomweb.store"} & retried


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"servers": ["10.0.0.1:50052"], "shared_secret": "s"}, "loopback address and a port"),
        ({"servers": ["127.0.0.1"], "shared_secret": "s"}, "loopback address and a port"),
        ({"servers": ["127.0.0.1:70000"], "shared_secret": "s"}, "loopback address and a port"),
        ({"servers": ["127.0.0.1:1", "127.0.0.1:1"], "shared_secret": "s"}, "there twice"),
        ({"servers": ["127.0.0.1:1"]}, "needs gateway.enabled"),
        ({"servers": ["127.0.0.1:1"], "shared_secret": "s", "enabled": False}, "needs gateway.enabled"),
    ],
)
def test_servers_that_can_not_be_reached_safely_are_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        GatewaySettings(**settings)
