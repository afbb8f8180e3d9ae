from radgate_server.adapters.telemetry import PrometheusTelemetry
from radgate_server.core.telemetry.ports import Telemetry
from tests.unit.adapters.telemetry.metrics.test_metrics import shown


def test_jobs_of_image_workers() -> None:
    telemetry = PrometheusTelemetry()
    port: Telemetry = telemetry
    port.image_job("render", "interactive", "ok", 0.004)
    port.image_job("render", "warming", "CodecFailedError", 61)
    metrics = shown(telemetry)
    assert metrics['radgate_image_jobs_total{operation="render",outcome="ok"}'] == 1
    assert metrics['radgate_image_jobs_total{operation="render",outcome="CodecFailedError"}'] == 1
    labels = 'operation="render",priority="interactive"'
    assert metrics[f'radgate_image_job_seconds_bucket{{le="0.005",{labels}}}'] == 1
    assert metrics[f"radgate_image_job_seconds_sum{{{labels}}}"] == 0.004


def test_why_image_workers_ended() -> None:
    telemetry = PrometheusTelemetry()
    for cause in ("crashed", "recycled", "crashed"):
        telemetry.image_worker_ended(cause)
    assert shown(telemetry)['radgate_image_workers_ended_total{cause="crashed"}'] == 2


def test_what_waits_for_an_image_worker_is_asked_when_shown() -> None:
    telemetry = PrometheusTelemetry()
    telemetry.watch_image_queue("warming", lambda: 7, lambda: 1.5)
    metrics = shown(telemetry)
    assert metrics['radgate_image_jobs_waiting{priority="warming"}'] == 7
    assert metrics['radgate_image_oldest_waiting_seconds{priority="warming"}'] == 1.5
