"""Rules of PrefetchService on a real gRPC server: set, applied to the studies of a patient, and replayed."""

from datetime import timedelta
from typing import Any

import grpc
import pytest

from radgate.v1 import job_service_pb2 as jobs
from radgate.v1 import prefetch_service_pb2 as messages
from radgate_server.core.access.tenancy import Role
from radgate_server.core.cache.accesses import AccessCounts, AccessKind, AccessPlace, StudyAccesses, hour_of
from tests.fakes.instances import make_instance
from tests.rpc.calls import error_info_of, invoke
from tests.rpc.rig import Rig

NEW, YEAR, OLD, HEAD, OTHER = (f"2.25.40{number}" for number in range(5))


def study(uid: str, date: str, *, patient: str = "P-7", part: str = "CHEST", modality: str = "CT") -> bytes:
    values = {"PatientID": patient, "StudyDate": date, "BodyPartExamined": part, "Modality": modality}
    return make_instance(uid, f"{uid}.1", f"{uid}.1.1", **values)


class Prefetch:
    """Calls by name."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._channel, self._token = channel, token

    async def __call__(self, rpc: str, **fields: Any) -> Any:
        request = getattr(messages, f"{rpc}Request")(**fields).SerializeToString()
        (answer,) = await invoke(self._channel, f"radgate.v1.PrefetchService/{rpc}", request, token=self._token)
        return getattr(messages, f"{rpc}Response").FromString(answer)


@pytest.fixture
async def prefetch(rig: Rig, channel: grpc.aio.Channel) -> Prefetch:
    rig.east.add(
        study(NEW, "20260201"),
        study(YEAR, "20250301"),
        study(OLD, "20190101"),
        study(HEAD, "20251201", part="HEAD", modality="MR"),
        study(OTHER, "20260101", patient="P-70"),
    )
    return Prefetch(channel, await rig.key("east", role=Role.ADMIN))


async def chosen(prefetch: Prefetch, **rule: Any) -> list[str]:
    await prefetch("SetPrefetchRule", rule={"name": "priors", **rule})
    answer = await prefetch("PrefetchPriors", study_instance_uid=NEW, rule="priors")
    return list(answer.job.prefetch_studies.study_instance_uids)


async def test_rules_are_set_listed_and_deleted(rig: Rig, prefetch: Prefetch) -> None:
    await prefetch("SetPrefetchRule", rule={"name": "b", "enabled": True, "same_modality": True})
    answer = await prefetch("SetPrefetchRule", rule={"name": "a", "last": 5, "max_age_days": 30})
    assert (answer.rule.last, answer.rule.max_age_days) == (5, 30)
    await prefetch("SetPrefetchRule", rule={"name": "b", "last": 2})
    found = (await prefetch("ListPrefetchRules")).rules
    assert [(rule.name, rule.last, rule.enabled) for rule in found] == [("a", 5, False), ("b", 2, False)]
    triggers = [messages.PREFETCH_TRIGGER_ARRIVAL, messages.PREFETCH_TRIGGER_ORDER]
    answer = await prefetch("SetPrefetchRule", rule={"name": "b", "triggers": triggers[::-1]})
    assert list(answer.rule.triggers) == triggers
    await prefetch("DeletePrefetchRule", name="a")
    assert [rule.name for rule in (await prefetch("ListPrefetchRules")).rules] == ["b"]
    assert [entry.detail for entry in rig.audit.entries][-1] == "delete prefetch rule a"
    assert list(await rig.prior_rules.list_rules("west")) == []
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await prefetch("DeletePrefetchRule", name="a")
    assert error_info_of(caught.value).reason == "RESOURCE_NOT_FOUND"


async def test_priors_are_those_of_the_patient_that_the_rule_chooses(prefetch: Prefetch) -> None:
    assert await chosen(prefetch) == [HEAD, YEAR, OLD]
    assert await chosen(prefetch, last=1) == [HEAD]
    assert await chosen(prefetch, same_modality=True) == [YEAR, OLD]
    assert await chosen(prefetch, same_body_part=True) == [YEAR, OLD]
    assert await chosen(prefetch, same_body_part=True, max_age_days=400) == [YEAR]
    assert await chosen(prefetch, max_age_days=1) == []


async def test_without_a_name_the_enabled_rules_apply(prefetch: Prefetch) -> None:
    await prefetch("SetPrefetchRule", rule={"name": "off", "last": 50})
    assert not (await prefetch("PrefetchPriors", study_instance_uid=NEW)).HasField("job")
    await prefetch("SetPrefetchRule", rule={"name": "one", "last": 1, "enabled": True})
    await prefetch("SetPrefetchRule", rule={"name": "two", "same_modality": True, "enabled": True})
    job = (await prefetch("PrefetchPriors", study_instance_uid=NEW)).job
    assert list(job.prefetch_studies.study_instance_uids) == [HEAD, YEAR, OLD]
    assert job.job_class == jobs.JOB_CLASS_BACKGROUND


@pytest.mark.parametrize(
    ("rpc", "fields", "reason"),
    [
        ("SetPrefetchRule", {"rule": {"name": "x", "last": 51}}, "INVALID_ARGUMENT"),
        ("SetPrefetchRule", {"rule": {"name": "No Slug"}}, "INVALID_ARGUMENT"),
        ("SetPrefetchRule", {"rule": {"name": "x", "triggers": [9]}}, "INVALID_ARGUMENT"),
        ("ReplayPrefetchRule", {"rule": {"name": "x"}, "days": 91}, "INVALID_ARGUMENT"),
        ("PrefetchPriors", {"study_instance_uid": NEW, "rule": "none"}, "RESOURCE_NOT_FOUND"),
        ("PrefetchPriors", {"study_instance_uid": "2.25.999"}, "OBJECT_NOT_FOUND"),
    ],
)
async def test_what_is_wrong_has_a_reason(prefetch: Prefetch, rpc: str, fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await prefetch(rpc, **fields)
    assert error_info_of(caught.value).reason == reason


async def test_a_rule_is_replayed_on_recorded_accesses(rig: Rig, prefetch: Prefetch) -> None:
    now = hour_of(rig.clock.now())
    for hours, uid, patient in ((10, NEW, "p7"), (9, YEAR, "p7"), (5, OTHER, "p70"), (5, "2.25.999", "gone")):
        place = AccessPlace(now - timedelta(hours=hours), "east", uid, AccessKind.RETRIEVE, "pacs")
        await rig.accesses.add([StudyAccesses(place, AccessCounts(1, 1000, 1000, 700), "CT", patient)])
    found = await prefetch("ReplayPrefetchRule", rule={"name": "not-set", "same_modality": True}, days=1)
    assert (found.patients, found.sampled_patients) == (3, 3)
    assert (found.opened, found.fetched, found.used, found.wasted, found.cached) == (3, 2, 1, 1, 1)
    assert (found.used_bytes, found.wasted_bytes, found.waited_ms) == (1000, 1000, 700)
    assert list(await rig.prior_rules.list_rules("east")) == []
