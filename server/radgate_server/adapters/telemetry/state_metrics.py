"""What is so at this moment, looked at or handed over whenever metrics are read."""

import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from radgate_server.core.certificates import CertificateUse

_CERTIFICATE_LABELS = ("use", "tenant", "pacs")


class StateMetrics:
    """A collector of prometheus_client. Its attributes are replaced as a whole, since another thread reads them."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.certificates: Mapping[CertificateUse, datetime | None] = {}
        self.checks: Mapping[str, bool] = {}

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand."""
        yield from self._disk()
        yield from self._certificates()
        checks = GaugeMetricFamily(
            "radgate_health_check", "Whether a part that serving needs does its work.", labels=("check",)
        )
        for check, well in self.checks.items():
            checks.add_metric((check,), well)
        yield checks

    def _disk(self) -> Iterator[Metric]:
        if self.folder is None:
            return
        try:
            disk = shutil.disk_usage(self.folder)
        except OSError:
            return  # the folder is gone; the audit trail and the caches will say so louder
        yield GaugeMetricFamily("radgate_disk_free_bytes", "Room on the disk of data_dir.", value=disk.free)
        yield GaugeMetricFamily("radgate_disk_total_bytes", "Size of the disk of data_dir.", value=disk.total)

    def _certificates(self) -> Iterator[Metric]:
        expiry = GaugeMetricFamily(
            "radgate_certificate_expiry_timestamp_seconds",
            "Until when a configured certificate is good, in Unix time.",
            labels=_CERTIFICATE_LABELS,
        )
        unreadable = GaugeMetricFamily(
            "radgate_certificate_unreadable",
            "1 when the file of a configured certificate can't be read.",
            labels=_CERTIFICATE_LABELS,
        )
        for certificate, expires in self.certificates.items():
            labels = (certificate.use.value, certificate.tenant_id, certificate.pacs)
            unreadable.add_metric(labels, expires is None)
            if expires is not None:
                expiry.add_metric(labels, expires.timestamp())
        yield expiry
        yield unreadable
