"""PACS, as the servers that talk to them see them."""

from radgate_server.core.alerts.alert import Severity
from radgate_server.services.alerts.measures import Growth, Value, above, below, series
from radgate_server.services.alerts.rule import Rule
from radgate_server.services.alerts.rules.windows import EVENT_S, RECENT_S
from radgate_server.settings.alerts import AlertsSettings

_REFUSED = "radgate_pacs_instances_refused_total"


def rules(settings: AlertsSettings) -> tuple[Rule, ...]:
    """All of them."""
    return (_down(settings), *_CONNECTION, *_INSTANCES)


def _down(settings: AlertsSettings) -> Rule:
    return Rule(
        "RadgatePacsDown",
        Severity.CRITICAL,
        Value(series("radgate_pacs_up", "tenant", "pacs")),
        below(1),
        settings.pacs_down_for_s,
        "PACS {pacs} of tenant {tenant} does not answer",
        "Its probes fail. See that it runs and can be reached (radgate pacs list, then radgate pacs validate);"
        " if it has a backup, requests go to the backup.",
        Value(series("radgate_pacs_down", "tenant", "pacs", "reason")),
    )


_CONNECTION = (
    Rule(
        "RadgatePacsBreakerOpen",
        Severity.WARNING,
        Value(series("radgate_pacs_breaker_state", "tenant", "pacs", "operation", state="open|half-open")),
        above(0),
        60,
        "PACS {pacs} of tenant {tenant} fails at {operation} and gets no more requests for now",
        "Too many failures in a row opened the circuit breaker. The server's log has the PACS's answers; it is tried"
        " again by itself.",
        Growth(
            series("radgate_pacs_calls_total", "tenant", "pacs", "operation", "outcome", outcome="PACS_.+"), RECENT_S
        ),
    ),
    Rule(
        "RadgatePacsOnBackup",
        Severity.WARNING,
        Value(series("radgate_pacs_on_backup", "tenant", "pacs")),
        above(0),
        EVENT_S,
        "The work of PACS {pacs} of tenant {tenant} is still done by its backup",
        "See why: radgate pacs history. If the primary is well: radgate pacs failback.",
    ),
    Rule(
        "RadgatePacsFailover",
        Severity.WARNING,
        Growth(series("radgate_pacs_failovers_total", "tenant", "primary", "cause"), EVENT_S),
        above(0),
        0,
        "The work of PACS {primary} of tenant {tenant} went to another one: {cause}",
        "See why: radgate pacs history. It goes back by itself when the primary does well, unless an operator chose the"
        " backup.",
    ),
)

_INSTANCES = (
    Rule(
        "RadgateInstanceMismatch",
        Severity.CRITICAL,
        Growth(series(_REFUSED, "tenant", "pacs", reason="INSTANCE_MISMATCH"), EVENT_S),
        above(0),
        0,
        "PACS {pacs} of tenant {tenant} sends other instances than it lists",
        "They are not served. Notify its administrator now: other systems may show the wrong patient. What came:"
        " radgate quarantine list.",
    ),
    Rule(
        "RadgateInstanceMalformed",
        Severity.WARNING,
        Growth(series(_REFUSED, "tenant", "pacs", reason="INSTANCE_MALFORMED"), EVENT_S),
        above(0),
        0,
        "PACS {pacs} of tenant {tenant} sends instances that are cut off or no DICOM",
        "They are not served. Its administrator may find a damaged disk or an interrupted import. What came: radgate"
        " quarantine list.",
    ),
    Rule(
        "RadgatePatientMismatch",
        Severity.WARNING,
        Growth(series("radgate_pacs_patient_mismatches_total", "tenant", "pacs"), EVENT_S),
        above(0),
        0,
        "PACS {pacs} of tenant {tenant} sends instances that name another patient than it lists",
        "They are served with a warning. Ask its administrator whose they are.",
    ),
)
