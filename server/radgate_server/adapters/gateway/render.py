"""gateway/envoy.yaml tailored to the settings. Pure: text in, text out."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from radgate_server.adapters.gateway.balancing import balance
from radgate_server.adapters.gateway.tls import transport_socket
from radgate_server.adapters.gateway.tracing import add_tracing
from radgate_server.core.errors import ConfigurationError
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.telemetry import TelemetrySettings

type Node = dict[str, Any]

_RATE_FILTER = "envoy.filters.http.local_ratelimit"
_HANDSHAKE_TIMEOUT = "10s"  # whoever opens a connection and says nothing is an attack

# What a client may say of the way it took, once the proxies in front of the gateway are ours.
_FORWARDED = ("x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Who listens where. `server` and `viewer` are "host:port", or "unix:/path"; no `viewer` is served when "".

    `admin` is where Envoy's own administration listens, in the same two forms. `tls_folder` is where certificates and
    keys are written for Envoy (gateway/tls.py).
    """

    host: str
    http_port: int
    server: str
    admin: str
    viewer: str = ""
    tls_folder: Path = Path("tls")


def render(
    template: str,
    viewer_part: str,
    descriptor: Path,
    settings: GatewaySettings,
    addresses: Addresses,
    telemetry: TelemetrySettings,
) -> str:
    """Return Envoy's configuration as YAML.

    `template` is the text of gateway/envoy.yaml, `viewer_part` that of gateway/viewer.yaml, `descriptor` the path of
    radgate.pb.

    Raises:
        ConfigurationError: a viewer is asked for on an address that others can reach.
    """
    config: Node = yaml.safe_load(template)
    http = _http(config)
    _listen(config, addresses)
    servers = [_address(server) for server in (addresses.server, *settings.servers)]
    balance(config["static_resources"]["clusters"][0], _virtual_host(http)["routes"], servers)
    _tune(config, http, settings)
    if settings.tls:
        _use_tls(config, http, addresses.tls_folder, with_client_ca=settings.tls.client_ca_file is not None)
    _allow_origins(http, settings.allowed_origins)
    _trust_proxies(http, settings.trusted_proxies)
    _filter(http, "envoy.filters.http.grpc_json_transcoder")["proto_descriptor"] = str(descriptor)
    if telemetry.tracing_enabled:
        add_tracing(config, http, telemetry)
    if addresses.viewer:
        _add_viewer(config, http, yaml.safe_load(viewer_part), addresses)
    return yaml.safe_dump(config, sort_keys=False)


def _listen(config: Node, addresses: Addresses) -> None:
    listener = config["static_resources"]["listeners"][0]
    listener["address"] = _address(f"{addresses.host}:{addresses.http_port}")
    config["admin"] = {"address": _address(addresses.admin)}


def _use_tls(config: Node, http: Node, tls_folder: Path, *, with_client_ca: bool) -> None:
    chain = config["static_resources"]["listeners"][0]["filter_chains"][0]
    chain["transport_socket"] = transport_socket(tls_folder, with_client_ca=with_client_ca)
    chain["transport_socket_connect_timeout"] = _HANDSHAKE_TIMEOUT
    if with_client_ca:
        http["forward_client_cert_details"] = "SANITIZE_SET"
        http["set_current_client_cert_details"] = {"cert": True}


def _tune(config: Node, http: Node, settings: GatewaySettings) -> None:
    connections, heap = (monitor["typed_config"] for monitor in config["overload_manager"]["resource_monitors"])
    connections["max_active_downstream_connections"] = settings.max_connections
    heap["max_heap_size_bytes"] = settings.max_heap_bytes
    for limit in config["static_resources"]["clusters"][0]["circuit_breakers"]["thresholds"]:
        limit |= {"max_requests": settings.max_requests, "max_pending_requests": settings.max_requests}
    if not settings.access_log:
        http["access_log"] = []
    http["stream_idle_timeout"] = _seconds(settings.idle_timeout_s)
    http["request_headers_timeout"] = _seconds(settings.headers_timeout_s)
    http["common_http_protocol_options"]["max_stream_duration"] = _seconds(settings.request_timeout_s)
    for route in _virtual_host(http)["routes"]:
        if route["name"] in ("rest", "rest.api"):
            route["route"]["max_stream_duration"] = {"max_stream_duration": _seconds(settings.body_timeout_s)}
    _limit_rate(http, settings.requests_per_second_per_address)


def _limit_rate(http: Node, requests_per_second: int) -> None:
    if not requests_per_second:
        http["http_filters"] = [item for item in http["http_filters"] if item["name"] != _RATE_FILTER]
        return
    filled = max(1, requests_per_second // 10)  # some ten times a second; Envoy allows twenty
    interval = f"{filled / requests_per_second:.6f}s"
    bucket = {"max_tokens": 2 * requests_per_second, "tokens_per_fill": filled, "fill_interval": interval}
    limit = _filter(http, _RATE_FILTER)
    limit["token_bucket"] = limit["descriptors"][0]["token_bucket"] = bucket


def _allow_origins(http: Node, origins: tuple[str, ...]) -> None:
    any_origin = "*" in origins
    matches = [{"safe_regex": {"regex": ".*"}}] if any_origin else [{"exact": origin} for origin in origins]
    policy = _virtual_host(http)["typed_per_filter_config"]["envoy.filters.http.cors"]
    policy["allow_origin_string_match"] = matches


def _trust_proxies(http: Node, count: int) -> None:
    http["xff_num_trusted_hops"] = count
    if count:
        mutations = http["early_header_mutation_extensions"][0]["typed_config"]
        mutations["mutations"] = [item for item in mutations["mutations"] if item.get("remove") not in _FORWARDED]


def _add_viewer(config: Node, http: Node, part: Node, addresses: Addresses) -> None:
    if not _is_loopback(addresses.host):
        raise ConfigurationError(
            "the demo's viewer needs no key, so it listens on the loopback address only: set host to 127.0.0.1"
        )
    host = _virtual_host(http)
    host["domains"] = part["domains"]
    host["routes"] = part["routes"] + host["routes"]
    for item in host["response_headers_to_add"]:
        if item["header"]["key"] == "cross-origin-resource-policy":
            item["header"]["value"] = "same-origin"
    http["http_filters"].insert(0, part["filter"])
    _set_endpoint(part["cluster"], addresses.viewer)
    config["static_resources"]["clusters"].append(part["cluster"])


def _http(config: Node) -> Node:
    chain = config["static_resources"]["listeners"][0]["filter_chains"][0]
    found: Node = chain["filters"][0]["typed_config"]
    return found


def _virtual_host(http: Node) -> Node:
    found: Node = http["route_config"]["virtual_hosts"][0]
    return found


def _filter(http: Node, name: str) -> Node:
    found: Node = next(item["typed_config"] for item in http["http_filters"] if item["name"] == name)
    return found


def _set_endpoint(cluster: Node, address: str) -> None:
    cluster["load_assignment"]["endpoints"] = [{"lb_endpoints": [{"endpoint": {"address": _address(address)}}]}]


def _address(address: str) -> Node:
    if address.startswith("unix:"):
        return {"pipe": {"path": address.removeprefix("unix:"), "mode": 0o600}}
    host, _, port = address.rpartition(":")
    number = "127.0.0.1" if host == "localhost" else host.strip("[]")  # Envoy takes no names here
    return {"socket_address": {"address": number, "port_value": int(port)}}


def _seconds(value: float) -> str:
    return re.sub(r"\.?0+$", "", f"{value:.3f}") + "s"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
