"""Restricted callers: what is found, what is read, what is asked of the PACS for that, and what is written down."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from radgate_server.core.access.restriction import RestrictedPatient, StudyRestriction, make_restriction
from radgate_server.core.access.tenancy import Caller, Principal, Role
from radgate_server.core.audit.record import AuditAction, AuditOutcome
from radgate_server.core.dicom.data_sets import first_value
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.errors import GatewayError, ObjectNotFoundError, PacsUnreachableError
from radgate_server.core.query.model import FindResult, MatchingKey, Query
from radgate_server.services.access.caller_search import CallerSearch
from radgate_server.services.access.restrictions import NOT_THERE, OUTSIDE, LoneInstance, Restrictions
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.query.fan_out import AskLimits
from radgate_server.services.query.search import RESULTS_WITHHELD, Page, QueryService, RememberLimits
from radgate_server.services.query.study_facts import StudyFactsReader
from radgate_server.services.retrieve.instance_locator import InstanceLocator
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.clock import FakeClock
from tests.fakes.instances import make_instance
from tests.fakes.memories import memories
from tests.fakes.memory_pacs import MemoryPacs
from tests.unit.services.query.test_query import connect

INSIDE, OTHER, NEVER = "2.25.1", "2.25.2", "2.25.9"
MINE = make_restriction(patients=[RestrictedPatient("P-1")])
ALL = Page(0, 100)
DOWN = PacsUnreachableError("no connection", pacs="far")


def instance(study: str, patient: str = "P-1", **attributes: Any) -> bytes:
    return make_instance(study, f"{study}.1", f"{study}.1.1", PatientID=patient, **attributes)


class ForgetfulPacs(MemoryPacs):
    """Leaves attributes out of its answers, and heeds no keys but UIDs."""

    left_out: tuple[str, ...] = ()

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        asked = Query(query.level, tuple(key for key in query.keys if key.path[0][:4] == "0020"), query.include)
        found = await super().find(asked, max_results=max_results)
        return FindResult(
            tuple({tag: value for tag, value in match.items() if tag not in self.left_out} for match in found.matches)
        )


class Rig:
    """The use cases over some PACS, and one caller."""

    def __init__(self, pacs: Sequence[MemoryPacs], restriction: StudyRestriction | None) -> None:
        self.pacs = pacs
        self.clock, self.audit = FakeClock(), RecordingAuditSink()
        self.caller = Caller(
            Principal("k1", ("east",), Role.VIEWER, restriction=restriction), "east", "10.0.0.1", "test", "r1"
        )

    async def open(self) -> "Rig":
        clients, limits = await connect(*self.pacs), AskLimits(100, 60)
        self.facts = StudyFactsReader(clients, limits, ttl_s=60, clock=self.clock)
        places = InstanceLocator(clients, deadline_s=60)
        self.doubts, _ = memories()
        auditor = Auditor(self.audit, self.clock)
        self.restrictions = Restrictions(self.facts, places, auditor, self.clock, self.doubts)
        self.search = CallerSearch(QueryService(clients, limits, RememberLimits(5, 300), self.clock), self.restrictions)
        return self

    async def found(self, level: QueryLevel, study: str = "", page: Page = ALL) -> list[str]:
        keys = (MatchingKey(("0020000D",), study),) if study else ()
        answer = await self.search.search(self.caller, Query(level, keys), page)
        return sorted(first_value(match.attributes, "0020000D") for match in answer.matches)

    async def require(self, study: str) -> None:
        restriction = self.caller.principal.restriction
        assert restriction
        await self.restrictions.require(self.caller, restriction, RetrieveScope(study), "Service/Method")

    def finds(self) -> int:
        return sum(one.calls["find"] for one in self.pacs)


async def rig(*pacs: MemoryPacs, restriction: StudyRestriction | None = MINE) -> Rig:
    return await Rig(pacs, restriction).open()


def two_patients() -> MemoryPacs:
    return MemoryPacs([instance(INSIDE), instance(OTHER, "P-2")], "near")


@pytest.mark.parametrize("level", QueryLevel)
async def test_a_search_finds_what_lies_within(level: QueryLevel) -> None:
    assert await (await rig(two_patients())).found(level) == [INSIDE]
    assert await (await rig(two_patients(), restriction=None)).found(level) == [INSIDE, OTHER]


@pytest.mark.parametrize("level", QueryLevel)
async def test_a_study_outside_is_found_no_more_than_one_that_is_not_there(level: QueryLevel) -> None:
    for study in (OTHER, NEVER):
        pacs = two_patients()
        restricted = await rig(pacs)
        assert await restricted.found(level, study) == []
        assert {query.level for query in pacs.queries} <= {QueryLevel.STUDY, QueryLevel.SERIES}
        assert restricted.finds() == (1 if level is QueryLevel.STUDY else 2)


async def test_the_pacs_are_asked_for_what_lies_within_and_not_believed() -> None:
    careless = ForgetfulPacs([instance(INSIDE), instance(OTHER, "P-2")], "near")
    restricted = await rig(careless)
    page = await restricted.search.search(restricted.caller, Query(QueryLevel.STUDY), Page(0, 10))
    assert [first_value(match.attributes, "0020000D") for match in page.matches] == [INSIDE]
    assert RESULTS_WITHHELD not in {warning.reason for warning in page.warnings}
    near = two_patients()
    await (await rig(near)).found(QueryLevel.STUDY)
    assert near.queries[0].value_of("00100020") == "P-1"


async def test_modalities_that_a_pacs_does_not_report_are_looked_up_in_the_series() -> None:
    pacs = ForgetfulPacs([instance(INSIDE, Modality="MR"), instance(OTHER)], "near")
    pacs.left_out = ("00080061",)
    restricted = await rig(pacs, restriction=make_restriction(modalities=["MR"]))
    assert await restricted.found(QueryLevel.STUDY) == [INSIDE]
    await restricted.require(INSIDE)


async def test_what_a_pacs_does_not_report_lies_outside() -> None:
    pacs = ForgetfulPacs([instance(INSIDE)], "near")
    pacs.left_out = ("00100020",)
    restricted = await rig(pacs)
    assert await restricted.found(QueryLevel.STUDY) == []
    with pytest.raises(ObjectNotFoundError):
        await restricted.require(INSIDE)


async def test_pages_are_cut_of_what_lies_within() -> None:
    files = [instance(f"2.25.{number}", "P-2" if number % 2 else "P-1") for number in range(20)]
    restricted = await rig(ForgetfulPacs(files, "near"))
    first = await restricted.found(QueryLevel.STUDY, page=Page(0, 6))
    second = await restricted.found(QueryLevel.STUDY, page=Page(6, 6))
    assert (len(first), len(second)) == (6, 4)
    assert {int(uid.rpartition(".")[2]) % 2 for uid in (*first, *second)} == {0}


async def test_an_answer_that_is_remembered_is_nobody_elses() -> None:
    everybody = await rig(two_patients(), restriction=None)
    assert await everybody.found(QueryLevel.STUDY) == [INSIDE, OTHER]
    one = Rig(everybody.pacs, MINE)
    one.search = everybody.search
    assert await one.found(QueryLevel.STUDY) == [INSIDE]
    assert await everybody.found(QueryLevel.STUDY) == [INSIDE, OTHER]


async def test_who_may_not_is_informed_what_is_informed_of_a_study_that_is_not_there_after_the_same_questions() -> None:
    reported = []
    for study in (OTHER, NEVER):
        restricted = await rig(two_patients())
        with pytest.raises(ObjectNotFoundError) as caught:
            await restricted.require(study)
        reported.append((caught.value.message, caught.value.details, restricted.finds(), len(restricted.audit.entries)))
        with pytest.raises(ObjectNotFoundError):
            await restricted.require(study)
        assert restricted.finds() == reported[-1][2]
    assert reported[0] == reported[1] == ("no PACS of the tenant has this study", {"kind": "study"}, 2, 1)


async def test_refusals_are_recorded_with_the_study() -> None:
    restricted = await rig(two_patients())
    for study in (OTHER, NEVER):
        with pytest.raises(ObjectNotFoundError):
            await restricted.require(study)
    await restricted.require(INSIDE)
    assert [
        (entry.action, entry.outcome, entry.study_instance_uid, entry.detail) for entry in restricted.audit.entries
    ] == [
        (AuditAction.AUTHORISE, AuditOutcome.DENIED, OTHER, f"Service/Method: {OUTSIDE}"),
        (AuditAction.AUTHORISE, AuditOutcome.DENIED, NEVER, f"Service/Method: {NOT_THERE}"),
    ]


class CountingPacs(MemoryPacs):
    """Counts the patient's studies, and matches by that."""

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        counted = {"00201200": {"vr": "IS", "Value": [7]}}
        plain = replace(query, keys=tuple(key for key in query.keys if key.path != ("00201200",)))
        found = await super().find(plain, max_results=max_results)
        wanted = query.value_of("00201200") in ("", "7")
        return FindResult(tuple(match | counted for match in found.matches if wanted))


@pytest.mark.parametrize("level", QueryLevel)
@pytest.mark.parametrize("study", ["", INSIDE])
async def test_counts_of_other_studies_can_not_be_guessed(level: QueryLevel, study: str) -> None:
    restricted = await rig(CountingPacs([instance(INSIDE), instance(OTHER, "P-2")], "near"))
    for count in ("7", "8"):
        keys = [MatchingKey(("00201200",), count), *([MatchingKey(("0020000D",), study)] if study else [])]
        page = await restricted.search.search(restricted.caller, Query(level, tuple(keys)), ALL)
        assert len(page.matches) == 1


async def test_a_lone_instance_is_looked_up_first() -> None:
    restricted = await rig(two_patients())
    reported = set()
    for instance_uid in (f"{OTHER}.1.1", f"{NEVER}.1.1"):
        with pytest.raises(ObjectNotFoundError) as caught:
            await restricted.restrictions.require(restricted.caller, MINE, LoneInstance(instance_uid), "m")
        reported.add((caught.value.message, *caught.value.details.items()))
    assert reported == {("no PACS of the tenant has this instance", ("kind", "instance"))}
    await restricted.restrictions.require(restricted.caller, MINE, LoneInstance(f"{INSIDE}.1.1"), "m")


async def answer_of(restricted: Rig, sop_instance_uid: str) -> type[Exception]:
    with pytest.raises(GatewayError) as caught:
        await restricted.restrictions.require(restricted.caller, MINE, LoneInstance(sop_instance_uid), "m")
    return type(caught.value)


@pytest.mark.parametrize("sop_instance_uid", [f"{OTHER}.1.1", f"{NEVER}.1.1"])
async def test_an_outage_does_not_report_which_lone_instances_there_are(sop_instance_uid: str) -> None:
    near = two_patients()
    restricted = await rig(near)
    assert await answer_of(restricted, sop_instance_uid) is ObjectNotFoundError
    asked = {query.level for query in near.queries}
    assert {QueryLevel.STUDY, QueryLevel.SERIES} <= asked
    near.refuse_with = DOWN
    assert await answer_of(restricted, sop_instance_uid) is ObjectNotFoundError
    restricted.clock.advance(61)
    assert await answer_of(restricted, sop_instance_uid) is PacsUnreachableError
    assert {entry.sop_instance_uid for entry in restricted.audit.entries} <= {"", f"{OTHER}.1.1"}


async def test_an_instance_that_is_named_like_a_study_within_is_not_there() -> None:
    assert await answer_of(await rig(two_patients()), INSIDE) is ObjectNotFoundError


async def test_a_study_of_two_pacs_has_to_lie_within_as_each_reports_it() -> None:
    near, far = two_patients(), MemoryPacs([instance(INSIDE, "P-7")], "far")
    with pytest.raises(ObjectNotFoundError):
        await (await rig(near, far)).require(INSIDE)


@pytest.mark.parametrize("level", QueryLevel)
@pytest.mark.parametrize("swapped", [False, True])
async def test_a_search_finds_no_study_that_another_pacs_reports_otherwise(level: QueryLevel, swapped: bool) -> None:
    both = [two_patients(), MemoryPacs([instance(INSIDE, "P-7"), instance("2.25.3")], "far")]
    restricted = await rig(*(reversed(both) if swapped else both))
    assert await restricted.found(level) == ["2.25.3"]


@pytest.mark.parametrize("level", QueryLevel)
async def test_a_pacs_that_fails_does_not_report_what_searches_would_have_found_outside(level: QueryLevel) -> None:
    far = MemoryPacs([], "far")
    restriction = make_restriction(patients=[RestrictedPatient("P-1"), RestrictedPatient("P-9")])
    restricted = await rig(two_patients(), far, restriction=restriction)
    far.refuse_with = DOWN
    assert await restricted.found(level) == [INSIDE]


@pytest.mark.parametrize("study", [OTHER, NEVER])
async def test_a_pacs_that_fails_is_the_answer_unless_the_others_let_in(study: str) -> None:
    far = MemoryPacs([], "far")
    far.refuse_with = DOWN
    restricted = await rig(two_patients(), far)
    await restricted.require(INSIDE)
    with pytest.raises(PacsUnreachableError):
        await restricted.require(study)
    assert await restricted.found(QueryLevel.STUDY) == [INSIDE]
    far.refuse_with = None
    with pytest.raises(ObjectNotFoundError):
        await restricted.require(study)


async def test_a_pacs_that_fails_is_waited_for_once_in_a_search() -> None:
    near, far = MemoryPacs([instance(f"2.25.{number}") for number in range(1, 71)], "near"), MemoryPacs([], "far")
    restricted = await rig(near, far)
    far.refuse_with = DOWN
    assert len(await restricted.found(QueryLevel.STUDY)) == 70
    assert (near.calls["find"], far.calls["find"]) == (1 + 2 * 3, 1 + 1)


async def test_what_is_learned_is_forgotten_after_a_time_and_with_the_news() -> None:
    pacs = two_patients()
    restricted = await rig(pacs)
    with pytest.raises(ObjectNotFoundError):
        await restricted.require(NEVER)
    pacs.add(instance(NEVER))
    with pytest.raises(ObjectNotFoundError):
        await restricted.require(NEVER)
    restricted.facts.invalidate("east", NEVER)
    await restricted.require(NEVER)
    asked = restricted.finds()
    await restricted.require(NEVER)
    restricted.clock.advance(61)
    await restricted.require(NEVER)
    assert restricted.finds() == asked + 2


async def test_the_last_days_are_counted_from_today() -> None:
    clock = FakeClock()
    today = clock.now().astimezone().date()
    days = {f"2.25.{back}": f"{today - timedelta(days=back):%Y%m%d}" for back in (0, 7, 8)}
    pacs = MemoryPacs([instance(study, StudyDate=day) for study, day in days.items()], "near")
    restricted = await rig(pacs, restriction=make_restriction(study_dates=["7d"]))
    assert await restricted.found(QueryLevel.STUDY) == ["2.25.0", "2.25.7"]
    assert await restricted.found(QueryLevel.IMAGE) == ["2.25.0", "2.25.7"]


async def test_a_study_in_doubt_lies_outside_of_patients_until_it_is_forgotten() -> None:
    restricted = await rig(two_patients())
    restricted.doubts.patient_differs("east", "near", INSIDE)
    with pytest.raises(ObjectNotFoundError):
        await restricted.require(INSIDE)
    assert await restricted.found(QueryLevel.STUDY) == []
    assert await restricted.found(QueryLevel.IMAGE, INSIDE) == []
    restricted.doubts.invalidate("east", INSIDE)
    await restricted.require(INSIDE)
    assert await restricted.found(QueryLevel.STUDY) == [INSIDE]


async def test_a_doubt_about_the_patient_is_none_about_the_modality() -> None:
    restricted = await rig(two_patients(), restriction=make_restriction(modalities=["CT"]))
    restricted.doubts.patient_differs("east", "near", INSIDE)
    await restricted.require(INSIDE)
    assert INSIDE in await restricted.found(QueryLevel.STUDY)
