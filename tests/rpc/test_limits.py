"""Limits as callers meet them, and as administrators set them."""

from collections.abc import Iterable

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo

from radgate.v1 import limits_pb2 as messages
from radgate.v1 import retrieve_service_pb2
from radgate_server.core.access.tenancy import Role
from radgate_server.core.limits.model import Limits, LimitSubject, read_networks
from tests.fakes.token_verifier import PROVIDER
from tests.rpc.administrator import Administrator
from tests.rpc.callers import CERTIFICATES, NAMES, bearer, seen_by_gateway
from tests.rpc.calls import error_info_of, invoke, reason_of, rich_status_of, trailer_of
from tests.rpc.rig import EAST_STUDY, Rig

SEARCH = "radgate.v1.QueryService/SearchStudies"
RETRIEVE = "radgate.v1.RetrieveService/RetrieveInstances"
UPLOAD = "radgate.v1.TranscodeService/TranscodeUpload"
WHOLE_STUDY = retrieve_service_pb2.RetrieveInstancesRequest(study_instance_uid=EAST_STUDY).SerializeToString()


@pytest.fixture
async def admin(rig: Rig, channel: grpc.aio.Channel) -> Administrator:
    return Administrator(channel, await rig.key("east", role=Role.ADMIN))


@pytest.fixture
async def root(rig: Rig, channel: grpc.aio.Channel) -> Administrator:
    return Administrator(channel, await rig.key("*", role=Role.ADMIN), "east")


def masked(limits: messages.Limits, paths: Iterable[str]) -> dict[str, object]:
    return {"limits": limits, "update_mask": {"paths": list(paths)}}


async def test_who_comes_too_fast_is_informed_when_to_come_again(rig: Rig, channel: grpc.aio.Channel) -> None:
    token = await rig.key("east")
    rig.limiter.load({LimitSubject("east", token.split("_")[1]): Limits(requests_per_second=0.1, burst_requests=2)})
    for _ in range(2):
        await invoke(channel, SEARCH, token=token)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, SEARCH, token=token)
    error = caught.value
    info = error_info_of(error)
    assert (error.code(), info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_EXCEEDED")
    assert dict(info.metadata) == {"whose": "key", "policy": "rate"}
    [retry] = [detail for detail in rich_status_of(error).details if detail.Is(RetryInfo.DESCRIPTOR)]
    assert RetryInfo.FromString(retry.value).retry_delay.seconds == 10
    assert {name: trailer_of(error, name) for name in ("retry-after", "ratelimit-limit", "ratelimit-reset")} == {
        "retry-after": "10",
        "ratelimit-limit": "2",
        "ratelimit-reset": "10",
    }
    assert trailer_of(error, "ratelimit-policy") == '"rate";q=2;w=20'
    rig.clock.advance(10)
    await invoke(channel, SEARCH, token=token)


async def test_a_flood_of_refusals_is_two_records_and_each_is_counted(rig: Rig, channel: grpc.aio.Channel) -> None:
    token = await rig.key("east")
    rig.limiter.load({LimitSubject("east"): Limits(daily_requests=1)})
    await invoke(channel, SEARCH, token=token)
    before = len(rig.audit.entries)
    for _ in range(5):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await invoke(channel, SEARCH, token=token)
        assert reason_of(caught.value) == "QUOTA_EXCEEDED"
    await rig.refusals.look()
    reported = [(entry.action, entry.outcome, entry.tenant_id, entry.detail) for entry in rig.audit.entries[before:]]
    detail = f"{SEARCH}: QUOTA_EXCEEDED"
    assert reported == [
        ("authorise", "denied", "east", detail),
        ("authorise", "denied", "east", f"{detail}, and 4 more like it"),
    ]
    assert rig.limit_telemetry.refusals == [("east", "QUOTA_EXCEEDED")] * 5


async def test_what_is_forbidden_uses_up_the_limits_too(rig: Rig, channel: grpc.aio.Channel) -> None:
    token = await rig.key("east")
    rig.limiter.load({LimitSubject("east"): Limits(requests_per_second=1)})
    for reason in ("ROLE_NOT_ALLOWED", "RATE_EXCEEDED"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await invoke(channel, "radgate.v1.AdminService/ListPacs", token=token)
        assert reason_of(caught.value) == reason


async def test_only_so_many_run_at_the_same_time_and_health_is_no_matter_of_limits(
    rig: Rig, channel: grpc.aio.Channel
) -> None:
    token = await rig.key("east")
    rig.limiter.load({LimitSubject("east"): Limits(concurrent_requests=1)})
    watch = channel.unary_stream("/radgate.v1.QueryService/WatchStudies")(b"", metadata=list(bearer(token).items()))
    await watch.initial_metadata()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, SEARCH, token=token)
    assert reason_of(caught.value) == "CONCURRENCY_EXCEEDED"
    await invoke(channel, "grpc.health.v1.Health/Check")
    watch.cancel()
    while next(iter(rig.limiter.meters()))[1].running:
        await invoke(channel, "grpc.health.v1.Health/Check")
    await invoke(channel, SEARCH, token=token)


async def test_the_address_is_the_one_that_the_gateway_saw(rig: Rig, channel: grpc.aio.Channel) -> None:
    token = bearer(await rig.key("east"))
    rig.limiter.load({LimitSubject("east"): Limits(allowed_networks=read_networks(["10.9.0.0/16"], ""))})
    await invoke(channel, SEARCH, **token, **seen_by_gateway(address="10.9.8.7"))
    strangers: list[dict[str, str]] = [
        seen_by_gateway(address="192.0.2.1"),
        seen_by_gateway(address="10.9.8.7", secret="guessed"),
        {},
    ]
    for stranger in strangers:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await invoke(channel, SEARCH, **token, **stranger)
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert reason_of(caught.value) == "CLIENT_ADDRESS_NOT_ALLOWED"
        assert "10.9" not in str(caught.value.details())


async def test_a_stream_that_is_too_fast_waits_and_comes_whole(rig: Rig, channel: grpc.aio.Channel) -> None:
    token = await rig.key("east")
    pieces = await invoke(channel, RETRIEVE, WHOLE_STUDY, token=token)
    assert rig.naps == []
    size = sum(map(len, pieces))
    rig.limiter.load({LimitSubject("east"): Limits(bytes_per_second=size // 2, daily_bytes=1)})
    assert await invoke(channel, RETRIEVE, WHOLE_STUDY, token=token) == pieces
    assert rig.naps[-1] == pytest.approx(1, abs=0.01)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, RETRIEVE, WHOLE_STUDY, token=token)
    assert error_info_of(caught.value).metadata["policy"] == "daily-bytes"


async def test_bytes_of_uploads_count(rig: Rig, channel: grpc.aio.Channel) -> None:
    token = await rig.key("east")
    rig.limiter.load({LimitSubject("east"): Limits(daily_bytes=1 << 30)})
    with pytest.raises(grpc.aio.AioRpcError):
        await invoke(channel, UPLOAD, b"\x0a\x03abc", token=token)
    assert next(iter(rig.limiter.meters()))[1].used.bytes >= 5


async def test_what_grpc_compressed_is_not_unpacked_beyond_its_bounds(rig: Rig, channel: grpc.aio.Channel) -> None:
    search = channel.unary_unary(f"/{SEARCH}")
    metadata = list(bearer(await rig.key("east")).items())
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await search(bytes(16 << 20), metadata=metadata, compression=grpc.Compression.Gzip)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_change_holds_for_the_next_call(rig: Rig, channel: grpc.aio.Channel, admin: Administrator) -> None:
    token = await rig.key("east")
    key_id = token.split("_")[1]
    limits = messages.Limits(key_id=key_id, requests_per_second=1, concurrent_requests=4, denied_networks=["192.0.2.7"])
    state = (await admin("UpdateLimits", limits=limits)).state
    assert state.limits == messages.Limits(
        key_id=key_id, requests_per_second=1, concurrent_requests=4, denied_networks=["192.0.2.7/32"]
    )
    assert (state.in_force.requests_per_second, state.in_force.daily_bytes) == (1, 0)
    await invoke(channel, SEARCH, token=token)
    with pytest.raises(grpc.aio.AioRpcError):
        await invoke(channel, SEARCH, token=token)
    changed = await admin(
        "UpdateLimits", **masked(messages.Limits(key_id=key_id, daily_bytes=5), ("requests_per_second", "daily_bytes"))
    )
    assert not changed.state.limits.HasField("requests_per_second")
    assert changed.state.limits.concurrent_requests == 4
    await invoke(channel, SEARCH, token=token)
    listed = await admin("GetLimits")
    assert [each.limits for each in listed.keys] == [changed.state.limits]
    assert listed.tenant.limits == messages.Limits()


async def test_a_tenants_admin_says_from_where_and_the_operator_how_much(
    admin: Administrator, root: Administrator, rig: Rig
) -> None:
    await admin("UpdateLimits", limits=messages.Limits(denied_networks=["192.0.2.0/24"]))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("UpdateLimits", limits=messages.Limits(concurrent_requests=1000))
    assert reason_of(caught.value) == "ROLE_NOT_ALLOWED"
    await root("UpdateLimits", limits=messages.Limits(concurrent_requests=1000))
    limits = (await admin("GetLimits")).tenant.limits
    assert limits == messages.Limits(concurrent_requests=1000, denied_networks=["192.0.2.0/24"])
    assert any("set limits of the tenant: concurrent_requests" in entry.detail for entry in rig.audit.entries)


async def test_nobody_shuts_themselves_out(admin: Administrator) -> None:
    for wrong in ({"allowed_networks": ["192.0.2.0/24"]}, {"denied_networks": ["127.0.0.0/8"]}):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await admin("UpdateLimits", limits=messages.Limits(**wrong))
        assert reason_of(caught.value) == "INVALID_ARGUMENT"
    await admin("UpdateLimits", limits=messages.Limits(allowed_networks=["127.0.0.1"]))


@pytest.mark.parametrize(
    "fields",
    [
        masked(messages.Limits(), ["key_id"]),
        masked(messages.Limits(), ["tenant_id"]),
        {"limits": messages.Limits(allowed_networks=["10.0.0.1/8"])},
        {"limits": messages.Limits(allowed_networks=["example.org"])},
    ],
    ids=["key_id", "tenant_id", "host bits", "name"],
)
async def test_what_makes_no_sense_is_refused(admin: Administrator, fields: dict[str, object]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("UpdateLimits", **fields)
    assert reason_of(caught.value) == "INVALID_ARGUMENT"


async def test_another_tenants_key_does_not_exist(admin: Administrator, root: Administrator, rig: Rig) -> None:
    west, everywhere = [(await rig.key(tenant)).split("_")[1] for tenant in ("west", "*")]
    for key_id in (west, everywhere, "000000000000", "no key"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await admin("UpdateLimits", limits=messages.Limits(key_id=key_id, concurrent_requests=1))
        assert reason_of(caught.value) == "RESOURCE_NOT_FOUND"
    await root("UpdateLimits", limits=messages.Limits(key_id=everywhere, concurrent_requests=1))


async def test_a_rotated_key_hands_its_limits_on(admin: Administrator, rig: Rig) -> None:
    key_id = (await rig.key("east")).split("_")[1]
    await admin("UpdateLimits", limits=messages.Limits(key_id=key_id, concurrent_requests=7))
    new = (await admin("RotateApiKey", key_id=key_id)).api_key.key_id
    limits = {each.limits.key_id: each.limits.concurrent_requests for each in (await admin("GetLimits")).keys}
    assert limits == {key_id: 7, new: 7}


async def test_a_single_user_and_a_certificate_can_have_limits(
    admin: Administrator, rig: Rig, channel: grpc.aio.Channel
) -> None:
    jane, joe = (bearer(rig.tokens.issue(tenant="east", role="viewer", sub=name)) for name in ("jane", "joe"))
    certified = seen_by_gateway(certificate=CERTIFICATES["east", Role.VIEWER])
    for who in (f"oidc:{PROVIDER}:jane", f"certificate:{NAMES['east', Role.VIEWER]}"):
        state = (await admin("UpdateLimits", limits=messages.Limits(key_id=who, daily_requests=1))).state
        assert state.limits == messages.Limits(key_id=who, daily_requests=1)
        assert rig.audit.entries[-1].detail == f"set limits of {who}: daily_requests"
    for headers in (jane, certified):
        await invoke(channel, SEARCH, **headers)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await invoke(channel, SEARCH, **headers)
        assert reason_of(caught.value) == "QUOTA_EXCEEDED"
    for _ in range(2):
        await invoke(channel, SEARCH, **joe)


async def test_limits_are_for_those_only_who_can_come(admin: Administrator, root: Administrator) -> None:
    everywhere = f"certificate:{NAMES['*', Role.ADMIN]}"
    strangers = ("oidc:unknown:jane", f"oidc:{PROVIDER}:", f"oidc:{PROVIDER}:a\nb", "certificate:DNS:nobody.example")
    for who in (*strangers, "local:cli", f"certificate:{NAMES['west', Role.VIEWER]}", everywhere):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await admin("UpdateLimits", limits=messages.Limits(key_id=who, concurrent_requests=1))
        assert reason_of(caught.value) == "RESOURCE_NOT_FOUND"
    await root("UpdateLimits", limits=messages.Limits(key_id=everywhere, concurrent_requests=1))


async def test_what_was_set_for_somebody_who_is_gone_can_be_ended(
    admin: Administrator, root: Administrator, rig: Rig
) -> None:
    gone = LimitSubject("east", "oidc:former:jane")
    await rig.directory.put_limits(gone, Limits(daily_requests=1))
    wanted = masked(messages.Limits(key_id=gone.key_id), ["daily_requests"])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("UpdateLimits", **wanted)
    assert reason_of(caught.value) == "RESOURCE_NOT_FOUND"
    await root("UpdateLimits", **wanted)
    assert gone not in await rig.directory.list_limits()
