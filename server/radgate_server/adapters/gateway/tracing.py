"""Envoy's part of traces: the span around the server's, by OTLP to the same collector."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import certifi

from radgate_server.core.limits.model import is_address
from radgate_server.settings.telemetry import TelemetrySettings

type Node = dict[str, Any]

_SAMPLERS = {
    # OpenTelemetry's name: whether a client's decision counts, and the share of the others; None: trace_share
    "always_on": (False, 1.0),
    "always_off": (False, 0.0),
    "traceidratio": (False, None),
    "parentbased_always_on": (True, 1.0),
    "parentbased_always_off": (True, 0.0),
    "parentbased_traceidratio": (True, None),
}
_CLUSTER = "otlp"
_SENDING = {
    # Left to itself it sends a request for every five spans, which costs more than to record them.
    "tracing.opentelemetry.min_flush_spans": 512,
    "tracing.opentelemetry.flush_interval_ms": 1000,
}
_PROTOCOL_OPTIONS = {"grpc": "http2_protocol_options", "http": "http_protocol_options"}


def add_tracing(config: Node, http: Node, settings: TelemetrySettings) -> None:
    """Let Envoy record what comes, as the settings say, and answer each client with the trace of its request.

    No path is recorded: it holds UIDs, and a query string names.
    With a sampler that Envoy lacks, the server decides alone.
    """
    if settings.trace_sampler not in _SAMPLERS:
        return
    http["tracing"] = {
        "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": _tracer(settings)},
        "random_sampling": {"value": 100},  # the sampler decides, which looks at traceparent first
        "max_path_tag_length": 0,
        "operation": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)% %ROUTE_NAME%",
    }
    host = http["route_config"]["virtual_hosts"][0]
    host["response_headers_to_add"].append(
        {"header": {"key": "traceparent", "value": "%REQ(TRACEPARENT)%"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    )
    config["static_resources"]["clusters"].append(_collector(settings))
    config["layered_runtime"]["layers"][0]["static_layer"] |= _SENDING


def header_variables(settings: TelemetrySettings) -> dict[str, str]:
    """Environment of Envoy: headers for the collector, which so are in no file and in no `config_dump`."""
    if not settings.tracing_enabled:
        return {}
    return {_variable(place): value.get_secret_value() for place, value in enumerate(settings.otlp_headers.values())}


def _variable(place: int) -> str:
    return f"RADGATE_OTLP_HEADER_{place}"


def _tracer(settings: TelemetrySettings) -> Node:
    timeout = f"{settings.otlp_timeout_s:g}s"
    where: Node = {"grpc_service": {"envoy_grpc": {"cluster_name": _CLUSTER}, "timeout": timeout}}
    if settings.otlp_protocol == "http":
        uri = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
        where = {"http_service": {"http_uri": {"uri": uri, "cluster": _CLUSTER, "timeout": timeout}}}
    kind = _type("config.trace.v3.OpenTelemetryConfig")
    return {"@type": kind, "service_name": "radgate-gateway", "sampler": _sampler(settings), **where}


def _sampler(settings: TelemetrySettings) -> Node:
    """As the server's own: so both decide alike about a trace."""
    is_parent_based, share = _SAMPLERS[settings.trace_sampler]
    share = settings.trace_share if share is None else share
    per_million = {"numerator": round(share * 1_000_000), "denominator": "MILLION"}
    ours = _extension("TraceIdRatioBased", "trace_id_ratio_based", sampling_percentage=per_million)
    return _extension("ParentBased", "parent_based", wrapped_sampler=ours) if is_parent_based else ours


def _extension(kind: str, name: str, **config: object) -> Node:
    full = _type(f"extensions.tracers.opentelemetry.samplers.v3.{kind}SamplerConfig")
    return {"name": f"envoy.tracers.opentelemetry.samplers.{name}", "typed_config": {"@type": full, **config}}


def _collector(settings: TelemetrySettings) -> Node:
    url = urlsplit(settings.otlp_endpoint)
    secured = url.scheme == "https"
    address = {"address": url.hostname, "port_value": url.port or (443 if secured else 80)}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": address}}}]}]
    options: Node = {
        "@type": _type("extensions.upstreams.http.v3.HttpProtocolOptions"),
        "explicit_http_config": {_PROTOCOL_OPTIONS[settings.otlp_protocol]: {}},
    }
    if settings.otlp_headers:
        options["http_filters"] = _adding(settings.otlp_headers)
    cluster: Node = {
        "name": _CLUSTER,
        # Of a name's addresses the first that answers (RFC 8305): a collector may listen at one of localhost's two.
        "type": "LOGICAL_DNS",
        "dns_lookup_family": "ALL",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": _CLUSTER, "endpoints": endpoints},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
    }
    if secured:
        cluster["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": _tls(url.hostname or "", settings),
        }
    return cluster


def _adding(names: Iterable[str]) -> list[Node]:
    """What adds these headers to each request; in a grpc_service's `initial_metadata` no `%ENVIRONMENT` is replaced."""
    headers = [{"key": name, "value": f"%ENVIRONMENT({_variable(place)})%"} for place, name in enumerate(names)]
    added = [{"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}} for header in headers]
    return [
        _filter("header_mutation", "HeaderMutation", mutations={"request_mutations": added}),
        _filter("upstream_codec", "UpstreamCodec"),
    ]


def _filter(name: str, kind: str, **config: object) -> Node:
    full = _type(f"extensions.filters.http.{name}.v3.{kind}")
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": full, **config}}


def _tls(host: str, settings: TelemetrySettings) -> Node:
    """What a collector over TLS must show: a certificate for its name, by an authority that is trusted."""
    names = [{"san_type": "IP_ADDRESS" if is_address(host) else "DNS", "matcher": {"exact": host}}]
    trusted = str(settings.otlp_ca_file or certifi.where())
    common: Node = {"validation_context": {"trusted_ca": {"filename": trusted}, "match_typed_subject_alt_names": names}}
    if settings.otlp_client_certificate_file is not None:
        chain, key = settings.otlp_client_certificate_file, settings.otlp_client_key_file
        common["tls_certificates"] = [
            {"certificate_chain": {"filename": str(chain)}, "private_key": {"filename": str(key)}}
        ]
    kind = _type("extensions.transport_sockets.tls.v3.UpstreamTlsContext")
    return {"@type": kind, "sni": host, "common_tls_context": common}


def _type(name: str) -> str:
    return f"type.googleapis.com/envoy.{name}"
