"""What is so at this moment, looked at or handed over whenever metrics are read."""

import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from prometheus_client import Metric

from radgate_server.adapters.telemetry.logs.handler import log_counts
from radgate_server.adapters.telemetry.metrics.families import Families
from radgate_server.core.gateway.answers import GatewayAnswers
from radgate_server.core.telemetry.certificates import CertificateUse


class StateMetrics:
    """A collector of prometheus_client. Its attributes are replaced as a whole, since another thread reads them."""

    def __init__(self, families: Families) -> None:
        self._families = families
        self.folder: Path | None = None
        self.certificates: Mapping[CertificateUse, datetime | None] = {}
        self.checks: Mapping[str, bool] = {}
        self.gateway: GatewayAnswers | None = None

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand."""
        yield from self._disk()
        yield from self._certificates()
        written, left_out = log_counts()
        yield self._families.collected("radgate_log_lines", (((level,), count) for level, count in written.items()))
        yield self._families.collected("radgate_log_left_out", [((), left_out)])
        if (gateway := self.gateway) is not None:
            by_class = (((name,), count) for name, count in gateway.by_class.items())
            yield self._families.collected("radgate_gateway_answers", by_class)
            own = (((reason,), count) for reason, count in gateway.own.items())
            yield self._families.collected("radgate_gateway_own_answers", own)
        yield self._families.collected("radgate_health_check", (((name,), well) for name, well in self.checks.items()))

    def _disk(self) -> Iterator[Metric]:
        if self.folder is None:
            return
        try:
            disk = shutil.disk_usage(self.folder)
        except OSError:
            return  # the folder is gone; the audit trail and the caches will say so louder
        yield self._families.collected("radgate_disk_free_bytes", [((), disk.free)])
        yield self._families.collected("radgate_disk_total_bytes", [((), disk.total)])

    def _certificates(self) -> Iterator[Metric]:
        found = {
            (certificate.use.value, certificate.tenant_id, certificate.pacs): expires
            for certificate, expires in self.certificates.items()
        }
        known = ((values, expires.timestamp()) for values, expires in found.items() if expires is not None)
        yield self._families.collected("radgate_certificate_expiry_timestamp_seconds", known, min)
        unreadable = ((values, expires is None) for values, expires in found.items())
        yield self._families.collected("radgate_certificate_unreadable", unreadable, max)
