"""The metrics of several processes on one page."""

from prometheus_client import CollectorRegistry, generate_latest

from radgate_server.adapters.telemetry.metrics.processes import ProcessesCollector

PAGE = """# HELP calls_total Calls.
# TYPE calls_total counter
calls_total{method="a{b"} 2.0
# HELP seconds How long.
# TYPE seconds histogram
seconds_bucket{le="+Inf"} 1.0
seconds_count 1.0
seconds_sum 0.5
"""


def test_each_family_is_there_once_with_the_samples_of_all_that_answer() -> None:
    registry = CollectorRegistry()
    registry.register(ProcessesCollector(lambda: {"0": PAGE, "1": "", "2": PAGE}))
    assert generate_latest(registry).decode().splitlines() == [
        "# HELP calls_total Calls.",
        "# TYPE calls_total counter",
        'calls_total{method="a{b",process="0"} 2.0',
        'calls_total{method="a{b",process="2"} 2.0',
        "# HELP seconds How long.",
        "# TYPE seconds histogram",
        'seconds_bucket{le="+Inf",process="0"} 1.0',
        'seconds_count{process="0"} 1.0',
        'seconds_sum{process="0"} 0.5',
        'seconds_bucket{le="+Inf",process="2"} 1.0',
        'seconds_count{process="2"} 1.0',
        'seconds_sum{process="2"} 0.5',
    ]
