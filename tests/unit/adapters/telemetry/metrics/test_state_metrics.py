from datetime import UTC, datetime
from pathlib import Path

from radgate_server.adapters.telemetry import PrometheusTelemetry, RegistrySamples
from radgate_server.core.alerts.alert import Sample
from radgate_server.core.telemetry.certificates import CertificateUse, Use
from radgate_server.core.telemetry.ports import Telemetry
from tests.unit.adapters.telemetry.metrics.test_metrics import shown

EXPIRES = datetime(2027, 1, 1, tzinfo=UTC)


def test_the_room_on_the_disk_is_asked_when_shown(tmp_path: Path) -> None:
    telemetry = PrometheusTelemetry()
    telemetry.watch_disk(tmp_path)
    metrics = shown(telemetry)
    assert 0 <= metrics["radgate_disk_free_bytes"] <= metrics["radgate_disk_total_bytes"]


def test_a_folder_that_is_gone_hides_no_other_metrics(tmp_path: Path) -> None:
    telemetry = PrometheusTelemetry()
    telemetry.watch_disk(tmp_path / "gone")
    metrics = shown(telemetry)
    assert "radgate_disk_free_bytes" not in metrics
    assert metrics["radgate_audit_failures_total"] == 0


def test_certificates_that_are_in_use_and_no_others() -> None:
    telemetry = PrometheusTelemetry()
    port: Telemetry = telemetry
    port.certificates({CertificateUse(Use.SCP, "old.pem"): EXPIRES})
    port.certificates(
        {
            CertificateUse(Use.PACS_CLIENT, "/keys/c.pem", "east", "main"): EXPIRES,
            CertificateUse(Use.PACS_AUTHORITIES, "/keys/ca.pem", "east", "main"): None,
        }
    )
    metrics = {name: value for name, value in shown(telemetry).items() if "certificate" in name}
    assert metrics == {
        'radgate_certificate_expiry_timestamp_seconds{pacs="main",tenant="east",use="pacs-client"}': (
            EXPIRES.timestamp()
        ),
        'radgate_certificate_unreadable{pacs="main",tenant="east",use="pacs-client"}': 0,
        'radgate_certificate_unreadable{pacs="main",tenant="east",use="pacs-authorities"}': 1,
    }


def test_what_serving_needs_and_what_has_failed() -> None:
    telemetry = PrometheusTelemetry()
    port: Telemetry = telemetry
    port.health_checks({"database": True, "disk": False})
    port.audit_failed()
    port.cache_failed("warm", "disk")
    port.job_ended("transcode-study", "failed")
    port.alert_notice("mail", "sent")
    metrics = shown(telemetry)
    assert metrics['radgate_health_check{check="database"}'] == 1
    assert metrics['radgate_health_check{check="disk"}'] == 0
    assert metrics["radgate_audit_failures_total"] == 1
    assert metrics['radgate_cache_failures_total{cause="disk",tier="warm"}'] == 1
    assert metrics['radgate_jobs_ended_total{kind="transcode-study",state="failed"}'] == 1
    assert metrics['radgate_jobs_ended_total{kind="make-thumbnails",state="failed"}'] == 0
    assert metrics['radgate_alert_notices_total{outcome="sent",receiver="mail"}'] == 1


def test_a_pacs_that_is_probed_no_more_is_shown_no_more() -> None:
    telemetry = PrometheusTelemetry()
    port: Telemetry = telemetry
    port.pacs_health("east", "main", False)
    port.pacs_forgotten("east", "main")
    port.pacs_forgotten("east", "never-probed")
    assert 'radgate_pacs_up{pacs="main",tenant="east"}' not in shown(telemetry)


def test_the_alerts_see_the_same_numbers() -> None:
    telemetry = PrometheusTelemetry()
    telemetry.pacs_health("east", "main", False)
    telemetry.audit_failed()
    samples = RegistrySamples(telemetry.registry).samples({"radgate_pacs_up", "radgate_audit_failures_total"})
    assert set(samples) == {
        Sample("radgate_pacs_up", (("tenant", "east"), ("pacs", "main")), 0.0),
        Sample("radgate_audit_failures_total", (), 1.0),
    }
