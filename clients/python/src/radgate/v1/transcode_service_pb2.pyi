from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.rpc import status_pb2 as _status_pb2
from radgate.v1 import dicom_pb2 as _dicom_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QualityLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUALITY_LEVEL_UNSPECIFIED: _ClassVar[QualityLevel]
    QUALITY_LEVEL_THUMBNAIL: _ClassVar[QualityLevel]
    QUALITY_LEVEL_PREVIEW: _ClassVar[QualityLevel]
    QUALITY_LEVEL_DIAGNOSTIC: _ClassVar[QualityLevel]
QUALITY_LEVEL_UNSPECIFIED: QualityLevel
QUALITY_LEVEL_THUMBNAIL: QualityLevel
QUALITY_LEVEL_PREVIEW: QualityLevel
QUALITY_LEVEL_DIAGNOSTIC: QualityLevel

class TranscodeTarget(_message.Message):
    __slots__ = ("transfer_syntax_uid", "media_type", "quality_level", "quality")
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    transfer_syntax_uid: str
    media_type: str
    quality_level: QualityLevel
    quality: int
    def __init__(self, transfer_syntax_uid: _Optional[str] = ..., media_type: _Optional[str] = ..., quality_level: _Optional[_Union[QualityLevel, str]] = ..., quality: _Optional[int] = ...) -> None: ...

class TranscodeFramesRequest(_message.Message):
    __slots__ = ("ref", "frame_numbers", "target", "prefer_edge")
    REF_FIELD_NUMBER: _ClassVar[int]
    FRAME_NUMBERS_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PREFER_EDGE_FIELD_NUMBER: _ClassVar[int]
    ref: _dicom_pb2.InstanceRef
    frame_numbers: _containers.RepeatedScalarFieldContainer[int]
    target: TranscodeTarget
    prefer_edge: bool
    def __init__(self, ref: _Optional[_Union[_dicom_pb2.InstanceRef, _Mapping]] = ..., frame_numbers: _Optional[_Iterable[int]] = ..., target: _Optional[_Union[TranscodeTarget, _Mapping]] = ..., prefer_edge: bool = ...) -> None: ...

class TranscodeFramesResponse(_message.Message):
    __slots__ = ("header", "chunk", "trailer", "edge_url")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    EDGE_URL_FIELD_NUMBER: _ClassVar[int]
    header: TranscodedFrameHeader
    chunk: bytes
    trailer: TranscodedFrameTrailer
    edge_url: _dicom_pb2.EdgeUrl
    def __init__(self, header: _Optional[_Union[TranscodedFrameHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ..., trailer: _Optional[_Union[TranscodedFrameTrailer, _Mapping]] = ..., edge_url: _Optional[_Union[_dicom_pb2.EdgeUrl, _Mapping]] = ...) -> None: ...

class TranscodedFrameHeader(_message.Message):
    __slots__ = ("frame_number", "transfer_syntax_uid", "media_type", "size_bytes", "rows", "columns", "lossy", "notes")
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    LOSSY_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    frame_number: int
    transfer_syntax_uid: str
    media_type: str
    size_bytes: int
    rows: int
    columns: int
    lossy: bool
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, frame_number: _Optional[int] = ..., transfer_syntax_uid: _Optional[str] = ..., media_type: _Optional[str] = ..., size_bytes: _Optional[int] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ..., lossy: bool = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class TranscodedFrameTrailer(_message.Message):
    __slots__ = ("crc32c", "status")
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    crc32c: int
    status: _status_pb2.Status
    def __init__(self, crc32c: _Optional[int] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class TranscodeInstanceRequest(_message.Message):
    __slots__ = ("ref", "target")
    REF_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    ref: _dicom_pb2.InstanceRef
    target: TranscodeTarget
    def __init__(self, ref: _Optional[_Union[_dicom_pb2.InstanceRef, _Mapping]] = ..., target: _Optional[_Union[TranscodeTarget, _Mapping]] = ...) -> None: ...

class TranscodeInstanceResponse(_message.Message):
    __slots__ = ("header", "chunk", "trailer")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    header: TranscodedInstanceHeader
    chunk: bytes
    trailer: TranscodedInstanceTrailer
    def __init__(self, header: _Optional[_Union[TranscodedInstanceHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ..., trailer: _Optional[_Union[TranscodedInstanceTrailer, _Mapping]] = ...) -> None: ...

class TranscodedInstanceHeader(_message.Message):
    __slots__ = ("ref", "transfer_syntax_uid", "size_bytes", "lossy", "notes")
    REF_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOSSY_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    ref: _dicom_pb2.InstanceRef
    transfer_syntax_uid: str
    size_bytes: int
    lossy: bool
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ref: _Optional[_Union[_dicom_pb2.InstanceRef, _Mapping]] = ..., transfer_syntax_uid: _Optional[str] = ..., size_bytes: _Optional[int] = ..., lossy: bool = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class TranscodedInstanceTrailer(_message.Message):
    __slots__ = ("crc32c", "status")
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    crc32c: int
    status: _status_pb2.Status
    def __init__(self, crc32c: _Optional[int] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class TranscodeUploadRequest(_message.Message):
    __slots__ = ("target", "chunk")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    target: TranscodeTarget
    chunk: bytes
    def __init__(self, target: _Optional[_Union[TranscodeTarget, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class TranscodeUploadResponse(_message.Message):
    __slots__ = ("header", "chunk", "trailer")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    header: TranscodedInstanceHeader
    chunk: bytes
    trailer: TranscodedInstanceTrailer
    def __init__(self, header: _Optional[_Union[TranscodedInstanceHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ..., trailer: _Optional[_Union[TranscodedInstanceTrailer, _Mapping]] = ...) -> None: ...
