from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.rpc import status_pb2 as _status_pb2
from radgate.v1 import dicom_pb2 as _dicom_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StoreInstancesRequest(_message.Message):
    __slots__ = ("target", "start", "chunk", "end")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    target: StoreTarget
    start: StoreStart
    chunk: bytes
    end: StoreEnd
    def __init__(self, target: _Optional[_Union[StoreTarget, _Mapping]] = ..., start: _Optional[_Union[StoreStart, _Mapping]] = ..., chunk: _Optional[bytes] = ..., end: _Optional[_Union[StoreEnd, _Mapping]] = ...) -> None: ...

class StoreTarget(_message.Message):
    __slots__ = ("pacs", "study_instance_uid")
    PACS_FIELD_NUMBER: _ClassVar[int]
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    pacs: str
    study_instance_uid: str
    def __init__(self, pacs: _Optional[str] = ..., study_instance_uid: _Optional[str] = ...) -> None: ...

class StoreStart(_message.Message):
    __slots__ = ("size_bytes",)
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    size_bytes: int
    def __init__(self, size_bytes: _Optional[int] = ...) -> None: ...

class StoreEnd(_message.Message):
    __slots__ = ("crc32c",)
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    crc32c: int
    def __init__(self, crc32c: _Optional[int] = ...) -> None: ...

class StoreInstancesResponse(_message.Message):
    __slots__ = ("pacs", "results")
    PACS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    pacs: str
    results: _containers.RepeatedCompositeFieldContainer[StoreResult]
    def __init__(self, pacs: _Optional[str] = ..., results: _Optional[_Iterable[_Union[StoreResult, _Mapping]]] = ...) -> None: ...

class StoreResult(_message.Message):
    __slots__ = ("ref", "sop_class_uid", "status", "dicom_status")
    REF_FIELD_NUMBER: _ClassVar[int]
    SOP_CLASS_UID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DICOM_STATUS_FIELD_NUMBER: _ClassVar[int]
    ref: _dicom_pb2.InstanceRef
    sop_class_uid: str
    status: _status_pb2.Status
    dicom_status: int
    def __init__(self, ref: _Optional[_Union[_dicom_pb2.InstanceRef, _Mapping]] = ..., sop_class_uid: _Optional[str] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., dicom_status: _Optional[int] = ...) -> None: ...
