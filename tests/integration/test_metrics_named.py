"""Every metric and label that a rule or a dashboard names is one that a running server shows.

A whole server works and fails for a while: a PACS that is not there and its backup, images, a worker that is killed,
damage in the cache, a job, a receiver of alerts that refuses. Then its metrics are compared with what is named.
"""

import asyncio
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydicom.data import get_testdata_file

from radgate.aio import Client
from radgate.errors import RadgateError
from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.telemetry.metrics.catalogue import CATALOGUE
from radgate_server.app import build_app
from radgate_server.core.access.tenancy import Role, Tenant
from radgate_server.core.pacs.connections import DimseConnection, DimseTls, FailoverPolicy, FolderConnection, PacsConfig
from radgate_server.installation.gate import Purpose
from radgate_server.installation.opening import open_installation
from radgate_server.services.access.api_keys import make_key
from radgate_server.settings.alerts import AlertsSettings, SlackReceiver
from radgate_server.settings.audit import AuditSettings
from radgate_server.settings.cache import CacheSettings
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.imaging import ImagingSettings
from radgate_server.settings.pacs import PacsSettings
from radgate_server.settings.prefetch import PrefetchSettings
from radgate_server.settings.settings import Settings
from radgate_server.settings.shared.worklists import WorklistSettings
from tests.integration.certificates import write_certificate
from tests.integration.observability import expressions
from tests.integration.ports import free_port
from tests.integration.promql import ADDED, groupings, selectors
from tests.integration.receivers import WebReceiver, web_receiver
from tests.integration.waiting import until

CT = Path(str(get_testdata_file("CT_small.dcm", download=False)))
GIVE_UP_S = 60
SELDOM = {
    "radgate_audit_export_lag_seconds",
    "radgate_audit_index_differs",
    "radgate_identity_provider_up",
    "radgate_audit_spool_oldest_seconds",
    "radgate_audit_spool_records",
    "radgate_database_errors_total",
    "radgate_dimse_associations_refused_total",
    "radgate_limit_delay_seconds_total",
    "radgate_limit_refusals_total",
    "radgate_limits_shared",
    "radgate_pacs_instances_refused_total",
    "radgate_pacs_patient_mismatches_total",
    "radgate_log_lines_total",
    "radgate_trace_spans_total",
}
"""What needs a setting or a fault that there is none of here; telemetry/test_named_in_deploy.py looks at it."""
RARE = {
    "radgate_image_workers_ended_total",
    "radgate_alert_notices_total",
    "radgate_audit_chain_broken",
    "radgate_worklist_up",
}

type ExposedMetrics = Mapping[str, Mapping[str, frozenset[str]]]
"""What /metrics shows: samples by name, and of each the labels with their values."""


@dataclass
class Server:
    data_dir: Path
    grpc_port: int
    metrics_port: int
    key: str

    def client(self) -> Client:
        return Client(f"127.0.0.1:{self.grpc_port}", self.key, "east")

    def shown(self) -> ExposedMetrics:
        with urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as response:
            text = response.read().decode()
        labels: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found = labels[sample.name]
                for name, value in sample.labels.items():
                    found[name].add(value)
        return {metric: {name: frozenset(values) for name, values in found.items()} for metric, found in labels.items()}

    async def until_shown(self, is_so: Callable[[ExposedMetrics], bool], do: Callable[[], Awaitable[object]]) -> None:
        """Do it again and again until the metrics show it."""
        async with asyncio.timeout(GIVE_UP_S):
            while not is_so(await asyncio.to_thread(self.shown)):
                await do()
                await asyncio.sleep(0.1)


def settings_of(folder: Path, web: WebReceiver) -> Settings:
    ris = WorklistSettings(name="ris", tenant="east", host="127.0.0.1", port=free_port(), called_aet="RIS")
    return Settings(
        data_dir=folder / "data",
        grpc_port=0,
        dicom_port=0,
        metrics_port=0,
        pacs=PacsSettings(probe_interval_s=0.5, probe_timeout_s=30, breaker_failures=2),
        cache=CacheSettings(query_ttl_s=0, hot_instance_bytes=0),
        imaging=ImagingSettings(workers=1),
        gateway=GatewaySettings(enabled=False),
        audit=AuditSettings(check_interval_s=0.5),
        prefetch=PrefetchSettings(worklists=(ris,)),
        alerts=AlertsSettings(
            receivers=(SlackReceiver(kind="slack", name="chat", url=web.url),), interval_s=0.2, pacs_down_for_s=0
        ),
    )


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """Tenant east with the PACS main, which is not there, its backup spare, and the PACS lone, which is not there."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "ct.dcm").write_bytes(CT.read_bytes())
    certificate, _ = write_certificate(tmp_path, "pacs")
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(web_receiver())
        web.statuses = [404] * 100
        settings, clock = settings_of(tmp_path, web), SystemClock()
        async with AsyncExitStack() as setting_up:
            installation = await open_installation(setting_up, settings, clock, purpose=Purpose.BEGIN)
            await installation.directories.tenants.create_tenant(Tenant("east", clock.now()))
            gone = DimseConnection("127.0.0.1", free_port(), "A", "B", tls=DimseTls(str(certificate)))
            policy = FailoverPolicy(threshold=1, failback_after_s=0)
            for config in (
                PacsConfig("east", "main", gone, clock.now(), failover=policy),
                PacsConfig("east", "spare", FolderConnection(str(tmp_path / "images")), clock.now(), backup_for="main"),
                PacsConfig("east", "lone", gone, clock.now()),
            ):
                await installation.directories.pacs.create_pacs(config)
            key, token = make_key(installation.secrets.box, ("east",), Role.OPERATOR, "test", clock.now())
            await installation.directories.keys.create_key(key)
        app = await stack.enter_async_context(build_app(settings))
        yield Server(settings.data_dir, app.grpc_port, app.metrics_port, token)


async def search(client: Client) -> str:
    """The study that the backup has."""
    (study,) = [study async for study in client.search_studies()]
    return str(study.study_instance_uid)


async def retrieve(client: Client, study: str) -> None:
    async for _ in client.retrieve_study(study):
        continue


def kill_the_workers() -> int:
    """How many there were: any thread may have started them, threads and processes may end meanwhile."""
    killed = 0
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            for pid in (task / "children").read_text().split():
                if b"radgate_server.adapters.imaging.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(int(pid), signal.SIGKILL)
                    killed += 1
    return killed


async def work_and_fail(server: Server) -> None:
    """Have everything happen once of which a metric reports."""
    async with server.client() as client:
        study = await search(client)
        await retrieve(client, study)
        await server.until_shown(lambda shown: "radgate_image_jobs_total" in shown, lambda: asyncio.sleep(0))
        for file in (server.data_dir / "warm").rglob("*.p10x"):
            file.write_bytes(bytes(file.stat().st_size))
        await server.until_shown(lambda shown: "radgate_cache_failures_total" in shown, lambda: retrieve(client, study))
        await server.until_shown(
            lambda shown: "open" in shown.get("radgate_pacs_breaker_state", {}).get("state", ()), lambda: search(client)
        )
        with pytest.raises(RadgateError):
            await client.jobs.get("no-such-job")
    await until(lambda: kill_the_workers() > 0)  # while other children end, the kernel may leave some out
    await server.until_shown(
        lambda shown: shown.keys() >= RARE,
        lambda: asyncio.sleep(0),
    )


def missing(where: str, expression: str, shown: ExposedMetrics) -> list[str]:
    """What the expression names and the server does not show."""
    problems = []
    known: set[str] = set(ADDED)
    for metric, matchers in selectors(expression):
        if metric == "up":
            continue
        if metric in SELDOM:
            known |= set(CATALOGUE[metric.removesuffix("_total")].labels)
            continue
        if metric not in shown:
            problems.append(f"{where}: no metric {metric}")
            continue
        known |= shown[metric].keys()
        problems += [
            f"{where}: {metric} has no label {label}"
            for label, _, _ in matchers
            if label not in shown[metric].keys() | ADDED
        ]
        problems += [
            f"{where}: {label} of {metric} is never {value}"
            for label, operator, value in matchers
            if operator == "="
            and "$" not in value
            and label not in ADDED
            and value not in shown[metric].get(label, (value,))
        ]
    return problems + [f"{where}: nothing has the label {label}" for label in groupings(expression) - known]


@pytest.mark.filterwarnings("ignore::radgate.requests.PartialAnswerWarning")
async def test_every_metric_that_is_named_is_one_that_a_server_shows(server: Server) -> None:
    await work_and_fail(server)
    shown = await asyncio.to_thread(server.shown)
    named = list(expressions())
    assert len(named) > 50
    problems = [problem for where, expression in named for problem in missing(where, expression, shown)]
    assert problems == [], "\n".join(problems)
    assert missing("here", 'sum by (nothing) (radgate_pacs_up{color="red"}) or radgate_none', shown) == [
        "here: radgate_pacs_up has no label color",
        "here: no metric radgate_none",
        "here: nothing has the label nothing",
    ]
