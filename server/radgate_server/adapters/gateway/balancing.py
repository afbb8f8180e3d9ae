"""How Envoy spreads calls over several servers: one study at one of them, for its caches' sake alone."""

from collections.abc import Iterable, Sequence
from typing import Any

type Node = dict[str, Any]

STUDY_HEADER = "study-instance-uid"
"""gRPC metadata by which a client names the study that a call is about; the SDK sets it."""

# Of a REST path the study, wherever DICOMweb has it; of a path without one all of it, so that alike searches meet.
_STUDY_IN_PATH = r"^[^?]*(?:/studies/|\?(?:.*&)?(?:StudyInstanceUID|0020000D|studyUID)=)([0-9.]+).*$"
_ORIGINAL_PATH = "x-envoy-original-path"

_REST_BY_STUDY = ("dicomweb.search", "dicomweb.retrieve.")
_UPLOADS = ("rest.store", "dicomweb.store")
"""A call that may be tried at the next server is held in memory, up to a limit; of these all of it would be."""

_NEXT_SERVER = {
    # What no server has looked at: no connection, or one that ended before the request was written.
    "retry_on": "refused-stream,connect-failure,reset-before-request",
    "num_retries": 2,
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
            },
        }
    ],
    "host_selection_retry_max_attempts": 5,
}

_HEALTH_CHECK = {
    "interval": "1s",
    "no_traffic_interval": "1s",
    "timeout": "3s",
    "unhealthy_threshold": 2,
    "healthy_threshold": 1,
    "grpc_health_check": {},
}

# Only what Envoy sees of the connection counts: a server that reports UNAVAILABLE of a PACS is well itself.
_EJECT_UNREACHABLE = {
    "split_external_local_origin_errors": True,
    "consecutive_local_origin_failure": 1,
    "enforcing_consecutive_local_origin_failure": 100,
    "enforcing_consecutive_5xx": 0,
    "enforcing_success_rate": 0,
    "enforcing_local_origin_success_rate": 0,
    "interval": "0.5s",
    "base_ejection_time": "1s",
    "max_ejection_time": "5s",
    "max_ejection_percent": 100,
}

_BALANCE_PERCENT = 150
"""A server with more than this share of the mean of requests in flight passes the rest to the next on the ring."""


def balance(cluster: Node, routes: Iterable[Node], servers: Sequence[Node]) -> None:
    """Spread the calls of `routes` over `servers`, which are Envoy's addresses; changes `cluster` and `routes`."""
    cluster["load_assignment"]["endpoints"] = [
        {"lb_endpoints": [{"endpoint": {"address": address}} for address in servers]}
    ]
    if len(servers) == 1:
        return
    cluster["lb_policy"] = "RING_HASH"
    cluster["common_lb_config"] = {
        "healthy_panic_threshold": {"value": 1},  # try them all only once none is well
        "consistent_hashing_lb_config": {"hash_balance_factor": _BALANCE_PERCENT},
    }
    cluster["health_checks"] = [_HEALTH_CHECK]
    cluster["outlier_detection"] = _EJECT_UNREACHABLE
    for route in routes:
        if route.get("route", {}).get("cluster") == cluster["name"]:
            route["route"] |= _of_route(route["name"])


def _of_route(name: str) -> Node:
    if name in _UPLOADS:
        return {}
    if name.startswith(_REST_BY_STUDY) or name == "head":
        by_path = {
            "header_name": _ORIGINAL_PATH,
            "regex_rewrite": {"pattern": {"regex": _STUDY_IN_PATH}, "substitution": r"\1"},
        }
        return {"retry_policy": _NEXT_SERVER, "hash_policy": [{"header": by_path}]}
    return {"retry_policy": _NEXT_SERVER, "hash_policy": [{"header": {"header_name": STUDY_HEADER}}]}
