from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PrioritizeViewRequest(_message.Message):
    __slots__ = ("tenant_id", "key_id", "view_id", "series_instance_uid", "sop_instance_uid", "whole")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_ID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    key_id: str
    view_id: str
    series_instance_uid: str
    sop_instance_uid: str
    whole: bool
    def __init__(self, tenant_id: _Optional[str] = ..., key_id: _Optional[str] = ..., view_id: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., whole: bool = ...) -> None: ...

class PrioritizeViewResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: str
    def __init__(self, outcome: _Optional[str] = ...) -> None: ...

class LocateInstanceRequest(_message.Message):
    __slots__ = ("tenant_id", "sop_instance_uid")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    sop_instance_uid: str
    def __init__(self, tenant_id: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ...) -> None: ...

class LocateInstanceResponse(_message.Message):
    __slots__ = ("study_instance_uid", "series_instance_uid")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    series_instance_uid: str
    def __init__(self, study_instance_uid: _Optional[str] = ..., series_instance_uid: _Optional[str] = ...) -> None: ...

class FetchInstancesRequest(_message.Message):
    __slots__ = ("tenant_id", "pacs", "study_instance_uid", "series_instance_uid", "sop_instance_uid", "instances")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PACS_FIELD_NUMBER: _ClassVar[int]
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    pacs: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    instances: _containers.RepeatedCompositeFieldContainer[PeerInstance]
    def __init__(self, tenant_id: _Optional[str] = ..., pacs: _Optional[str] = ..., study_instance_uid: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., instances: _Optional[_Iterable[_Union[PeerInstance, _Mapping]]] = ...) -> None: ...

class PeerInstance(_message.Message):
    __slots__ = ("series_instance_uid", "sop_instance_uid", "sop_class_uid", "patient_id")
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_CLASS_UID_FIELD_NUMBER: _ClassVar[int]
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    patient_id: str
    def __init__(self, series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., sop_class_uid: _Optional[str] = ..., patient_id: _Optional[str] = ...) -> None: ...

class FetchInstancesResponse(_message.Message):
    __slots__ = ("header", "chunk", "failure")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    header: PeerInstanceHeader
    chunk: bytes
    failure: PeerFailure
    def __init__(self, header: _Optional[_Union[PeerInstanceHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ..., failure: _Optional[_Union[PeerFailure, _Mapping]] = ...) -> None: ...

class PeerFailure(_message.Message):
    __slots__ = ("series_instance_uid", "sop_instance_uid", "reason", "message")
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    series_instance_uid: str
    sop_instance_uid: str
    reason: str
    message: str
    def __init__(self, series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class PeerInstanceHeader(_message.Message):
    __slots__ = ("series_instance_uid", "sop_instance_uid", "sop_class_uid", "transfer_syntax_uid", "size_bytes", "crc32c")
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_CLASS_UID_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    size_bytes: int
    crc32c: int
    def __init__(self, series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., sop_class_uid: _Optional[str] = ..., transfer_syntax_uid: _Optional[str] = ..., size_bytes: _Optional[int] = ..., crc32c: _Optional[int] = ...) -> None: ...
