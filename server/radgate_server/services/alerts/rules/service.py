"""The server as a whole: whether it is there, answers, and does so in time."""

from radgate_server.core.alerts.alert import Severity
from radgate_server.services.alerts.measures import Growth, GrowthShare, Quantile, Value, above, below, series
from radgate_server.services.alerts.rule import PrometheusRule, Rule
from radgate_server.services.alerts.rules.windows import RECENT_S

LEAST_CALLS = 20
"""Of fewer calls within RECENT_S nothing is concluded."""

_FAILURES = "INTERNAL|UNKNOWN|UNAVAILABLE|DATA_LOSS|DEADLINE_EXCEEDED"
_SHORT = ".+/(Search.+|Retrieve(Frames|Metadata|Bulkdata|Rendered|Thumbnail|InstanceThumbnail|WadoUri))"
"""Calls of which each takes a moment; a stream may take as long as its client reads."""
_FAILED_NOTICES = 'radgate_alert_notices_total{outcome=~"failed|dropped"}'

RULES = (
    PrometheusRule(
        "RadgateDown",
        Severity.CRITICAL,
        'up{job="radgate"} == 0',
        60,
        "The server{at} does not run",
        "Its metrics port does not answer. See that the process runs and what its last log lines are; Prometheus may"
        " also have lost the way to it.",
        because="a server that does not run notifies nobody",
    ),
    Rule(
        "RadgateNotReady",
        Severity.CRITICAL,
        Value(series("radgate_health_check", "check")),
        below(1),
        60,
        "The server{at} cannot serve: {check}",
        "GET /readyz on its metrics port says what is wrong and what to do.",
    ),
    Rule(
        "RadgateIdentityProviderDown",
        Severity.CRITICAL,
        Value(series("radgate_identity_provider_up", "provider")),
        below(1),
        60,
        "The keys of the identity provider {provider} cannot be read: its users cannot log in, or soon cannot",
        "See that its discovery document answers from the servers; their logs have the reason.",
    ),
    Rule(
        "RadgateWorklistDown",
        Severity.WARNING,
        Value(series("radgate_worklist_up", "worklist")),
        below(1),
        60,
        "The modality worklist {worklist} cannot be read: priors of who is scheduled are not prefetched",
        "The server's log says why. See that it answers at the host and port of prefetch.worklists and knows the AE"
        " titles that are set there.",
    ),
    Rule(
        "RadgateErrors",
        Severity.CRITICAL,
        GrowthShare(series("radgate_rpc_total", code=_FAILURES), series("radgate_rpc_total"), RECENT_S, LEAST_CALLS),
        above(0.05),
        120,
        "More than 5 % of the calls{at} fail",
        "By code and method: radgate_rpc_total, the dashboard Radgate overview. A PACS that is down fails its callers"
        " (see RadgatePacsDown); INTERNAL is a defect, which the log has under the request id.",
        Growth(series("radgate_rpc_total", "code", code=_FAILURES), RECENT_S),
    ),
    Rule(
        "RadgateSlow",
        Severity.WARNING,
        Quantile(series("radgate_rpc_seconds_bucket", "method", "le", method=_SHORT), 0.99, RECENT_S, LEAST_CALLS),
        above(5),
        300,
        "One of a hundred calls of {method} takes over 5 seconds",
        "See whether one PACS is slow (radgate pacs list, the dashboard Radgate PACS), images wait for workers"
        " (RadgateImagesWaiting), or the machine is busy.",
    ),
    PrometheusRule(
        "RadgateNoticesFailing",
        Severity.WARNING,
        f"sum by (receiver, outcome) (increase({_FAILED_NOTICES}[1h])) > 0\n"
        "or\n"
        f"(sum by (receiver, outcome) ({_FAILED_NOTICES})"
        f" unless sum by (receiver, outcome) ({_FAILED_NOTICES} offset 1h)) > 0",
        0,
        "The server's own notices to {receiver} do not arrive: {outcome}",
        "radgate alerts test says what is wrong with each receiver. No alert arrives this way until then.",
        because="the notice would take the way that fails, and each one that fails would prolong the alert",
    ),
)
