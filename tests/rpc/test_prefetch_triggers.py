"""Events that set rules off, in a real server: what is fetched, asked and recorded, and what is not."""

import pytest

from radgate_server.core.errors import PacsUnreachableError
from radgate_server.core.jobs.job import Job, JobClass
from radgate_server.core.prefetch.batch import batch_of
from radgate_server.core.prefetch.expected import ExpectedStudy
from radgate_server.core.prefetch.priors import PriorRule, Trigger
from radgate_server.services.prefetch.events import RETRIES_S
from radgate_server.services.prefetch.patient_studies import PatientStudyFinder
from radgate_server.services.prefetch.triggering import PriorTrigger
from radgate_server.services.query.fan_out import AskLimits
from tests.fakes.instances import make_instance
from tests.fakes.waiting import until
from tests.rpc.rig import Rig

NEW, YEAR, OLD, OTHER = (f"2.25.50{number}" for number in range(4))
ALL = frozenset(Trigger)


@pytest.fixture
def studies(rig: Rig) -> None:
    today = f"{rig.clock.now():%Y%m%d}"
    for uid, date, patient in ((NEW, today, "P-7"), (YEAR, "20250301", "P-7"), (OLD, "20190101", "P-7")):
        rig.east.add(make_instance(uid, f"{uid}.1", f"{uid}.1.1", PatientID=patient, StudyDate=date, Modality="CT"))
    rig.east.add(make_instance(OTHER, f"{OTHER}.1", f"{OTHER}.1.1", PatientID="P-70", StudyDate="20250101"))
    rig.east.calls.clear()


async def enable(rig: Rig, **fields: object) -> None:
    rule = PriorRule("priors", **{"enabled": True, "triggers": ALL, **fields})  # type: ignore[arg-type]
    await rig.prior_rules.put("east", rule)


async def report(rig: Rig, source: Trigger, expected: ExpectedStudy, tenant: str = "east") -> None:
    events = rig.app.services.prefetch_events
    assert events.offer(tenant, source, expected)
    await events.handle_next()


async def jobs_of(rig: Rig, tenant: str = "east") -> list[Job]:
    return list(await rig.jobs.list(tenant))


def counted(rig: Rig, source: str, outcome: str) -> float | None:
    labels = {"source": source, "outcome": outcome}
    return rig.telemetry.metrics.registry.get_sample_value("radgate_prefetch_events_total", labels)


@pytest.mark.usefixtures("studies")
async def test_an_order_has_the_priors_of_its_patient_fetched(rig: Rig) -> None:
    await enable(rig)
    await report(rig, Trigger.ORDER, ExpectedStudy("P-7", "ORDER-1", modalities=frozenset({"CT"})))
    (job,) = await jobs_of(rig)
    batch = batch_of(job.request.parameters)
    assert (batch.source, batch.studies) == ("order", (NEW, YEAR, OLD))
    assert job.request.job_class is JobClass.BACKGROUND
    assert "ORDER" not in job.request.request_id
    assert len(job.request.request_id) == 64
    entries = [entry for entry in rig.audit.entries if entry.key_id == "trigger:order"]
    assert [(entry.study_instance_uid, entry.detail) for entry in entries] == [
        (uid, "prefetch by order") for uid in batch.studies
    ]


@pytest.mark.usefixtures("studies")
async def test_the_same_event_is_one_job_a_day(rig: Rig) -> None:
    await enable(rig)
    order = ExpectedStudy("P-7", "ORDER-1")
    await report(rig, Trigger.ORDER, order)
    asked = rig.east.calls.total()
    await report(rig, Trigger.ORDER, order)
    assert len(await jobs_of(rig)) == 1
    assert rig.east.calls.total() == asked
    await report(rig, Trigger.ORDER, ExpectedStudy("P-7", "ORDER-2"))
    await report(rig, Trigger.WORKLIST, order)
    assert len(await jobs_of(rig)) == 3
    rig.clock.advance(24 * 3600)
    await report(rig, Trigger.ORDER, order)
    assert len(await jobs_of(rig)) == 4


@pytest.mark.usefixtures("studies")
async def test_another_server_that_has_the_event_finds_the_job(rig: Rig) -> None:
    await enable(rig)
    await report(rig, Trigger.ORDER, ExpectedStudy("P-7", "ORDER-1"))
    finder = PatientStudyFinder(rig.app.pacs.clients, AskLimits(100, 30))
    other = PriorTrigger(
        rig.prior_rules, finder, rig.app.services.prefetch, rig.box, rig.clock, rig.telemetry, recent_days=3
    )
    job = await other.expect("east", Trigger.ORDER, ExpectedStudy("P-7", "ORDER-1"))
    assert [each.job_id for each in await jobs_of(rig)] == [job and job.job_id]


@pytest.mark.usefixtures("studies")
async def test_without_an_enabled_rule_of_the_trigger_no_pacs_is_asked(rig: Rig) -> None:
    for rule in ({}, {"enabled": False}, {"triggers": frozenset({Trigger.WORKLIST})}):
        if rule:
            await enable(rig, **rule)
        await report(rig, Trigger.ORDER, ExpectedStudy("P-7", "ORDER-1"))
    assert not rig.east.calls
    await rig.prior_rules.delete("east", "priors")
    await report(rig, Trigger.ORDER, ExpectedStudy("P-7", "ORDER-1"), tenant="removed")
    assert not rig.east.calls
    assert counted(rig, "order", "no-rule") == 4.0
    await enable(rig)  # and from then on the same event counts
    await report(rig, Trigger.ORDER, ExpectedStudy("P-7", "ORDER-1"))
    assert len(await jobs_of(rig)) == 1


@pytest.mark.usefixtures("studies")
@pytest.mark.parametrize("patient_id", ["P-*", "P-?", "P-7\\P-70", "p-7", "P-8"])
async def test_the_priors_of_nobody_else_are_fetched(rig: Rig, patient_id: str) -> None:
    await enable(rig)
    await report(rig, Trigger.WORKLIST, ExpectedStudy(patient_id, "STEP-1"))
    assert await jobs_of(rig) == []
    assert not rig.east.calls["retrieve"]


@pytest.mark.usefixtures("studies")
@pytest.mark.parametrize("study", ["", "*", f"{NEW}\\{OTHER}", "2.25.x"])
async def test_of_an_event_that_names_nobody_no_pacs_is_asked(rig: Rig, study: str) -> None:
    await enable(rig)
    await report(rig, Trigger.ARRIVAL, ExpectedStudy("", "EVENT", study_instance_uid=study))
    assert not rig.east.calls
    assert counted(rig, "arrival", "failed") == 1.0


@pytest.mark.usefixtures("studies")
async def test_a_study_that_arrived_has_its_priors_fetched_unless_it_is_old(rig: Rig) -> None:
    await enable(rig, same_modality=True)
    await report(rig, Trigger.ARRIVAL, ExpectedStudy("", study_instance_uid=YEAR))
    assert await jobs_of(rig) == []
    assert rig.east.calls.total() == 1  # it was asked for the study, and for nothing of its patient
    await report(rig, Trigger.ARRIVAL, ExpectedStudy("", study_instance_uid=NEW))
    (job,) = await jobs_of(rig)
    assert batch_of(job.request.parameters).studies == (YEAR, OLD)
    assert (counted(rig, "arrival", "not-recent"), counted(rig, "arrival", "submitted")) == (1.0, 1.0)


@pytest.mark.usefixtures("studies")
async def test_an_event_while_the_pacs_is_away_is_handled_later(rig: Rig) -> None:
    await enable(rig)
    rig.east.refuse_with = PacsUnreachableError("away", pacs="main")
    order = ExpectedStudy("P-7", "ORDER-1")
    await report(rig, Trigger.ORDER, order)
    assert await jobs_of(rig) == []
    rig.east.refuse_with = None
    await until(lambda: RETRIES_S[0] in rig.pauses.asked_s)
    rig.pauses.pass_all()
    await rig.app.services.prefetch_events.handle_next()
    assert len(await jobs_of(rig)) == 1
    assert (counted(rig, "order", "submitted"), counted(rig, "order", "failed")) == (1.0, None)
