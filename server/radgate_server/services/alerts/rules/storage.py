"""Disk, caches, certificates: what runs out by itself."""

from radgate_server.core.alerts.alert import Severity
from radgate_server.services.alerts.measures import Growth, Share, TimeLeft, Value, above, below, number, series
from radgate_server.services.alerts.rule import Rule
from radgate_server.services.alerts.rules.windows import EVENT_S
from radgate_server.settings.alerts import AlertsSettings

DAY_S = 86_400.0

_FREE = Share(series("radgate_disk_free_bytes"), series("radgate_disk_total_bytes"))
_UNTIL_EXPIRY = TimeLeft(series("radgate_certificate_expiry_timestamp_seconds", "use", "tenant", "pacs"))


def rules(settings: AlertsSettings) -> tuple[Rule, ...]:
    """All of them."""
    return (_CACHE_FAILING, *_disk(settings), _expiring(settings), *_CERTIFICATES)


def _disk(settings: AlertsSettings) -> tuple[Rule, Rule]:
    return (
        Rule(
            "RadgateDiskFilling",
            Severity.WARNING,
            _FREE,
            below(settings.disk_free_percent / 100),
            60,
            "The disk of data_dir{at} fills up",
            "Make room, or lower cache.warm_bytes: when it is full, the audit trail and with it all service stops.",
        ),
        Rule(
            "RadgateDiskFull",
            Severity.CRITICAL,
            _FREE,
            below(settings.disk_free_percent / 400),
            0,
            "The disk of data_dir{at} is nearly full",
            "Make room now, or radgate cache invalidate: without room for the audit trail nothing is served.",
        ),
    )


def _expiring(settings: AlertsSettings) -> Rule:
    return Rule(
        "RadgateCertificateExpiring",
        Severity.WARNING,
        _UNTIL_EXPIRY,
        below(settings.certificate_days * DAY_S),
        0,
        f"A certificate ({{use}}) expires within {number(settings.certificate_days)} days"
        " (tenant {tenant}, PACS {pacs})",
        "Renew it and put it in the place of the old file. Without tenant and PACS it is of the server itself.",
    )


_CACHE_FAILING = Rule(
    "RadgateCacheFailing",
    Severity.WARNING,
    Growth(series("radgate_cache_failures_total", "tier", "cause"), EVENT_S),
    above(0),
    0,
    "The cache tier {tier}{at} fails: {cause}",
    'The disk of data_dir is full or broken ("disk"), or what was cached is damaged ("damaged"). Readers are served'
    " from the PACS meanwhile, more slowly.",
)

_CERTIFICATES = (
    Rule(
        "RadgateCertificateExpired",
        Severity.CRITICAL,
        _UNTIL_EXPIRY,
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
        "The file of a certificate ({use}) cannot be read (tenant {tenant}, PACS {pacs})",
        "See that the file is there, that the server may read it, and that it is PEM.",
    ),
)
