"""Debian's Alertmanager with the configuration that is delivered, its receivers turned to this machine."""

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from tests.e2e.waiting import wait_for
from tests.integration.ports import free_port

PROGRAM = "/usr/bin/prometheus-alertmanager"
DELIVERED = Path(__file__).parents[2] / "deploy" / "alertmanager"


@dataclass
class Alertmanager:
    """Start it by `with`. `web` is the URL that stands for Slack and PagerDuty, `mail_port` a mail server's."""

    folder: Path
    web: str
    mail_port: int
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def configuration(self) -> dict[str, Any]:
        """What is delivered, with other addresses, files of this folder, and less patience."""
        text = (DELIVERED / "alertmanager.yaml").read_text(encoding="utf-8")
        text = text.replace("/etc/alertmanager/secrets", str(self.folder))
        document: dict[str, Any] = yaml.safe_load(text)
        document["global"].update(
            smtp_smarthost=f"127.0.0.1:{self.mail_port}", smtp_require_tls=False, pagerduty_url=f"{self.web}/pagerduty"
        )
        del document["global"]["smtp_auth_username"], document["global"]["smtp_auth_password_file"]
        document["route"].update(group_wait="1s", group_interval="1s")
        document["templates"] = [str(DELIVERED / "radgate.tmpl")]
        return document

    def fire(self, name: str, severity: str, *, over: bool = False, **labels: str) -> None:
        """Send an alert as Prometheus does."""
        times = {"endsAt": "2026-01-01T00:00:01Z"} if over else {}
        alert = {
            "labels": {"alertname": name, "severity": severity, **labels},
            "annotations": {
                "summary": f"{name} of {labels.get('tenant', 'all')}",
                "description": f"remedy of {name}",
                "runbook_url": f"https://runbook.example/#{name.lower()}",
            },
            "startsAt": "2026-01-01T00:00:00Z",
            **times,
        }
        self._request("/api/v2/alerts", [alert])

    def suppressed(self) -> list[tuple[str, str]]:
        """Name and tenant of the alerts that it notifies nobody of."""
        alerts = json.loads(self._request("/api/v2/alerts"))
        labels = [alert["labels"] for alert in alerts if alert["status"]["state"] == "suppressed"]
        return [(each["alertname"], each.get("tenant", "")) for each in labels]

    def _request(self, path: str, document: Sequence[Mapping[str, Any]] | None = None) -> bytes:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}{path}", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
            return content

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "alertmanager.log").read_text()
        try:
            self._request("/-/ready")
        except OSError:
            return False
        return True

    def __enter__(self) -> Self:
        """Start."""
        (self.folder / "slack_url").write_text(f"{self.web}/slack")
        (self.folder / "pagerduty_key").write_text("routing-key")
        configuration = self.folder / "alertmanager.yaml"
        configuration.write_text(yaml.safe_dump(self.configuration()), encoding="utf-8")
        arguments = [
            f"--config.file={configuration}",
            f"--storage.path={self.folder / 'state'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]
        with (self.folder / "alertmanager.log").open("wb") as log:
            self._process = subprocess.Popen([PROGRAM, *arguments], stdout=log, stderr=subprocess.STDOUT)
        wait_for(self._ready, "Alertmanager is ready", 60)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
