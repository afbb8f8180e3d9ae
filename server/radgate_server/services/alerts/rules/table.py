"""All rules. The server's own notifier looks by them, and deploy/prometheus/rules is made of them."""

from collections.abc import Mapping, Sequence

from radgate_server.services.alerts.rule import PrometheusRule, Rule
from radgate_server.services.alerts.rules import audit, images, pacs, service, storage
from radgate_server.settings.alerts import AlertsSettings


def groups_of(settings: AlertsSettings) -> Mapping[str, Sequence[Rule | PrometheusRule]]:
    """All of them, by the names of the files for Prometheus."""
    return {
        "pacs": pacs.rules(settings),
        "service": service.RULES,
        "storage": storage.rules(settings),
        "images": images.RULES,
        "audit": audit.RULES,
    }


def rules_of(settings: AlertsSettings) -> Sequence[Rule]:
    """Those that the server looks by itself."""
    return tuple(rule for group in groups_of(settings).values() for rule in group if isinstance(rule, Rule))
