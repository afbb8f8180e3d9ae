"""The rules, one row each. deploy/prometheus/rules has the same by the same names, and a few that need a database."""

from collections.abc import Iterable, Mapping, Sequence

from radgate_server.core.alerts.alert import Alert, Severity
from radgate_server.services.alerts.measures import Growth, GrowthShare, Quantile, Share, TimeLeft, Value, series
from radgate_server.services.alerts.rule import Rule, above, below
from radgate_server.settings.alerts import AlertsSettings

_REFUSED = "radgate_pacs_instances_refused_total"
DAY_S = 86_400.0
EVENT_S = 900.0
"""For how long what happened in one moment counts as being so."""


RECENT_S = 300.0
"""For what happens in a row: shares of failures, times that calls take."""
LEAST_CALLS = 20
"""Of fewer calls within RECENT_S nothing is concluded."""

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
"""What nobody is told of while something worse is found that it follows from, and which labels of the two must agree.
deploy/alertmanager/alertmanager.yaml has the same."""


def is_inhibited(alert: Alert, found: Iterable[Alert]) -> bool:
    """Whether the alert follows from another one that is found now."""
    labels = dict(alert.labels)
    return any(
        other.name == cause and all(dict(other.labels).get(theirs) == labels.get(ours) for ours, theirs in same.items())
        for cause, same in INHIBITED_BY.get(alert.name, ())
        for other in found
    )


def longest_window_s() -> float:
    """How far back the rules look."""
    return EVENT_S


def rules_of(settings: AlertsSettings) -> Sequence[Rule]:
    """All of them, group by group."""
    return (
        *_of_pacs(settings),
        *_OF_THE_CACHE,
        *_of_the_disk(settings),
        *_of_certificates(settings),
        *_OF_IDENTITY_PROVIDERS,
        *_OF_THE_AUDIT_TRAIL,
        *_OF_IMAGES,
        *_OF_THE_SERVICE,
    )


def _of_pacs(settings: AlertsSettings) -> tuple[Rule, ...]:
    return (
        Rule(
            "RadgatePacsDown",
            Severity.CRITICAL,
            Value(series("radgate_pacs_up", "tenant", "pacs")),
            below(1),
            settings.pacs_down_for_s,
            "PACS {pacs} of tenant {tenant} does not answer",
            "See that it runs and can be reached: radgate pacs list, then radgate pacs validate.",
            Value(series("radgate_pacs_down", "tenant", "pacs", "reason")),
        ),
        Rule(
            "RadgatePacsBreakerOpen",
            Severity.WARNING,
            Value(series("radgate_pacs_breaker_state", "tenant", "pacs", "operation", state="open|half-open")),
            above(0),
            60,
            "PACS {pacs} of tenant {tenant} fails at {operation} and is asked no more for now",
            "See what the PACS says in the server's log; it is tried again by itself.",
            Growth(
                series("radgate_pacs_calls_total", "tenant", "pacs", "operation", "outcome", outcome="PACS_.+"),
                RECENT_S,
            ),
        ),
        Rule(
            "RadgatePacsFailover",
            Severity.WARNING,
            Growth(series("radgate_pacs_failovers_total", "tenant", "primary", "cause"), EVENT_S),
            above(0),
            0,
            "The work of PACS {primary} of tenant {tenant} went to another one: {cause}",
            "See why: radgate pacs history. It goes back by itself unless an operator chose the backup.",
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
            "RadgateInstanceMismatch",
            Severity.CRITICAL,
            Growth(series(_REFUSED, "tenant", "pacs", reason="INSTANCE_MISMATCH"), EVENT_S),
            above(0),
            0,
            "PACS {pacs} of tenant {tenant} sends other instances than it lists",
            "They are not served. Tell its administrator now: other systems may show the wrong patient."
            " What came: radgate quarantine list.",
        ),
        Rule(
            "RadgateInstanceMalformed",
            Severity.WARNING,
            Growth(series(_REFUSED, "tenant", "pacs", reason="INSTANCE_MALFORMED"), EVENT_S),
            above(0),
            0,
            "PACS {pacs} of tenant {tenant} sends instances that are cut off or no DICOM",
            "They are not served. Its administrator may find a damaged disk or an interrupted import."
            " What came: radgate quarantine list.",
        ),
        Rule(
            "RadgatePatientMismatch",
            Severity.WARNING,
            Growth(series("radgate_pacs_patient_mismatches_total", "tenant", "pacs"), EVENT_S),
            above(0),
            0,
            "PACS {pacs} of tenant {tenant} sends instances that name another patient than it lists",
            "They are served with a warning. Have its administrator say whose they are.",
        ),
    )


def _of_the_disk(settings: AlertsSettings) -> tuple[Rule, ...]:
    free = Share(series("radgate_disk_free_bytes"), series("radgate_disk_total_bytes"))
    return (
        Rule(
            "RadgateDiskFilling",
            Severity.WARNING,
            free,
            below(settings.disk_free_percent / 100),
            60,
            "The disk of data_dir fills up",
            "Make room, or lower cache.warm_bytes: when it is full, the audit trail and thus all service stops.",
        ),
        Rule(
            "RadgateDiskFull",
            Severity.CRITICAL,
            free,
            below(settings.disk_free_percent / 400),
            0,
            "The disk of data_dir is nearly full",
            "Make room now, or radgate cache invalidate: without room for the audit trail nothing is served.",
        ),
    )


def _of_certificates(settings: AlertsSettings) -> tuple[Rule, ...]:
    until = TimeLeft(series("radgate_certificate_expiry_timestamp_seconds", "use", "tenant", "pacs"))
    return (
        Rule(
            "RadgateCertificateExpiring",
            Severity.WARNING,
            until,
            below(settings.certificate_days * DAY_S),
            0,
            "A certificate ({use}) expires soon (tenant {tenant}, PACS {pacs})",
            "Renew it and put it in the place of the old file.",
        ),
        Rule(
            "RadgateCertificateExpired",
            Severity.CRITICAL,
            until,
            below(0),
            0,
            "A certificate ({use}) has expired (tenant {tenant}, PACS {pacs})",
            "Renew it and put it in the place of the old file; until then its connections fail.",
        ),
        Rule(
            "RadgateCertificateUnreadable",
            Severity.WARNING,
            Value(series("radgate_certificate_unreadable", "use", "tenant", "pacs")),
            above(0),
            60,
            "The file of a certificate ({use}) can't be read (tenant {tenant}, PACS {pacs})",
            "See that the file is there, readable for the server, and PEM; radgate pacs list names the PACS.",
        ),
    )


_OF_THE_CACHE: tuple[Rule, ...] = (
    Rule(
        "RadgateCacheFailing",
        Severity.WARNING,
        Growth(series("radgate_cache_failures_total", "tier", "cause"), EVENT_S),
        above(0),
        0,
        "The cache tier {tier} fails: {cause}",
        "See room and health of the disk of data_dir; readers are served from the PACS meanwhile.",
    ),
)

_OF_IDENTITY_PROVIDERS: tuple[Rule, ...] = (
    Rule(
        "RadgateIdentityProviderDown",
        Severity.CRITICAL,
        Value(series("radgate_identity_provider_up", "provider")),
        below(1),
        60,
        "The keys of the identity provider {provider} can't be read: its users can't log in, or soon can't",
        "See that its discovery document answers from this machine; the server's log has the reason.",
    ),
)

_OF_THE_AUDIT_TRAIL: tuple[Rule, ...] = (
    Rule(
        "RadgateAuditFailing",
        Severity.CRITICAL,
        Growth(series("radgate_audit_failures_total"), 300),
        above(0),
        0,
        "Accesses can't be recorded in the audit trail and are refused",
        "See that the database answers and its disk has room; the server's log names the failure.",
    ),
    Rule(
        "RadgateAuditChainBroken",
        Severity.CRITICAL,
        Value(series("radgate_audit_chain_broken", "tenant")),
        above(0),
        0,
        "The audit trail of tenant {tenant} was tampered with, or is damaged",
        "Touch nothing; radgate audit verify names the first broken record. Tell who is responsible for security.",
    ),
    Rule(
        "RadgateAuditIndexWrong",
        Severity.CRITICAL,
        Value(series("radgate_audit_index_differs", "tenant")),
        above(0),
        0,
        "The index of the audit trail of tenant {tenant} differs from its records: searches miss some",
        "radgate audit verify says which records; copy the database first. radgate audit index rebuild makes it again.",
    ),
    Rule(
        "RadgateAuditLagging",
        Severity.WARNING,
        Value(series("radgate_audit_lag_seconds")),
        above(5),
        60,
        "Accesses wait for seconds to be recorded in the audit trail",
        "See how fast the database and its disk write, and who locks it: all calls wait for it.",
    ),
    Rule(
        "RadgateAuditSpooling",
        Severity.WARNING,
        Value(series("radgate_audit_spool_oldest_seconds")),
        above(30),
        30,
        "Records of the audit trail wait on the server's own disk, since their database is away",
        "See that the database answers; the records follow by themselves. Calls of new callers fail meanwhile.",
    ),
    Rule(
        "RadgateAuditSpoolFull",
        Severity.CRITICAL,
        Share(series("radgate_audit_spool_bytes"), series("radgate_audit_spool_limit_bytes")),
        above(0.8),
        0,
        "The audit trail's spool is nearly full; then nothing is served any more",
        "Bring the database back now, or give audit.spool_bytes more room.",
    ),
    Rule(
        "RadgateAuditSpoolDamaged",
        Severity.CRITICAL,
        Value(series("radgate_audit_spool_damaged")),
        above(0),
        0,
        "A part of the audit trail's spool can't be read",
        "Keep the .damaged file in data_dir/audit-spool: records are in it that the trail lacks.",
    ),
    Rule(
        "RadgateAuditExportLagging",
        Severity.WARNING,
        Value(series("radgate_audit_export_lag_seconds", "receiver")),
        above(300),
        60,
        "The audit trail's collector {receiver} lacks records that are minutes old",
        "See the server's log for why it does not take them; they are kept and sent again.",
    ),
)

_OF_IMAGES: tuple[Rule, ...] = (
    Rule(
        "RadgateImageWorkersFailing",
        Severity.WARNING,
        Growth(
            series("radgate_image_workers_ended_total", cause="crashed|timed-out|not-started|broken-answer"),
            EVENT_S,
        ),
        above(2),
        0,
        "Image workers crash or hang",
        "See the server's log for the codec that fails; images that are well are served on.",
    ),
    Rule(
        "RadgateImagesWaiting",
        Severity.WARNING,
        Value(series("radgate_image_oldest_waiting_seconds", priority="interactive")),
        above(5),
        60,
        "Images wait for a worker",
        "Give the server more processors and imaging.workers, or see who asks for so many.",
    ),
)

_FAILURES = "INTERNAL|UNKNOWN|UNAVAILABLE|DATA_LOSS|DEADLINE_EXCEEDED"
_SHORT = ".+/(Search.+|Retrieve(Frames|Metadata|Bulkdata|Rendered|Thumbnail|InstanceThumbnail|WadoUri))"
"""Calls of which each takes a moment; a stream may take as long as its client reads."""

_OF_THE_SERVICE: tuple[Rule, ...] = (
    Rule(
        "RadgateJobsFailing",
        Severity.WARNING,
        Growth(series("radgate_jobs_ended_total", "kind", state="failed"), EVENT_S),
        above(0),
        0,
        "Jobs of the kind {kind} fail",
        "See why: GET /api/v1/jobs has the reason of each.",
    ),
    Rule(
        "RadgateNotReady",
        Severity.CRITICAL,
        Value(series("radgate_health_check", "check")),
        below(1),
        60,
        "The server can't serve: {check}",
        "GET /readyz on the metrics port says what is wrong.",
    ),
    Rule(
        "RadgateErrors",
        Severity.CRITICAL,
        GrowthShare(series("radgate_rpc_total", code=_FAILURES), series("radgate_rpc_total"), RECENT_S, LEAST_CALLS),
        above(0.05),
        120,
        "More than 5 % of the calls fail",
        "See which, by code and method, in radgate_rpc_total; a defect (INTERNAL) is in the log under its request id.",
        Growth(series("radgate_rpc_total", "code", code=_FAILURES), RECENT_S),
    ),
    Rule(
        "RadgateSlow",
        Severity.WARNING,
        Quantile(series("radgate_rpc_seconds_bucket", "method", "le", method=_SHORT), 0.99, RECENT_S, LEAST_CALLS),
        above(5),
        300,
        "One of a hundred calls of {method} takes over 5 seconds",
        "See whether one PACS is slow (radgate pacs list), images wait for workers, or the machine is busy.",
    ),
)
