"""The catalogue is what is shown, and its labels stay bounded whatever comes."""

import inspect
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, get_type_hints

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from radgate_server.adapters.telemetry import AuditMetrics, PrometheusTelemetry
from radgate_server.adapters.telemetry.metrics.catalogue import CATALOGUE
from radgate_server.adapters.telemetry.metrics.families import OTHER, Families
from radgate_server.core.gateway.answers import GatewayAnswers
from radgate_server.core.jobs.job import QueueLoad
from radgate_server.core.telemetry.certificates import CertificateUse, Use
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.core.telemetry.tracing import Part, TraceContext
from tests.unit.adapters.telemetry.metrics.test_audit_metrics import SpoolState, Writing
from tests.unit.core.telemetry.test_tracing import SPAN, TRACE, Recorded

LABELS = {
    "action", "cause", "check", "class", "code", "direction", "kind", "level", "method", "operation", "outcome", "pacs",
    "primary", "priority", "provider", "reason", "receiver", "result", "source", "state", "statement", "tenant", "tier",
    "use", "worklist",
}  # fmt: skip
"""Every label that there is: none is one of a patient, a UID, an address."""


def report_all(telemetry: PrometheusTelemetry, text: Callable[[], str], folder: Path) -> None:
    """Call every method of the port, and watch all that can be watched; each string is one of `text`."""
    values: dict[Any, Callable[[], object]] = {
        str: text,
        int: lambda: 1,
        float: lambda: 0.1,
        bool: lambda: True,
        float | None: lambda: 0.1,
        NoneType: lambda: None,
    }
    for name, method in inspect.getmembers(Telemetry, inspect.isfunction):
        hints = {key: hint for key, hint in get_type_hints(method).items() if key != "return"}
        if (
            set(hints.values()) <= set(values)
            and not name.startswith("_")
            and not name.endswith(("_ended", "_forgotten"))
        ):
            getattr(telemetry, name)(**{key: values[hint]() for key, hint in hints.items()})
    telemetry.certificates({CertificateUse(Use.SCP, "f", text(), text()): datetime.now().astimezone()})
    telemetry.health_checks({"disk": True})
    telemetry.gateway_answers(GatewayAnswers({"2xx": 1}, {"rate-limited": 1}))
    telemetry.job_ended("transcode-study", "failed")
    telemetry.job_notice("sent")
    telemetry.image_worker_ended("crashed")
    telemetry.watch_disk(folder)
    telemetry.watch_cache("hot", lambda: 1, 2)
    telemetry.watch_image_queue("warming", lambda: 1, lambda: 1.0)
    telemetry.watch_image_workers(lambda: 1)
    telemetry.watch_jobs(lambda: QueueLoad(1, 1, 1.0))
    telemetry.watch_database(lambda: (1, 1), 5)


def shown_names(telemetry: PrometheusTelemetry) -> set[str]:
    return {family.name for family in telemetry.registry.collect() if family.name.startswith("radgate_")}


def test_what_is_shown_is_the_catalogue(tmp_path: Path) -> None:
    telemetry = PrometheusTelemetry()
    AuditMetrics(telemetry.families, Writing(spooled=SpoolState(1, 1, 1.0, 1, 0)))
    report_all(telemetry, lambda: "east", tmp_path)
    assert shown_names(telemetry) == set(CATALOGUE)
    shown = {
        family.name: {label for sample in family.samples for label in sample.labels} - {"le"}
        for family in telemetry.registry.collect()
    }
    for metric in CATALOGUE.values():
        assert not shown[metric.name] or shown[metric.name] == set(metric.labels)


def test_every_row_is_well_said() -> None:
    assert {label for metric in CATALOGUE.values() for label in metric.labels} == LABELS
    for metric in CATALOGUE.values():
        assert re.fullmatch(r"radgate(_[a-z]+)+", metric.name)
        assert re.fullmatch(r"[A-Z1`].*\.", metric.meaning)


def test_however_many_tenants_and_pacs_there_are_so_many_are_named(tmp_path: Path) -> None:
    telemetry, limit = PrometheusTelemetry(named=20), 20
    AuditMetrics(telemetry.families, Writing(spooled=SpoolState(1, 1, 1.0, 1, 0)))
    for number in range(200):
        tenant, pacs = f"tenant-{number}", f"pacs-{number}"
        telemetry.pacs_call(tenant, pacs, "find", "ok", 0.1)
        telemetry.pacs_health(tenant, pacs, True)
        telemetry.call_began(tenant, "connection")
        telemetry.rpc_finished("a/B", "OK", 0.1, tenant_id=tenant)
    for family in telemetry.registry.collect():
        for label in ("tenant", "pacs"):
            assert len({sample.labels[label] for sample in family.samples if label in sample.labels}) <= limit + 1
    calls = {
        sample.labels["tenant"]: sample.value
        for family in telemetry.registry.collect()
        for sample in family.samples
        if sample.name == "radgate_tenant_calls"
    }
    assert calls[OTHER] == 180
    assert len(generate_latest(telemetry.registry)) < 100_000


def test_what_is_beyond_the_bound_is_merged_as_it_should_be() -> None:
    families = Families(limit=1)
    samples = [(("scp", "a", "x"), 5.0), (("scp", "b", "y"), 9.0), (("scp", "c", "z"), 7.0)]
    family = families.collected("radgate_certificate_expiry_timestamp_seconds", samples, min)
    assert {sample.labels["tenant"]: sample.value for sample in family.samples} == {"a": 5.0, OTHER: 7.0}


@pytest.mark.parametrize("metric", ["radgate_rpc_seconds", "radgate_pacs_call_seconds", "radgate_image_job_seconds"])
def test_histograms_name_a_trace_as_example(metric: str) -> None:
    telemetry = PrometheusTelemetry()
    with Part(Recorded()):
        telemetry.rpc_finished("a/B", "OK", 0.2)
        telemetry.pacs_call("east", "main", "find", "ok", 0.2)
        telemetry.image_job("render", "warming", "ok", 0.2)
    telemetry.rpc_finished("a/B", "OK", 0.2)
    page = generate_openmetrics(telemetry.registry).decode()
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    examples = [sample.exemplar for sample in samples if sample.name == f"{metric}_bucket" and sample.exemplar]
    assert [(example.labels, example.value) for example in examples] == [({"trace_id": TRACE}, 0.2)]
    assert TraceContext(TRACE, SPAN, True) == Recorded.context


def test_first_byte_and_connections() -> None:
    telemetry = PrometheusTelemetry()
    for connection in ("a", "a", "b"):
        telemetry.call_began("east", connection)
    telemetry.call_ended("east", "b")
    telemetry.rpc_finished("x/RetrieveStudy", "OK", 3.0, tenant_id="east", first_byte_s=0.03)
    page = generate_latest(telemetry.registry).decode()
    assert 'radgate_tenant_calls{tenant="east"} 2.0' in page
    assert 'radgate_tenant_connections{tenant="east"} 1.0' in page
    assert 'radgate_tenant_rpc_total{code="OK",tenant="east"} 1.0' in page
    assert 'radgate_rpc_first_byte_seconds_bucket{le="0.05",method="x/RetrieveStudy"} 1.0' in page
