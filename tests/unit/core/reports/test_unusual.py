"""What counts as unusual."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from radgate_server.core.audit.search import AuditRecord
from radgate_server.core.reports import unusual
from radgate_server.core.reports.night import Night
from radgate_server.core.reports.spec import Period
from radgate_server.core.reports.unusual import MANY, USUAL, UnusualAccess

BERLIN = ZoneInfo("Europe/Berlin")
SINCE = datetime(2026, 3, 2, tzinfo=BERLIN)  # a Monday
PERIOD = Period(SINCE, SINCE + timedelta(days=7))
NOON = timedelta(hours=12)


def access(time: datetime, user: str = "jane", study: str = "1.2", **fields: Any) -> AuditRecord:
    values: dict[str, Any] = {
        "number": 1,
        "sequence": 1,
        "time": time.astimezone(UTC),
        "principal": user,
        "key_id": "k",
        "role": "viewer",
        "action": "retrieve-frames",
        "outcome": "granted",
        "patient_id": "P-1",
        "study_instance_uid": study,
        "series_instance_uid": "",
        "sop_instance_uid": "",
        "pacs": "",
        "size_bytes": None,
        "address": "",
        "user_agent": "",
        "request_id": "",
        "detail": "",
        "trace_id": "",
        "break_glass": "",
        "same_family_name": False,
        "record_hash": None,
    }
    return AuditRecord(**{**values, **fields})


def day_of(number: int, studies: int, user: str = "jane", patient: str = "P-1") -> list[AuditRecord]:
    """A day's accesses at noon, `number` days after the period begins, each of another study."""
    time = SINCE + timedelta(days=number) + NOON
    return [access(time, user, f"1.{number + 100}.{study}", patient_id=patient) for study in range(studies)]


def found(*records: AuditRecord) -> list[tuple[Any, ...]]:
    """Reason, user, day, patient and number of accesses of each finding."""
    finder = UnusualAccess(PERIOD, BERLIN, Night())
    finder.take(records)
    return [(row[0], row[1], row[3], row[4], row[5]) for row in finder.rows()]


def test_what_is_done_by_day_and_as_always_is_not_reported() -> None:
    days = [record for number in range(-20, 7) for record in day_of(number, 10)]
    assert found(*days) == []


@pytest.mark.parametrize(
    ("hour", "is_reported"), [(22, True), (23, True), (0, True), (5, True), (6, False), (12, False), (21, False)]
)
def test_night_is_that_of_the_tenants_clocks(hour: int, is_reported: bool) -> None:
    time = SINCE + timedelta(days=1, hours=hour, minutes=59)
    assert found(access(time), access(time)) == ([("at night", "jane", "2026-03-03", "P-1", 2)] if is_reported else [])


def test_night_may_lie_within_a_day() -> None:
    assert [hour for hour in range(24) if Night(1, 4).covers(hour)] == [1, 2, 3]


def test_break_glass_is_reported_with_its_reason() -> None:
    finder = UnusualAccess(PERIOD, BERLIN, Night())
    finder.take([access(SINCE + NOON, break_glass="no other doctor is here")])
    assert [(row[0], row[-1]) for row in finder.rows()] == [("break-glass", "by break-glass: no other doctor is here")]


@pytest.mark.parametrize("is_same", [True, False])
def test_the_same_name_is_reported_where_the_record_has_it(is_same: bool) -> None:
    reported = found(access(SINCE + NOON, detail="same name", same_family_name=is_same))
    assert reported == ([("same name", "jane", "2026-03-02", "P-1", 1)] if is_same else [])


def test_a_search_for_the_same_name_is_reported_and_not_its_hour() -> None:
    search = {"action": "query", "study": "", "patient_id": "", "same_family_name": True}
    assert found(access(SINCE, **search)) == [("same name", "jane", "2026-03-02", "", 1)]


def test_an_access_is_reported_by_its_second_record_where_the_first_has_no_mark() -> None:
    unmarked = access(SINCE + NOON, action="retrieve", patient_id="")
    second = access(SINCE + NOON, action="retrieve", outcome="interrupted", same_family_name=True)
    finding = ("same name", "jane", "2026-03-02", "P-1", 1)
    assert found(unmarked, second) == [finding]
    marked = access(SINCE + NOON, action="retrieve", same_family_name=True)
    assert found(marked, second) == [finding]
    assert found(access(SINCE - NOON, outcome="delivered", same_family_name=True)) == []


def test_much_is_more_than_the_users_own_and_others_days() -> None:
    usual = [record for number in range(-5, 0) for record in day_of(number, 10)]
    others = [record for number in range(-5, 0) for record in day_of(number, 10, "joe")]
    much = [("much", "jane", "2026-03-04", "", 31)]
    assert found(*usual, *others, *day_of(2, 31)) == much
    assert found(*usual, *others, *day_of(2, 30)) == []
    busy_others = [record for number in range(-5, 0) for record in day_of(number, 40, "joe")]
    assert found(*usual, *busy_others, *day_of(2, 31)) == []
    assert found(*usual, *day_of(2, 31)) == much


def test_who_is_new_is_compared_with_the_others_alone() -> None:
    others = [record for number in range(-5, 0) for record in day_of(number, 5, "joe")]
    assert found(*others, *day_of(1, MANY + 1)) == [("much", "jane", "2026-03-03", "", MANY + 1)]
    assert found(*others, *day_of(1, MANY)) == []


def test_the_same_study_again_and_again_is_not_much() -> None:
    assert found(*[access(SINCE + NOON)] * 1000) == []


def test_the_days_before_are_looked_at_and_not_reported() -> None:
    finder = UnusualAccess(PERIOD, BERLIN, Night())
    assert finder.usual_since == SINCE - USUAL
    assert found(access(SINCE - timedelta(hours=1)), *day_of(-3, 100)) == []


@pytest.mark.parametrize(
    "fields",
    [{"action": "configure"}, {"outcome": "denied"}, {"outcome": "delivered"}, {"study": "", "patient_id": ""}],
)
def test_what_is_no_access_of_a_patient_is_passed_over(fields: dict[str, Any]) -> None:
    assert found(access(SINCE, **fields)) == []


def test_findings_are_bounded_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unusual, "MAX_FINDINGS", 3)
    finder = UnusualAccess(PERIOD, BERLIN, Night())
    finder.take([access(SINCE, patient_id=f"P-{number % 5}") for number in range(10)])
    assert len(finder.rows()) == 3
    assert finder.left_out == 4
