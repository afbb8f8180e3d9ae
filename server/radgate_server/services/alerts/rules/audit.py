"""The audit trail: without it nothing is served."""

from radgate_server.core.alerts.alert import Severity
from radgate_server.services.alerts.measures import Growth, Share, Value, above, series
from radgate_server.services.alerts.rule import PrometheusRule, Rule
from radgate_server.services.alerts.rules.windows import RECENT_S

_TRAIL = (
    Rule(
        "RadgateAuditFailing",
        Severity.CRITICAL,
        Growth(series("radgate_audit_failures_total"), RECENT_S),
        above(0),
        0,
        "Accesses{at} cannot be recorded in the audit trail and are refused",
        "See that the database answers and its disk has room; the server's log names the failure.",
    ),
    Rule(
        "RadgateAuditChainBroken",
        Severity.CRITICAL,
        Value(series("radgate_audit_chain_broken", "tenant")),
        above(0),
        0,
        "The audit trail of tenant {tenant} was tampered with, or is damaged",
        "radgate audit verify names the first broken record. Touch nothing: copy the database and the checkpoints that"
        " others keep, and notify whoever is responsible for security.",
    ),
    Rule(
        "RadgateAuditIndexWrong",
        Severity.CRITICAL,
        Value(series("radgate_audit_index_differs", "tenant")),
        above(0),
        0,
        "The index of the audit trail of tenant {tenant} differs from its records: searches miss some",
        "radgate audit verify says which records. Somebody may have removed entries: copy the database first. radgate"
        " audit index rebuild makes the index again.",
    ),
    Rule(
        "RadgateAuditLagging",
        Severity.WARNING,
        Value(series("radgate_audit_lag_seconds")),
        above(5),
        60,
        "Accesses{at} wait for seconds to be recorded in the audit trail",
        "Nothing is served before it is recorded, so all calls wait. See how fast the database and its disk write, and"
        " who locks it.",
    ),
)

_SPOOL = (
    Rule(
        "RadgateAuditSpooling",
        Severity.WARNING,
        Value(series("radgate_audit_spool_oldest_seconds")),
        above(30),
        30,
        "Records of the audit trail wait on the disk of the server{at}, since their database is away",
        "See that the database answers; the records follow by themselves. Calls of new callers fail meanwhile.",
    ),
    Rule(
        "RadgateAuditSpoolFull",
        Severity.CRITICAL,
        Share(series("radgate_audit_spool_bytes"), series("radgate_audit_spool_limit_bytes")),
        above(0.8),
        0,
        "The audit trail's spool{at} is nearly full; then nothing is served any more",
        "Bring the database back now, or give audit.spool_bytes more room.",
    ),
    Rule(
        "RadgateAuditSpoolDamaged",
        Severity.CRITICAL,
        Value(series("radgate_audit_spool_damaged")),
        above(0),
        0,
        "A part of the audit trail's spool{at} cannot be read",
        "Keep the .damaged file in data_dir/audit-spool: records are in it that the trail lacks.",
    ),
)

_FOLLOWERS = (
    Rule(
        "RadgateAuditExportLagging",
        Severity.WARNING,
        Value(series("radgate_audit_export_lag_seconds", "receiver")),
        above(300),
        60,
        "The audit trail's collector {receiver} lacks records that are minutes old",
        "See the server's log for why it does not take them; they are retained and sent again.",
    ),
    PrometheusRule(
        "RadgateAuditUnchecked",
        Severity.WARNING,
        "time() - (radgate_audit_check_timestamp_seconds > process_start_time_seconds"
        ' or process_start_time_seconds{job="radgate"}) > 900',
        300,
        "The audit trail is no longer checked and signed{at}",
        "Checks and checkpoints come every audit.check_interval_s. See the server's log for: the audit trail can't be"
        " checked.",
        because="before the first check it counts from the start of the process, which no measure of the server knows",
    ),
)

RULES = (*_TRAIL, *_SPOOL, *_FOLLOWERS)
