import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from radgate.v1 import error_reason_pb2 as _error_reason_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QuarantinedInstance(_message.Message):
    __slots__ = ("entry_id", "receive_time", "pacs", "reason", "size_bytes", "asked", "stated")
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    PACS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    STATED_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    receive_time: _timestamp_pb2.Timestamp
    pacs: str
    reason: _error_reason_pb2.ErrorReason
    size_bytes: int
    asked: QuarantinedIdentity
    stated: QuarantinedIdentity
    def __init__(self, entry_id: _Optional[str] = ..., receive_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pacs: _Optional[str] = ..., reason: _Optional[_Union[_error_reason_pb2.ErrorReason, str]] = ..., size_bytes: _Optional[int] = ..., asked: _Optional[_Union[QuarantinedIdentity, _Mapping]] = ..., stated: _Optional[_Union[QuarantinedIdentity, _Mapping]] = ...) -> None: ...

class QuarantinedIdentity(_message.Message):
    __slots__ = ("study_instance_uid", "series_instance_uid", "sop_instance_uid")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    def __init__(self, study_instance_uid: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ...) -> None: ...

class ListQuarantinedInstancesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "tenant_id")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    tenant_id: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class ListQuarantinedInstancesResponse(_message.Message):
    __slots__ = ("instances", "next_page_token")
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    instances: _containers.RepeatedCompositeFieldContainer[QuarantinedInstance]
    next_page_token: str
    def __init__(self, instances: _Optional[_Iterable[_Union[QuarantinedInstance, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ReadQuarantinedInstanceRequest(_message.Message):
    __slots__ = ("entry_id", "tenant_id")
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    tenant_id: str
    def __init__(self, entry_id: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class DeleteQuarantinedInstanceRequest(_message.Message):
    __slots__ = ("entry_id", "tenant_id")
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    tenant_id: str
    def __init__(self, entry_id: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class DeleteQuarantinedInstanceResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
