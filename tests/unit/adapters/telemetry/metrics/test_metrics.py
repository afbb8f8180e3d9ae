from prometheus_client import generate_latest

from radgate_server.adapters.telemetry import PrometheusTelemetry
from radgate_server.core.telemetry.ports import Telemetry


def shown(telemetry: PrometheusTelemetry) -> dict[str, float]:
    """The metrics as Prometheus reads them: sample with its labels, and value."""
    lines = generate_latest(telemetry.registry).decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_calls_by_method_and_code_with_their_times() -> None:
    telemetry = PrometheusTelemetry()
    port: Telemetry = telemetry
    port.rpc_finished("radgate.v1.QueryService/SearchStudies", "OK", 0.001)
    port.rpc_finished("radgate.v1.QueryService/SearchStudies", "OK", 0.2)
    port.rpc_finished("radgate.v1.QueryService/SearchStudies", "NOT_FOUND", 1000)
    metrics = shown(telemetry)
    method = 'method="radgate.v1.QueryService/SearchStudies"'
    assert metrics[f'radgate_rpc_total{{code="OK",{method}}}'] == 2
    assert metrics[f'radgate_rpc_total{{code="NOT_FOUND",{method}}}'] == 1
    buckets = {
        bound: metrics[f'radgate_rpc_seconds_bucket{{le="{bound}",{method}}}'] for bound in ("0.001", "0.1", "0.25")
    }
    assert buckets == {"0.001": 1, "0.1": 1, "0.25": 2}
    assert metrics[f'radgate_rpc_seconds_bucket{{le="300.0",{method}}}'] == 2
    assert metrics[f'radgate_rpc_seconds_bucket{{le="+Inf",{method}}}'] == 3
    assert metrics[f"radgate_rpc_seconds_count{{{method}}}"] == 3
    assert metrics[f"radgate_rpc_seconds_sum{{{method}}}"] == 1000.201


def test_look_ups_by_tier() -> None:
    telemetry = PrometheusTelemetry()
    for hit in (True, False, True):
        telemetry.cache_lookup("hot", hit)
    metrics = shown(telemetry)
    assert metrics['radgate_cache_lookups_total{result="hit",tier="hot"}'] == 2
    assert metrics['radgate_cache_lookups_total{result="miss",tier="hot"}'] == 1


def test_operations_at_a_pacs() -> None:
    telemetry = PrometheusTelemetry()
    telemetry.pacs_call("east", "ris", "find", "ok", 0.003)
    telemetry.pacs_call("east", "ris", "find", "PacsTimeoutError", 31.0)
    telemetry.bytes_received("east", "ris", 1000)
    telemetry.bytes_received("east", "ris", 24)
    metrics = shown(telemetry)
    assert metrics['radgate_pacs_calls_total{operation="find",outcome="ok",pacs="ris",tenant="east"}'] == 1
    assert (
        metrics['radgate_pacs_calls_total{operation="find",outcome="PacsTimeoutError",pacs="ris",tenant="east"}'] == 1
    )
    assert metrics['radgate_pacs_call_seconds_bucket{le="0.005",operation="find",pacs="ris",tenant="east"}'] == 1
    assert metrics['radgate_pacs_call_seconds_count{operation="find",pacs="ris",tenant="east"}'] == 2
    assert metrics['radgate_pacs_received_bytes_total{pacs="ris",tenant="east"}'] == 1024


def test_how_full_a_tier_is_is_asked_when_shown() -> None:
    telemetry = PrometheusTelemetry()
    used = 10
    telemetry.watch_cache("warm", lambda: used, 100)
    assert shown(telemetry)['radgate_cache_used_bytes{tier="warm"}'] == 10
    used = 20
    metrics = shown(telemetry)
    assert metrics['radgate_cache_used_bytes{tier="warm"}'] == 20
    assert metrics['radgate_cache_limit_bytes{tier="warm"}'] == 100


def test_reports_the_process_and_shares_nothing_with_other_registries() -> None:
    first, second = PrometheusTelemetry(), PrometheusTelemetry()
    first.cache_lookup("hot", True)
    assert "process_resident_memory_bytes" in shown(first)
    assert 'radgate_cache_lookups_total{result="hit",tier="hot"}' not in shown(second)
