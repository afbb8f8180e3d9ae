"""A wrong field is named by the path that leads to it: in the request over gRPC, in the JSON body over REST."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import grpc
import pytest
from google.api.annotations_pb2 import http
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest

from radgate.v1 import admin_service_pb2 as admin
from radgate.v1 import audit_service_pb2 as audit
from radgate_server.core.access.tenancy import Role
from radgate_server.rpc.access.authorization import METHODS
from tests.rpc.calls import RPCS, error_info_of, invoke, rich_status_of
from tests.rpc.named_requests import fill
from tests.rpc.rig import EAST_STUDY, Rig

SPEC = {"kind": audit.AUDIT_REPORT_KIND_STUDY_ACCESS, "format": audit.AUDIT_REPORT_FORMAT_JSON, "subject": EAST_STUDY}
SCHEDULE = {"name": "weekly", "spec": SPEC, "frequency": audit.REPORT_FREQUENCY_WEEKLY, "receivers": ["nobody"]}
REF = {
    "study_instance_uid": EAST_STUDY,
    "series_instance_uid": f"{EAST_STUDY}.1",
    "sop_instance_uid": f"{EAST_STUDY}.1.1",
}
TARGET = {"transfer_syntax_uid": "1.2.840.10008.1.2.1"}
KEYS = {"keys": [{"attribute": "PatientID", "value": "P-1"}]}
PACS: Mapping[str, dict[str, Any]] = {
    "dimse": {
        "host": "pacs.example",
        "port": 104,
        "called_aet": "PACS",
        "calling_aet": "RADGATE",
        "username": "me",
        "password": "secret",
        "tls": {},
    },
    "dicomweb": {"url": "https://pacs.example/", "auth": {"method": 1, "username": "me"}, "password": "secret"},
    "orthanc": {"url": "https://pacs.example/", "auth": {"method": 4, "token_url": "https://sso.example/"}},
    "folder": {"path": "/east"},
    "extension": {"kind": "tape"},
}
STARTS: Mapping[str, list[dict[str, Any]]] = {
    "radgate.v1.AdminService/UpdateTenant": [{"tenant": {"tenant_id": "east", "hide_rejected": True}}],
    "radgate.v1.AdminService/CreateApiKey": [{"role": admin.ROLE_VIEWER, "restriction": {"modalities": ["CT"]}}],
    "radgate.v1.AdminService/UpdateLimits": [{"limits": {"bytes_per_second": 1 << 30}}],
    "radgate.v1.AdminService/CreatePacs": [
        {"pacs": {"name": "new", kind: connection}, "skip_validation": True} for kind, connection in PACS.items()
    ],
    "radgate.v1.AdminService/UpdatePacs": [
        {"pacs": {"name": "main", kind: connection}, "skip_validation": True} for kind, connection in PACS.items()
    ],
    "radgate.v1.AuditService/MakeAuditReport": [{"spec": SPEC}],
    "radgate.v1.AuditService/CreateReportSchedule": [{"schedule": SCHEDULE}],
    "radgate.v1.AuditService/UpdateReportSchedule": [{"schedule": SCHEDULE}],
    "radgate.v1.JobService/CreateJob": [
        {"transcode_study": {"study_instance_uid": EAST_STUDY, **TARGET}},
        {"make_thumbnails": {"study_instance_uid": EAST_STUDY}},
    ],
    "radgate.v1.PrefetchService/SetPrefetchRule": [{"rule": {"name": "priors", "last": 3}}],
    "radgate.v1.PrefetchService/ReplayPrefetchRule": [{"rule": {"name": "priors", "last": 3}}],
    "radgate.v1.QueryService/SearchStudies": [KEYS],
    "radgate.v1.QueryService/SearchSeries": [KEYS],
    "radgate.v1.QueryService/SearchInstances": [KEYS],
    "radgate.v1.RetrieveService/RetrieveFrames": [{"ref": REF}],
    "radgate.v1.RetrieveService/StreamFrames": [{"open": {"study_instance_uid": EAST_STUDY}}],
    "radgate.v1.RetrieveService/ViewFrames": [{"open": {"study_instance_uid": EAST_STUDY}}],
    "radgate.v1.RetrieveService/PrioritizeFrames": [{"view_id": "none", "prioritize": {"series_instance_uid": "1.2"}}],
    "radgate.v1.StoreService/StoreInstances": [{"target": {"study_instance_uid": EAST_STUDY}}],
    "radgate.v1.TranscodeService/TranscodeFrames": [{"ref": REF, "target": TARGET}],
    "radgate.v1.TranscodeService/TranscodeInstance": [{"ref": REF, "target": TARGET}],
    "radgate.v1.TranscodeService/TranscodeUpload": [{"target": TARGET}],
}
"""Requests in which all is right, by the rpcs that have messages in their requests."""


class Case(NamedTuple):
    """A request with one wrong field."""

    path: str
    request: Message


def body_of(name: str) -> str:
    """The field of the request that a JSON body is, "*" for the request itself, "" for none or no REST."""
    return str(RPCS[name].GetOptions().Extensions[http].body)


def is_ours(message: Descriptor | None) -> bool:
    return message is not None and not message.full_name.startswith("google.")


BAD_STRING = "\x07 no\\" * 600
BAD: Mapping[int, Any] = {
    FieldDescriptor.CPPTYPE_STRING: BAD_STRING,
    FieldDescriptor.CPPTYPE_INT32: -7,
    FieldDescriptor.CPPTYPE_INT64: -7,
    FieldDescriptor.CPPTYPE_UINT32: 1 << 31,
    FieldDescriptor.CPPTYPE_DOUBLE: -7.5,
    FieldDescriptor.CPPTYPE_ENUM: 99,
}


def cases(message: Message, root: Message, above: str = "") -> Iterator[Case]:
    """The root with each field below `message`, which lies in it, once malformed, and once missing."""
    for field in message.DESCRIPTOR.fields:
        path, is_set = above + field.name, field.name in {given.name for given, _ in message.ListFields()}
        if is_set and above:
            yield Case(path, changed(root, message, lambda: message.ClearField(field.name)))  # noqa: B023 - called at once
        if not is_ours(field.message_type):
            if above and (spoil := spoiling(message, field)):
                yield Case(path, changed(root, message, spoil))
        elif field.is_repeated:
            for index, item in enumerate(getattr(message, field.name)):
                yield from cases(item, root, f"{path}[{index}].")
        elif is_set:
            yield from cases(getattr(message, field.name), root, f"{path}.")


def spoiling(message: Message, field: FieldDescriptor) -> Callable[[], object] | None:
    """What makes the field malformed, None for flags and bytes, which can't be."""
    if field.message_type and field.message_type.name in ("Duration", "Timestamp"):
        return lambda: getattr(message, field.name).FromSeconds(-7)
    if field.message_type or field.type == field.TYPE_BYTES or field.cpp_type not in BAD:
        return None
    bad = BAD[field.cpp_type]
    if field.is_repeated:
        return lambda: getattr(message, field.name).extend([bad] * 300)
    return lambda: setattr(message, field.name, bad)


def changed(root: Message, message: Message, change: Callable[[], object]) -> Message:
    """A copy of the root, in which `message` lies, with the change, which is taken back."""
    before, copy = type(message)(), type(root)()
    before.CopyFrom(message)
    change()
    copy.CopyFrom(root)
    message.CopyFrom(before)
    return copy


def exists(message: Descriptor | None, path: str, *, in_json: bool = False) -> bool:
    """Whether the path leads to a field, or to a oneof, which JSON has no name for."""
    first, _, rest = path.partition(".")
    name = first.partition("[")[0]
    if message is None or (not rest and name in message.oneofs_by_name):
        return message is not None
    if message.full_name == "google.protobuf.Struct":
        return True
    named = {field.json_name if in_json else field.name: field for field in message.fields}
    return name in named and (not rest or exists(named[name].message_type, rest, in_json=in_json))


def test_each_rpc_with_messages_in_its_requests_is_looked_at() -> None:
    nesting = {
        name
        for name, method in RPCS.items()
        if name.startswith("radgate.v1.") and any(is_ours(field.message_type) for field in method.input_type.fields)
    }
    assert nesting == STARTS.keys()


@pytest.mark.parametrize("name", STARTS)
async def test_a_wrong_field_is_named_by_its_path_in_the_request(
    rig: Rig, channel: grpc.aio.Channel, name: str
) -> None:
    method, token = RPCS[name], await key_for(rig, name)
    for start in STARTS[name]:
        request, found = GetMessageClass(method.input_type)(**start), set()
        for path, wrong in cases(request, request):
            if field := await named_field(channel, name, wrong, token):
                assert exists(method.input_type, field), (path, field)
                found |= {path} & {field}
        assert found, start


async def test_a_wrong_field_of_any_request_itself_is_one_of_its_fields(rig: Rig, channel: grpc.aio.Channel) -> None:
    as_is: set[str] = set()
    for name, method in RPCS.items():
        if not name.startswith("radgate.v1."):
            continue
        request, token = GetMessageClass(method.input_type)(), await key_for(rig, name)
        fill(request)
        for wrong in method.input_type.fields:
            spoil = spoiling(request, wrong)
            if spoil is None or wrong.name == "tenant_id":  # which the header of all these calls contradicts
                continue
            if field := await named_field(channel, name, changed(request, request, spoil), token):
                assert exists(method.input_type, field), (name, wrong.name, field)
                as_is |= {name} if field == wrong.name else set()
    assert len(as_is) > len(RPCS) // 4


@pytest.mark.parametrize("name", [name for name in STARTS if body_of(name)])
async def test_over_rest_a_wrong_field_is_named_by_its_path_in_the_body(
    rig: Rig, channel: grpc.aio.Channel, name: str
) -> None:
    method, token, body = RPCS[name], await key_for(rig, name), body_of(name)
    sent = method.input_type if body == "*" else method.input_type.fields_by_name[body].message_type
    for start in STARTS[name]:
        request, found = GetMessageClass(method.input_type)(**start), set()
        for path, wrong in cases(request, request):
            if field := await named_field(channel, name, wrong, token, x_envoy_original_path="/api/v1/any"):
                assert exists(sent, field, in_json=True), (path, field)
                found |= {camel(path if body == "*" else path.removeprefix(f"{body}."))} & {field}
        assert found, start


async def test_over_rest_a_field_is_spelt_as_the_body_spelt_it(rig: Rig, channel: grpc.aio.Channel) -> None:
    name = "radgate.v1.AdminService/CreatePacs"
    request = admin.CreatePacsRequest(pacs={"name": "new", "dimse": PACS["dimse"] | {"called_aet": BAD_STRING}})
    for spelling in ("dimse.calledAet", "dimse.called_aet"):
        headers = {"x_envoy_original_path": "/api/v1/pacs", "x_radgate_fields": f"name,dimse,{spelling}"}
        assert await named_field(channel, name, request, await key_for(rig, name), **headers) == spelling


async def key_for(rig: Rig, name: str) -> str:
    return await rig.key("*", role=max(METHODS[name].roles, key=lambda role: (role is Role.ADMIN, role.value)))


def camel(path: str) -> str:
    first, *others = path.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


async def named_field(channel: grpc.aio.Channel, name: str, request: Message, token: str, **headers: str) -> str | None:
    """The field that the refusal names, None when the request is not refused as malformed."""
    try:
        await invoke(channel, name, request.SerializeToString(), token=token, x_tenant_id="east", **headers)
    except grpc.aio.AioRpcError as error:
        return violation_of(error) if error.code() is grpc.StatusCode.INVALID_ARGUMENT else None
    return None


def violation_of(refusal: grpc.aio.AioRpcError) -> str:
    bad = BadRequest()
    assert any(detail.Unpack(bad) for detail in rich_status_of(refusal).details)
    (violation,) = bad.field_violations
    assert error_info_of(refusal).metadata["field"] == violation.field
    assert (refusal.details() or "").startswith(f"{violation.field}: ")
    return str(violation.field)
