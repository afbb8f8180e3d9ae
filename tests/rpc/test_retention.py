"""RetentionService: rules, holds, and the certificate of what was erased."""

import asyncio
import json

import grpc
import pytest

import radgate
import radgate.aio
from radgate.v1 import retention_service_pb2 as messages
from radgate_server.core.access.tenancy import Role
from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.retention.deletion_certificate import from_text
from tests.rpc.calls import invoke, reason_of
from tests.rpc.rig import EAST_STUDY, Rig

SERVICE = "radgate.v1.RetentionService"


async def call(rig: Rig, channel: grpc.aio.Channel, name: str, request: object, tenant: str = "east") -> bytes:
    token = await rig.key(tenant, role=Role.ADMIN)
    (answer,) = await invoke(channel, f"{SERVICE}/{name}", request.SerializeToString(), token=token)  # type: ignore[attr-defined]
    return answer


async def test_a_rule_is_set_and_taken_away_and_recorded(rig: Rig, channel: grpc.aio.Channel) -> None:
    asked = messages.SetRetentionRequest(kind=messages.RECORD_KIND_ACCESS, days=3000)
    await call(rig, channel, "SetRetention", asked)
    answer = await call(rig, channel, "GetRetention", messages.GetRetentionRequest())
    found = messages.GetRetentionResponse.FromString(answer)
    assert [(rule.kind, rule.days, rule.own) for rule in found.rules] == [
        (1, 3000, True),
        (2, 2192, False),
        (3, 2192, False),
    ]
    assert found.least_days == 2192
    gone = await call(rig, channel, "SetRetention", messages.SetRetentionRequest(kind=messages.RECORD_KIND_ACCESS))
    assert not any(rule.own for rule in messages.SetRetentionResponse.FromString(gone).rules)
    assert [entry.detail for entry in rig.audit.entries] == [
        "keep access records for 3000 days",
        "keep access records as the installation does",
    ]


async def test_no_rule_is_too_short(rig: Rig, channel: grpc.aio.Channel) -> None:
    asked = messages.SetRetentionRequest(kind=messages.RECORD_KIND_ACCESS, days=2191)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(rig, channel, "SetRetention", asked)
    assert (caught.value.code(), reason_of(caught.value)) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "RETENTION_TOO_SHORT",
    )
    assert not rig.retention.rules


async def test_a_hold_keeps_cached_data_until_it_is_released(rig: Rig, channel: grpc.aio.Channel) -> None:
    asked = messages.PlaceLegalHoldRequest(subject=messages.HOLD_SUBJECT_STUDY, value=EAST_STUDY, reason="case 7")
    hold = messages.PlaceLegalHoldResponse.FromString(await call(rig, channel, "PlaceLegalHold", asked)).hold
    erase = messages.EraseCachedDataRequest(study_instance_uid=EAST_STUDY, reason="asked for")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(rig, channel, "EraseCachedData", erase)
    assert reason_of(caught.value) == "LEGAL_HOLD"
    assert not rig.retention.erasures
    await call(rig, channel, "ReleaseLegalHold", messages.ReleaseLegalHoldRequest(hold_id=hold.hold_id, reason="over"))
    listed = await call(rig, channel, "ListLegalHolds", messages.ListLegalHoldsRequest(include_released=True))
    (released,) = messages.ListLegalHoldsResponse.FromString(listed).holds
    assert (released.hold_id, released.release_reason) == (hold.hold_id, "over")
    assert await call(rig, channel, "EraseCachedData", erase)
    details = [entry.detail.replace(hold.hold_id, "ID") for entry in rig.audit.entries]
    assert details[:2] == ["place legal hold ID on study: case 7", "release legal hold ID: over"]


async def test_what_is_cached_is_erased_and_certified(rig: Rig, channel: grpc.aio.Channel) -> None:
    kept, other = (CacheKey("east", study, "metadata", "") for study in (EAST_STUDY, "1.2.3"))
    for key in (kept, other):
        await rig.hot.put(rig.hot.mark(), key, b"ready")
        await rig.derived.put(rig.derived.mark(), key, b"made")
    asked = messages.EraseCachedDataRequest(study_instance_uid=EAST_STUDY, reason="the patient asked for it")
    erasure = messages.EraseCachedDataResponse.FromString(await call(rig, channel, "EraseCachedData", asked)).erasure
    assert await rig.derived.get(kept) is None
    assert await rig.derived.get(other) == b"made"
    certificate = from_text(erasure.certificate)
    assert (certificate.tenant, certificate.subject, certificate.studies) == ("east", "study", (EAST_STUDY,))
    assert {tier.tier: tier.entries for tier in certificate.tiers} == {
        "hot": 1,
        "warm": 0,
        "derived": 1,
        "quarantine": 0,
    }
    assert "PACS are not touched" in json.loads(erasure.certificate)["scope"]
    (record,) = rig.audit.entries
    assert (record.action, record.study_instance_uid) == ("erase-cached", EAST_STUDY)
    again = await call(rig, channel, "GetErasure", messages.GetErasureRequest(erasure_id=erasure.erasure_id))
    assert messages.GetErasureResponse.FromString(again).erasure == erasure
    listed = await call(rig, channel, "ListErasures", messages.ListErasuresRequest())
    assert list(messages.ListErasuresResponse.FromString(listed).erasures) == [erasure]


async def test_the_sdk_goes_by_the_request(rig: Rig) -> None:
    token = await rig.key("east", role=Role.ADMIN)

    def use() -> int:
        with radgate.Client(rig.target, token) as client:
            return client.retention(messages.GetRetentionRequest()).least_days

    assert await asyncio.to_thread(use) == 2192
    async with radgate.aio.Client(rig.target, token) as client:
        asked = messages.PlaceLegalHoldRequest(subject=messages.HOLD_SUBJECT_TENANT, reason="case 7")
        hold_id = (await client.retention(asked)).hold.hold_id
        erase = messages.EraseCachedDataRequest(study_instance_uid=EAST_STUDY, reason="asked for")
        with pytest.raises(radgate.LegalHoldError, match=hold_id):
            await client.retention(erase)


async def test_another_tenants_holds_and_erasures_do_not_exist(rig: Rig, channel: grpc.aio.Channel) -> None:
    asked = messages.EraseCachedDataRequest(study_instance_uid=EAST_STUDY, reason="asked for")
    erasure = messages.EraseCachedDataResponse.FromString(await call(rig, channel, "EraseCachedData", asked)).erasure
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(rig, channel, "GetErasure", messages.GetErasureRequest(erasure_id=erasure.erasure_id), "west")
    assert reason_of(caught.value) == "RESOURCE_NOT_FOUND"
    listed = await call(rig, channel, "ListErasures", messages.ListErasuresRequest(), "west")
    assert not messages.ListErasuresResponse.FromString(listed).erasures


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("SetRetention", messages.SetRetentionRequest(days=3000)),
        ("SetRetention", messages.SetRetentionRequest(kind=messages.RECORD_KIND_ACCESS, days=-1)),
        ("PlaceLegalHold", messages.PlaceLegalHoldRequest(value="x", reason="why")),
        ("PlaceLegalHold", messages.PlaceLegalHoldRequest(subject=messages.HOLD_SUBJECT_STUDY, value="x", reason="y")),
        ("PlaceLegalHold", messages.PlaceLegalHoldRequest(subject=messages.HOLD_SUBJECT_TENANT, value="x", reason="y")),
        ("PlaceLegalHold", messages.PlaceLegalHoldRequest(subject=messages.HOLD_SUBJECT_USER, value="x", reason=" ")),
        ("EraseCachedData", messages.EraseCachedDataRequest(reason="why")),
        ("EraseCachedData", messages.EraseCachedDataRequest(study_instance_uid="x", reason="why")),
        ("EraseCachedData", messages.EraseCachedDataRequest(patient_id="P-1")),
    ],
)
async def test_what_makes_no_sense_is_refused(rig: Rig, channel: grpc.aio.Channel, name: str, request_: object) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(rig, channel, name, request_)
    assert reason_of(caught.value) == "INVALID_ARGUMENT"
    assert not rig.audit.entries
