"""Every rule has a case in which it finds something, and one in which it does not."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from radgate_server.core.alerts.alert import Alert, Sample, Severity
from radgate_server.services.alerts.inhibition import is_inhibited
from radgate_server.services.alerts.measures import Reading, Readings
from radgate_server.services.alerts.rules.storage import DAY_S
from radgate_server.services.alerts.rules.table import rules_of
from radgate_server.settings.alerts import AlertsSettings

UNIX_S = 1_800_000_000.0
EAST = (("tenant", "east"), ("pacs", "main"))
USE = (("use", "scp"), ("tenant", ""), ("pacs", ""))

type Row = tuple[str, tuple[tuple[str, str], ...], float]


def disk(free: float) -> list[Row]:
    return [("radgate_disk_free_bytes", (), free), ("radgate_disk_total_bytes", (), 1000)]


def breaker(state: str) -> list[Row]:
    labels = (*EAST, ("operation", "find"))
    return [
        ("radgate_pacs_breaker_state", (*labels, ("state", each)), float(each == state))
        for each in ("closed", "open", "half-open")
    ]


def expiry(days: float) -> list[Row]:
    return [("radgate_certificate_expiry_timestamp_seconds", USE, UNIX_S + days * DAY_S)]


def counted(metric: str, count: float, *labels: tuple[str, str]) -> list[Row]:
    return [(metric, labels, count)]


def calls(**codes: float) -> list[Row]:
    return [("radgate_rpc_total", (("method", "/x/Y"), ("code", code)), count) for code, count in codes.items()]


def times(*, within_5_s: float, longer: float, method: str = "/radgate.v1.QueryService/SearchStudies") -> list[Row]:
    counts = {"0.1": within_5_s / 2, "5.0": within_5_s, "10.0": within_5_s + longer, "+Inf": within_5_s + longer}
    return [("radgate_rpc_seconds_bucket", (("method", method), ("le", le)), each) for le, each in counts.items()]


def refused(reason: str) -> list[Row]:
    return counted("radgate_pacs_instances_refused_total", 1, *EAST, ("reason", reason))


FAILOVERS = (("tenant", "east"), ("primary", "main"), ("cause", "automatic-failover"))
WARM = (("tier", "warm"), ("cause", "disk"))
FAILED = (("kind", "transcode-study"), ("state", "failed"))

# rule: samples of a bad moment, samples of a good one
CASES: dict[str, tuple[list[Row], list[Row]]] = {
    "RadgatePacsDown": ([("radgate_pacs_up", EAST, 0)], [("radgate_pacs_up", EAST, 1)]),
    "RadgatePacsBreakerOpen": (breaker("open"), breaker("closed")),
    "RadgatePacsFailover": (counted("radgate_pacs_failovers_total", 1, *FAILOVERS), []),
    "RadgatePacsOnBackup": ([("radgate_pacs_on_backup", EAST, 1)], [("radgate_pacs_on_backup", EAST, 0)]),
    "RadgateInstanceMismatch": (
        refused("INSTANCE_MISMATCH"),
        [],
    ),
    "RadgateInstanceMalformed": (
        refused("INSTANCE_MALFORMED"),
        [],
    ),
    "RadgatePatientMismatch": (counted("radgate_pacs_patient_mismatches_total", 1, *EAST), []),
    "RadgateCacheFailing": (counted("radgate_cache_failures_total", 1, *WARM), []),
    "RadgateDiskFilling": (disk(99), disk(101)),
    "RadgateDiskFull": (disk(24), disk(26)),
    "RadgateCertificateExpiring": (expiry(29), expiry(31)),
    "RadgateCertificateExpired": (expiry(-1), expiry(1)),
    "RadgateCertificateUnreadable": (
        [("radgate_certificate_unreadable", USE, 1)],
        [("radgate_certificate_unreadable", USE, 0)],
    ),
    "RadgateIdentityProviderDown": (
        [("radgate_identity_provider_up", (("provider", "sso"),), 0)],
        [("radgate_identity_provider_up", (("provider", "sso"),), 1)],
    ),
    "RadgateWorklistDown": (
        [("radgate_worklist_up", (("worklist", "ris"),), 0)],
        [("radgate_worklist_up", (("worklist", "ris"),), 1)],
    ),
    "RadgateAuditFailing": (
        counted("radgate_audit_failures_total", 1),
        counted("radgate_audit_failures_total", 0),
    ),
    "RadgateAuditChainBroken": (
        [("radgate_audit_chain_broken", (("tenant", "east"),), 1)],
        [("radgate_audit_chain_broken", (("tenant", "east"),), 0)],
    ),
    "RadgateAuditIndexWrong": (
        [("radgate_audit_index_differs", (("tenant", "east"),), 1)],
        [("radgate_audit_index_differs", (("tenant", "east"),), 0)],
    ),
    "RadgateAuditLagging": ([("radgate_audit_lag_seconds", (), 6)], [("radgate_audit_lag_seconds", (), 0.01)]),
    "RadgateAuditSpooling": (
        [("radgate_audit_spool_oldest_seconds", (), 31)],
        [("radgate_audit_spool_oldest_seconds", (), 1)],
    ),
    "RadgateAuditSpoolFull": (
        [("radgate_audit_spool_bytes", (), 900), ("radgate_audit_spool_limit_bytes", (), 1000)],
        [("radgate_audit_spool_bytes", (), 700), ("radgate_audit_spool_limit_bytes", (), 1000)],
    ),
    "RadgateAuditSpoolDamaged": ([("radgate_audit_spool_damaged", (), 1)], [("radgate_audit_spool_damaged", (), 0)]),
    "RadgateAuditExportLagging": (
        [("radgate_audit_export_lag_seconds", (("receiver", "arr"),), 301)],
        [("radgate_audit_export_lag_seconds", (("receiver", "arr"),), 2)],
    ),
    "RadgateImageWorkersFailing": (
        counted("radgate_image_workers_ended_total", 3, ("cause", "crashed")),
        counted("radgate_image_workers_ended_total", 30, ("cause", "recycled")),
    ),
    "RadgateImagesWaiting": (
        [("radgate_image_oldest_waiting_seconds", (("priority", "interactive"),), 6)],
        [("radgate_image_oldest_waiting_seconds", (("priority", "warming"),), 600)],
    ),
    "RadgateJobsFailing": (
        counted("radgate_jobs_ended_total", 1, *FAILED),
        counted("radgate_jobs_ended_total", 9, ("kind", "transcode-study"), ("state", "succeeded")),
    ),
    "RadgateNotReady": (
        [("radgate_health_check", (("check", "database"),), 0)],
        [("radgate_health_check", (("check", "database"),), 1)],
    ),
    "RadgateErrors": (calls(OK=90, UNAVAILABLE=6, INTERNAL=4), calls(OK=96, UNAVAILABLE=4, NOT_FOUND=50)),
    "RadgateSlow": (times(within_5_s=98, longer=2), times(within_5_s=99, longer=1)),
}


def find(name: str, rows: Sequence[Row]) -> list[Alert]:
    samples = [Sample(*row) for row in rows]
    readings = Readings(Reading(60, UNIX_S, samples), (Reading(0, UNIX_S - 60, []),))
    (rule,) = (rule for rule in rules_of(AlertsSettings()) if rule.name == name)
    return list(rule.find(readings))


def test_every_rule_has_its_cases() -> None:
    assert sorted(CASES) == sorted(rule.name for rule in rules_of(AlertsSettings()))


@pytest.mark.parametrize("name", CASES)
def test_finds_what_is_wrong_and_nothing_else(name: str) -> None:
    bad, good = CASES[name]
    (alert,) = find(name, bad)
    assert alert.name == name
    assert "{" not in alert.summary
    assert alert.remedy.endswith(".")
    assert alert.runbook_url.endswith(f"#{name.lower()}")
    assert find(name, good) == []


def test_says_what_it_is_about() -> None:
    (alert,) = find("RadgatePacsDown", [("radgate_pacs_up", EAST, 0), ("radgate_pacs_up", (EAST[0], ("pacs", "x")), 1)])
    assert alert.summary == "PACS main of tenant east does not answer"
    assert alert.severity is Severity.CRITICAL
    assert alert.key == "RadgatePacsDown/tenant=east/pacs=main"


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("RadgateErrors", calls(OK=9, INTERNAL=9)),
        ("RadgateSlow", times(within_5_s=9, longer=9)),
        ("RadgateSlow", times(within_5_s=50, longer=50, method="/radgate.v1.RetrieveService/RetrieveStudy")),
    ],
)
def test_of_few_calls_and_of_streams_nothing_is_concluded(name: str, rows: list[Row]) -> None:
    assert find(name, rows) == []


def test_says_why() -> None:
    down = [("radgate_pacs_up", EAST, 0.0), ("radgate_pacs_down", (*EAST, ("reason", "PACS_REJECTED")), 1.0)]
    former = [("radgate_pacs_down", (*EAST, ("reason", "PACS_TIMEOUT")), 0.0)]
    other = [("radgate_pacs_down", (EAST[0], ("pacs", "x"), ("reason", "PACS_ABORTED")), 1.0)]
    assert [alert.reason for alert in find("RadgatePacsDown", [*down, *former, *other])] == ["PACS_REJECTED"]
    outcomes = {"ok": 90, "PACS_TIMEOUT": 3, "PACS_FAILED": 7}
    asked = [
        ("radgate_pacs_calls_total", (*EAST, ("operation", "find"), ("outcome", outcome)), float(count))
        for outcome, count in outcomes.items()
    ]
    assert [alert.reason for alert in find("RadgatePacsBreakerOpen", [*breaker("open"), *asked])] == ["PACS_FAILED"]
    assert [alert.reason for alert in find("RadgateErrors", CASES["RadgateErrors"][0])] == ["UNAVAILABLE"]


def test_what_follows_from_something_worse_is_inhibited() -> None:
    (down,) = find("RadgatePacsDown", CASES["RadgatePacsDown"][0])
    (opened,) = find("RadgatePacsBreakerOpen", CASES["RadgatePacsBreakerOpen"][0])
    (errors,) = find("RadgateErrors", CASES["RadgateErrors"][0])
    elsewhere = replace(down, labels=(EAST[0], ("pacs", "other")))
    assert is_inhibited(opened, [down, opened])
    assert not is_inhibited(opened, [elsewhere, opened])
    assert is_inhibited(errors, [errors, elsewhere])
    assert not is_inhibited(down, [down, opened, errors])


def test_bounds_come_from_the_settings() -> None:
    settings = AlertsSettings(disk_free_percent=50, certificate_days=5, pacs_down_for_s=7)
    rules = {rule.name: rule for rule in rules_of(settings)}
    assert rules["RadgateDiskFilling"].bad(0.49)
    assert not rules["RadgateDiskFilling"].bad(0.51)
    assert not rules["RadgateCertificateExpiring"].bad(6 * DAY_S)
    assert rules["RadgatePacsDown"].for_s == 7
