"""PACS over the API: set up, changed, validated, detected, switched over."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, timedelta
from typing import Any

import grpc
import pytest

from radgate.v1 import admin_service_pb2 as messages
from radgate.v1 import pacs_pb2
from radgate.v1.error_reason_pb2 import ERROR_REASON_PACS_TIMEOUT, ERROR_REASON_PACS_UNREACHABLE
from radgate_server.core.access.tenancy import Role
from radgate_server.core.errors import PacsCredentialsError, PacsRejectedError
from radgate_server.core.pacs.connections import DimseConnection, PacsConfig
from radgate_server.core.pacs.health import BreakerState, Health, OperationState, PacsStatus
from radgate_server.core.pacs.kinds.unknown import UnknownConnection
from radgate_server.core.secrets.secret import Secret
from tests.fakes.clock import START
from tests.fakes.instances import make_dataset, received
from tests.rpc.administrator import Administrator
from tests.rpc.calls import error_info_of, reason_of, trailer_of
from tests.rpc.rig import Rig


@pytest.fixture
async def admin(rig: Rig, channel: grpc.aio.Channel) -> Administrator:
    return Administrator(channel, await rig.key("east", role=Role.ADMIN))


DIMSE: dict[str, Any] = {
    "host": "pacs.example",
    "port": 104,
    "called_aet": " PACS ",
    "calling_aet": "RADGATE",
    "retrieve_method": messages.RETRIEVE_METHOD_MOVE,
    "tls": {"verify_host": True, "server_name": "pacs"},
    "username": "radgate",
    "password": "secret",
}


@pytest.mark.parametrize(
    "connection",
    [
        {"folder": {"path": "/var/lib/radgate/warm/west"}},
        {"dimse": DIMSE | {"tls": {"ca_file": "/west.pem"}}},
        {"dicomweb": {"url": "https://pacs.example/", "tls": {"ca_file": "/west.pem"}}},
        {"orthanc": {"url": "https://pacs.example/", "tls": {"ca_file": "/west.pem"}}},
        {"dimse": DIMSE | {"tls": {"certificate_file": "/west.pem", "private_key_file": "/west.key"}}},
        {"dimse": DIMSE | {"tls": {"certificate_ref": "file:/west.pem"}}},
        {"dimse": DIMSE | {"tls": {"certificate_ref": "vault:radgate/west/main#identity"}}},
    ],
)
async def test_a_tenants_admin_names_no_files_that_may_be_another_tenants(
    admin: Administrator, rig: Rig, connection: dict[str, Any]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("CreatePacs", pacs={"name": "disc"} | connection)
    assert reason_of(caught.value) == "ROLE_NOT_ALLOWED"
    assert [config.name for config in await rig.directory.list_pacs("east")] == ["main"]


async def test_a_pacs_is_added_and_its_password_never_comes_back(rig: Rig, admin: Administrator) -> None:
    created = (await admin("CreatePacs", pacs={"name": "orthanc", "dimse": DIMSE})).pacs
    fetched = (await admin("GetPacs", name="orthanc")).pacs
    assert created == fetched
    dimse = fetched.dimse
    assert (dimse.called_aet, dimse.max_associations, dimse.username, dimse.password) == ("PACS", 4, "radgate", "")
    assert (dimse.retrieve_method, dimse.tls.server_name) == (messages.RETRIEVE_METHOD_MOVE, "pacs")
    assert [pacs.name for pacs in (await admin("ListPacs")).pacs] == ["main", "orthanc"]
    kept = (await rig.directory.list_pacs("east"))[-1].connection
    assert isinstance(kept, DimseConnection)
    assert kept.password == Secret("secret")


@pytest.mark.parametrize(
    ("pacs", "field"),
    [
        ({"name": "Bad Name", "folder": {"path": "/x"}}, "pacs.name"),
        ({"name": "good"}, "pacs.connection"),
        ({"name": "good", "folder": {"path": "relative"}}, "pacs.folder.path"),
        ({"name": "good", "dimse": {**DIMSE, "port": 0}}, "pacs.dimse.port"),
        ({"name": "good", "dimse": {**DIMSE, "port": 70000}}, "pacs.dimse.port"),
        ({"name": "good", "dimse": {**DIMSE, "called_aet": "A" * 17}}, "pacs.dimse.called_aet"),
        ({"name": "good", "dimse": {**DIMSE, "retrieve_method": 9}}, "pacs.dimse.retrieve_method"),
    ],
)
async def test_an_unusable_pacs_names_the_field(admin: Administrator, pacs: dict[str, Any], field: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("CreatePacs", pacs=pacs)
    assert reason_of(caught.value) == "INVALID_ARGUMENT"
    assert caught.value.details().startswith(f"{field}: ")


async def test_a_pacs_is_tested(rig: Rig, admin: Administrator) -> None:
    assert (await admin("TestPacs", name="main")).detail == "6 instances"
    rig.east.refuse_with = PacsRejectedError("the PACS rejected the association", pacs="main")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("TestPacs", name="main")
    assert (reason_of(caught.value), trailer_of(caught.value, "x-http-status")) == ("PACS_REJECTED", "502")


async def test_a_pacs_of_an_unknown_kind_is_listed_with_the_remedy(rig: Rig, admin: Administrator) -> None:
    connection = UnknownConnection("tape", {"kind": "tape", "drive": 3}, Secret("secret"))
    await rig.directory.create_pacs(PacsConfig("east", "tape", connection, START))
    main, tape = (await admin("ListPacs")).pacs
    assert (main.name, main.unusable_reason) == ("main", "")
    assert (tape.name, tape.WhichOneof("connection")) == ("tape", None)
    assert "kind 'tape': install what provides the kind" in tape.unusable_reason
    assert (await admin("GetPacs", name="tape")).pacs.unusable_reason == tape.unusable_reason
    report = (await admin("ValidatePacs", name="tape")).report
    assert (report.passed, "'tape'" in report.checks[0].message) == (False, True)
    assert (await rig.directory.list_pacs("east"))[-1].connection == connection
    await admin("TestPacs", name="main")
    with pytest.raises(grpc.aio.AioRpcError, match="install what provides the kind"):
        await admin("TestPacs", name="tape")
    await admin("DeletePacs", name="tape")
    assert [pacs.name for pacs in (await admin("ListPacs")).pacs] == ["main"]


async def test_a_secret_stored_for_settings_that_do_not_fit_goes_to_no_new_host(rig: Rig, admin: Administrator) -> None:
    stored = UnknownConnection("dimse", {"kind": "dimse", "hst": "a"}, Secret("secret"), misfit="hst")
    await rig.directory.create_pacs(PacsConfig("east", "newer", stored, START))
    assert "'hst'" in (await admin("GetPacs", name="newer")).pacs.unusable_reason
    dimse = {name: value for name, value in DIMSE.items() if name not in ("tls", "password")}
    changed = (await admin("UpdatePacs", pacs={"name": "newer", "dimse": dimse})).pacs
    assert (changed.unusable_reason, changed.dimse.host) == ("", "pacs.example")
    assert not (await rig.directory.list_pacs("east"))[-1].connection.secret


async def test_a_removed_pacs_is_gone(admin: Administrator) -> None:
    await admin("DeletePacs", name="main")
    for rpc in ("GetPacs", "DeletePacs", "TestPacs"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await admin(rpc, name="main")
        assert reason_of(caught.value) == "RESOURCE_NOT_FOUND"


ORTHANC: dict[str, Any] = {
    "url": "http://orthanc.example:8042",
    "auth": {"method": pacs_pb2.HTTP_AUTH_METHOD_BASIC, "username": "radgate"},
    "password": "secret",
}


async def refused(call: Awaitable[Any]) -> tuple[str, str]:
    """Reason and text of what the server refuses."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return reason_of(caught.value), caught.value.details() or ""


@pytest.fixture
async def group(admin: Administrator) -> Administrator:
    """With two backups of main."""
    for name in ("near", "far"):
        await admin("CreatePacs", pacs={"name": name, "dimse": DIMSE, "backup_for": "main"})
    return admin


async def test_a_new_pacs_is_validated_first(rig: Rig, admin: Administrator) -> None:
    created = (await admin("CreatePacs", pacs={"name": "orthanc", "orthanc": ORTHANC})).pacs
    assert created.validation.passed
    assert created.validation.time.ToDatetime(UTC) == START
    assert [check.kind for check in created.validation.checks] == pacs_pb2.CheckKind.values()[1:]
    assert (created.active, created.orthanc.password, created.orthanc.max_connections) == (True, "", 8)
    assert rig.audit.entries[-1].detail == "create pacs orthanc"


async def test_a_pacs_that_fails_its_validation_is_not_saved(rig: Rig, admin: Administrator) -> None:
    rig.second.refuse_with = PacsCredentialsError("the PACS refuses the credentials", pacs="second")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("CreatePacs", pacs={"name": "orthanc", "orthanc": ORTHANC})
    info = error_info_of(caught.value)
    assert (info.reason, info.metadata["check"]) == ("PACS_VALIDATION_FAILED", "credentials")
    assert trailer_of(caught.value, "x-http-status") == "422"
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert [pacs.name for pacs in (await admin("ListPacs")).pacs] == ["main"]
    created = (await admin("CreatePacs", pacs={"name": "orthanc", "orthanc": ORTHANC}, skip_validation=True)).pacs
    assert not created.HasField("validation")


@pytest.mark.parametrize(
    ("host", "reason"), [("pacs.lan", ""), ("pacs.vault", "ADDRESS_NOT_ALLOWED"), ("127.0.0.1", "ADDRESS_NOT_ALLOWED")]
)
async def test_a_tenants_admin_reaches_only_networks_that_are_open(
    rig: Rig, channel: grpc.aio.Channel, admin: Administrator, host: str, reason: str
) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("CreatePacs", {"pacs": {"name": "new", "dimse": DIMSE | {"host": host}}}),
        ("CreatePacs", {"pacs": {"name": "web", "orthanc": ORTHANC | {"url": f"http://{host}"}}}),
        ("UpdatePacs", {"pacs": {"name": "there", "dimse": DIMSE | {"host": host}}}),
        ("DetectPacs", {"endpoint": host}),
    ]
    everywhere = Administrator(channel, await rig.key("*", role=Role.ADMIN), "east")
    await everywhere("CreatePacs", pacs={"name": "there", "dimse": DIMSE})
    for (rpc, fields), field in zip(calls, ("pacs.dimse", "pacs.orthanc", "pacs.dimse", "endpoint"), strict=True):
        if reason:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await admin(rpc, **fields)
            assert (reason_of(caught.value), error_info_of(caught.value).metadata["field"]) == (reason, field)
            assert await everywhere(rpc, **fields)
        else:
            assert await admin(rpc, **fields)


async def test_an_update_changes_what_the_mask_names(rig: Rig, admin: Administrator) -> None:
    await admin("CreatePacs", pacs={"name": "spare", "dimse": DIMSE})
    before = (await admin("GetPacs", name="spare")).pacs
    rig.clock.advance(60)
    given = {"name": "spare", "dimse": {"max_associations": 9, "called_aet": "OTHER"}, "backup_for": "main"}
    changed = (await admin("UpdatePacs", pacs=given, update_mask={"paths": ["dimse.max_associations"]})).pacs
    assert (changed.dimse.max_associations, changed.dimse.called_aet, changed.backup_for) == (9, "PACS", "")
    assert changed.validation.time.ToDatetime(UTC) == START + timedelta(seconds=60)
    assert changed.create_time == before.create_time
    assert rig.audit.entries[-1].detail == "update pacs spare"
    kept = (await rig.directory.list_pacs("east"))[-1].connection
    assert isinstance(kept, DimseConnection)
    assert (kept.password, kept.max_associations) == (Secret("secret"), 9)


async def test_an_update_without_a_mask_changes_what_is_given(rig: Rig, admin: Administrator) -> None:
    await admin("CreatePacs", pacs={"name": "spare", "dimse": DIMSE})
    rig.second.refuse_with = PacsRejectedError("the PACS rejected the association", pacs="second")
    given = {"name": "spare", "backup_for": "main", "failover": {"threshold": 9}}
    changed = (await admin("UpdatePacs", pacs=given)).pacs  # reached as before: no need to validate it
    assert (changed.backup_for, changed.failover.threshold, changed.failover.failback_after.seconds) == ("main", 9, 60)
    assert (changed.active, changed.dimse.host) == (False, "pacs.example")
    assert changed.validation.passed


async def test_an_update_is_validated_and_refused_as_a_whole(rig: Rig, admin: Administrator) -> None:
    await admin("CreatePacs", pacs={"name": "spare", "dimse": DIMSE})
    rig.second.refuse_with = PacsRejectedError("the PACS rejected the association", pacs="second")
    given = {"name": "spare", "dimse": {"port": 105, "password": "secret"}}
    assert (await refused(admin("UpdatePacs", pacs=given)))[0] == "PACS_VALIDATION_FAILED"
    assert (await admin("GetPacs", name="spare")).pacs.dimse.port == 104
    changed = (await admin("UpdatePacs", pacs=given, skip_validation=True)).pacs
    assert (changed.dimse.port, changed.HasField("validation")) == (105, False)


async def test_what_is_changed_during_a_validation_stays(rig: Rig, admin: Administrator) -> None:
    await admin("CreatePacs", pacs={"name": "spare", "dimse": DIMSE})
    before = rig.second.calls["echo"]
    rig.second.silence()
    slow = asyncio.ensure_future(admin("UpdatePacs", pacs={"name": "spare", "dimse": {"max_associations": 9}}))
    while rig.second.calls["echo"] == before:
        await asyncio.sleep(0.01)
    await admin("UpdatePacs", pacs={"name": "spare", "failover": {"threshold": 9}})
    rig.second.release()
    changed = (await slow).pacs
    assert (changed.dimse.max_associations, changed.failover.threshold) == (9, 9)


async def test_a_pacs_that_becomes_another_archive_takes_what_is_cached_along(rig: Rig, admin: Administrator) -> None:
    await admin("CreatePacs", pacs={"name": "spare", "orthanc": ORTHANC})
    await rig.store.put("east", received(make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1")))
    await admin("UpdatePacs", pacs={"name": "spare", "orthanc": {"max_connections": 2}})
    assert rig.store.instances
    await admin("UpdatePacs", pacs={"name": "spare", "orthanc": {"url": "http://new.example", "password": "secret"}})
    assert not rig.store.instances


@pytest.mark.parametrize(
    ("given", "paths", "field"),
    [
        ({"dimse": {"port": 105}}, ["dimse.prot"], "update_mask"),
        ({"dimse": {"host": "evil.example"}}, [], "pacs.dimse.password"),
        ({"dimse": {"port": 0}}, ["dimse.port", "dimse.password"], "pacs.dimse.port"),
        ({"backup_for": "nobody"}, [], "pacs.backup_for"),
        ({"backup_for": "spare"}, [], "pacs.backup_for"),
        ({"failover": {"threshold": 101}}, [], "pacs.failover.threshold"),
    ],
)
async def test_an_unusable_update_names_the_field(
    admin: Administrator, given: dict[str, Any], paths: list[str], field: str
) -> None:
    await admin("CreatePacs", pacs={"name": "spare", "dimse": DIMSE})
    reason, text = await refused(admin("UpdatePacs", pacs={"name": "spare"} | given, update_mask={"paths": paths}))
    assert (reason, text.partition(": ")[0]) == ("INVALID_ARGUMENT", field)


@pytest.mark.parametrize(
    "rpc", ["UpdatePacs", "ValidatePacs", "FailoverPacs", "FailbackPacs", "ListPacsTransitions", "GetPacs"]
)
async def test_what_is_not_there_is_not_found(admin: Administrator, rpc: str) -> None:
    fields: dict[str, Any] = {"pacs": {"name": "nobody"}} if rpc == "UpdatePacs" else {"name": "nobody"}
    assert (await refused(admin(rpc, **fields)))[0] == "RESOURCE_NOT_FOUND"


async def test_a_validation_is_kept_and_a_failed_one_is_no_error(rig: Rig, admin: Administrator) -> None:
    rig.east.refuse_with = PacsRejectedError("the PACS rejected the association", pacs="main")
    report = (await admin("ValidatePacs", name="main")).report
    assert not report.passed
    assert [check.outcome for check in report.checks].count(pacs_pb2.CHECK_OUTCOME_FAILED) == 1
    assert (await admin("GetPacs", name="main")).pacs.validation == report
    assert rig.audit.entries[-1].detail == "validate pacs main"


async def test_what_a_host_speaks_is_detected_and_can_be_added(rig: Rig, admin: Administrator) -> None:
    found = await admin("DetectPacs", endpoint="pacs.example", port=104, called_aets=["OURS"], secret="hunter2")
    assert rig.audit.entries[-1].detail == "detect pacs at pacs.example"
    assert "hunter2" not in str(found)
    kinds = [finding.pacs.WhichOneof("connection") for finding in found.findings]
    assert {"orthanc", "dicomweb", "dimse"} == set(kinds)
    dimse = found.findings[kinds.index("dimse")]
    assert (dimse.pacs.name, dimse.pacs.dimse.called_aet, dimse.pacs.dimse.calling_aet) == ("dimse", "OURS", "RADGATE")
    assert (await admin("CreatePacs", pacs=dimse.pacs)).pacs.dimse == dimse.pacs.dimse
    nothing = await admin("DetectPacs", endpoint="pacs.example", port=105)
    assert not nothing.findings
    assert [(attempt.kind, attempt.reason) for attempt in nothing.attempts] == [
        (messages.DETECT_KIND_TCP, ERROR_REASON_PACS_UNREACHABLE)
    ]
    assert nothing.hints


async def test_work_is_sent_to_a_backup_and_given_back(rig: Rig, group: Administrator) -> None:
    async def active() -> list[str]:
        return [pacs.name for pacs in (await group("ListPacs")).pacs if pacs.active]

    assert await active() == ["main"]
    first = (await group("FailoverPacs", name="main")).transition
    assert (first.primary_pacs, first.from_pacs, first.to_pacs) == ("main", "main", "near")
    assert first.cause == pacs_pb2.TRANSITION_CAUSE_MANUAL_FAILOVER
    assert rig.audit.entries[-1].detail == "manual-failover of pacs main from main to near"
    assert await active() == ["near"]
    await group("FailoverPacs", name="main", target_pacs="far")
    back = (await group("FailbackPacs", name="main")).transition
    assert (back.from_pacs, back.to_pacs) == ("far", "main")
    assert await active() == ["main"]
    for name in ("main", "far"):
        history = (await group("ListPacsTransitions", name=name)).transitions
        assert [transition.to_pacs for transition in history] == ["main", "far", "near"]
    assert list((await group("ListPacsTransitions", name="main", page_size=1)).transitions) == [back]


@pytest.mark.parametrize(
    ("rpc", "fields", "field"),
    [
        ("FailoverPacs", {"name": "near"}, "name"),
        ("FailoverPacs", {"name": "main", "target_pacs": "main"}, "target_pacs"),
        ("FailbackPacs", {"name": "main"}, "name"),
        ("DeletePacs", {"name": "main"}, "name"),
        ("CreatePacs", {"pacs": {"name": "third", "dimse": DIMSE, "backup_for": "near"}}, "pacs.backup_for"),
    ],
)
async def test_a_group_is_not_broken(group: Administrator, rpc: str, fields: dict[str, Any], field: str) -> None:
    reason, text = await refused(group(rpc, **fields))
    assert (reason, text.partition(": ")[0]) == ("INVALID_ARGUMENT", field)


async def test_the_list_reports_what_a_server_saw(rig: Rig, admin: Administrator) -> None:
    operations = (OperationState("find", BreakerState.OPEN, 5),)
    status = PacsStatus("east", "main", START, Health.DOWN, 1.5, "PACS_TIMEOUT", active=True, operations=operations)
    await rig.directory.publish([status])
    state = (await admin("ListPacs")).pacs[0].state
    assert (state.health, state.reason, state.latency_ms) == (pacs_pb2.PACS_HEALTH_DOWN, ERROR_REASON_PACS_TIMEOUT, 1.5)
    assert state.time.ToDatetime(UTC) == START
    assert [(found.operation, found.breaker, found.consecutive_failures) for found in state.operations] == [
        (pacs_pb2.PACS_OPERATION_FIND, pacs_pb2.BREAKER_STATE_OPEN, 5)
    ]


@pytest.mark.parametrize(
    "reference", ["env:RADGATE_DATABASE_URL", "file:/etc/passwd", "vault:radgate/west/main#password"]
)
async def test_a_tenants_administrator_reads_nothing_of_others_by_reference(
    rig: Rig, admin: Administrator, channel: grpc.aio.Channel, reference: str
) -> None:
    dimse = {name: value for name, value in DIMSE.items() if name not in ("password", "tls")}
    owner = Administrator(channel, await rig.key("*", role=Role.ADMIN), "east")
    reason, _ = await refused(admin("CreatePacs", pacs={"name": "new", "dimse": {**dimse, "password_ref": reference}}))
    assert reason == "ROLE_NOT_ALLOWED"
    detect = {"endpoint": "pacs.example", "username": "me", "secret_ref": reference}
    assert (await refused(admin("DetectPacs", **detect)))[0] == "ROLE_NOT_ALLOWED"
    await owner("CreatePacs", pacs={"name": "new", "dimse": {**dimse, "password_ref": reference}})
    reported = (await admin("GetPacs", name="new")).pacs
    assert reported.dimse.password_ref == reference
    reported.dimse.max_associations = 9
    await admin("UpdatePacs", pacs=reported)
    for change in ({"host": "other.example"}, {"host": "other.example", "password_ref": reference}):
        reason, _ = await refused(admin("UpdatePacs", pacs={"name": "new", "dimse": change}))
        assert reason == ("ROLE_NOT_ALLOWED" if "password_ref" in change else "INVALID_ARGUMENT")


async def test_a_tenants_administrator_refers_to_what_is_the_tenants(admin: Administrator) -> None:
    dimse = {name: value for name, value in DIMSE.items() if name not in ("password", "tls")}
    reference = "vault:radgate/east/main#password"
    await admin("CreatePacs", pacs={"name": "new", "dimse": {**dimse, "password_ref": reference}})
    assert (await admin("GetPacs", name="new")).pacs.dimse.password_ref == reference
