"""Which alerts follow from others, and are withheld while those are found."""

from collections.abc import Iterable, Mapping

from radgate_server.core.alerts.alert import Alert

INHIBITED_BY: Mapping[str, tuple[tuple[str, Mapping[str, str]], ...]] = {
    "RadgatePacsBreakerOpen": (("RadgatePacsDown", {"tenant": "tenant", "pacs": "pacs"}),),
    "RadgatePacsOnBackup": (("RadgatePacsDown", {"tenant": "tenant", "pacs": "pacs"}),),
    "RadgateErrors": (("RadgatePacsDown", {}), ("RadgateNotReady", {})),
    "RadgateAuditFailing": (("RadgateNotReady", {}),),
    "RadgateAuditSpooling": (("RadgateNotReady", {}),),
    "RadgateDiskFilling": (("RadgateDiskFull", {}),),
    "RadgateCacheFailing": (("RadgateDiskFull", {}),),
    "RadgateCertificateExpiring": (("RadgateCertificateExpired", {"use": "use", "tenant": "tenant", "pacs": "pacs"}),),
}
"""Which alerts are withheld while something worse is found that they follow from, and which labels must agree.
deploy/alertmanager/alertmanager.yaml has the same."""


def is_inhibited(alert: Alert, found: Iterable[Alert]) -> bool:
    """Whether the alert follows from another one that is found now."""
    labels = dict(alert.labels)
    return any(
        other.name == cause and all(dict(other.labels).get(theirs) == labels.get(ours) for ours, theirs in same.items())
        for cause, same in INHIBITED_BY.get(alert.name, ())
        for other in found
    )
