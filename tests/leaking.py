"""Reports a patient on purpose, in every way, if LEAK says so; test_patient_leaks.py runs it in its own process."""

import logging
import os
from pathlib import Path

from radgate_server.adapters.telemetry import MetricsServer, PrometheusTelemetry
from radgate_server.core.errors import PacsFailedError
from radgate_server.core.pacs.health import ServerHealth
from radgate_server.core.telemetry.tracing import Part, mark
from radgate_server.rpc.errors import failure_of
from tests.recorded_spans import Spans, no_header

NAME = "CompressedSamples^CT1" if os.environ["LEAK"] == "yes" else "nobody"


async def test_reports(tmp_path: Path) -> None:
    logging.getLogger("radgate_server.services.store").error("stored %s", NAME)
    assert failure_of(PacsFailedError(f"no study of {NAME}", pacs="main"))
    telemetry = PrometheusTelemetry()
    telemetry.pacs_health("east", NAME, True)
    await MetricsServer(telemetry.registry, lambda: ServerHealth(True, True, {}), host="127.0.0.1", port=0).close()
    with Part(Spans().recorder(share=1).begin("a/B", no_header)[1]):
        mark("cache", tier=NAME)
    (tmp_path / "serve.log").write_text(NAME)
