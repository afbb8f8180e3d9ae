from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.rpc import status_pb2 as _status_pb2
from radgate.v1 import dicom_pb2 as _dicom_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RetrieveInstancesRequest(_message.Message):
    __slots__ = ("study_instance_uid", "series_instance_uid", "sop_instance_uid", "accepted_transfer_syntax_uids", "resume_token", "prefer_edge")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_TRANSFER_SYNTAX_UIDS_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PREFER_EDGE_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    accepted_transfer_syntax_uids: _containers.RepeatedScalarFieldContainer[str]
    resume_token: bytes
    prefer_edge: bool
    def __init__(self, study_instance_uid: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., accepted_transfer_syntax_uids: _Optional[_Iterable[str]] = ..., resume_token: _Optional[bytes] = ..., prefer_edge: bool = ...) -> None: ...

class RetrieveInstancesResponse(_message.Message):
    __slots__ = ("header", "chunk", "trailer", "completeness", "edge_url")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    COMPLETENESS_FIELD_NUMBER: _ClassVar[int]
    EDGE_URL_FIELD_NUMBER: _ClassVar[int]
    header: InstanceHeader
    chunk: bytes
    trailer: InstanceTrailer
    completeness: CompletenessRecord
    edge_url: _dicom_pb2.EdgeUrl
    def __init__(self, header: _Optional[_Union[InstanceHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ..., trailer: _Optional[_Union[InstanceTrailer, _Mapping]] = ..., completeness: _Optional[_Union[CompletenessRecord, _Mapping]] = ..., edge_url: _Optional[_Union[_dicom_pb2.EdgeUrl, _Mapping]] = ...) -> None: ...

class InstanceHeader(_message.Message):
    __slots__ = ("ref", "sop_class_uid", "transfer_syntax_uid", "size_bytes")
    REF_FIELD_NUMBER: _ClassVar[int]
    SOP_CLASS_UID_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ref: _dicom_pb2.InstanceRef
    sop_class_uid: str
    transfer_syntax_uid: str
    size_bytes: int
    def __init__(self, ref: _Optional[_Union[_dicom_pb2.InstanceRef, _Mapping]] = ..., sop_class_uid: _Optional[str] = ..., transfer_syntax_uid: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class InstanceTrailer(_message.Message):
    __slots__ = ("crc32c", "status", "resume_token")
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    crc32c: int
    status: _status_pb2.Status
    resume_token: bytes
    def __init__(self, crc32c: _Optional[int] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., resume_token: _Optional[bytes] = ...) -> None: ...

class CompletenessRecord(_message.Message):
    __slots__ = ("expected", "delivered", "failed", "delivered_before", "unanswered_pacs", "warnings")
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    UNANSWERED_PACS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    expected: int
    delivered: int
    failed: _containers.RepeatedCompositeFieldContainer[FailedInstance]
    delivered_before: int
    unanswered_pacs: _containers.RepeatedScalarFieldContainer[str]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, expected: _Optional[int] = ..., delivered: _Optional[int] = ..., failed: _Optional[_Iterable[_Union[FailedInstance, _Mapping]]] = ..., delivered_before: _Optional[int] = ..., unanswered_pacs: _Optional[_Iterable[str]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class FailedInstance(_message.Message):
    __slots__ = ("ref", "status")
    REF_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ref: _dicom_pb2.InstanceRef
    status: _status_pb2.Status
    def __init__(self, ref: _Optional[_Union[_dicom_pb2.InstanceRef, _Mapping]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class RetrieveMetadataRequest(_message.Message):
    __slots__ = ("study_instance_uid", "series_instance_uid", "sop_instance_uid", "resume_token")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    resume_token: bytes
    def __init__(self, study_instance_uid: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., resume_token: _Optional[bytes] = ...) -> None: ...

class RetrieveMetadataResponse(_message.Message):
    __slots__ = ("metadata", "completeness")
    METADATA_FIELD_NUMBER: _ClassVar[int]
    COMPLETENESS_FIELD_NUMBER: _ClassVar[int]
    metadata: InstanceMetadata
    completeness: CompletenessRecord
    def __init__(self, metadata: _Optional[_Union[InstanceMetadata, _Mapping]] = ..., completeness: _Optional[_Union[CompletenessRecord, _Mapping]] = ...) -> None: ...

class InstanceMetadata(_message.Message):
    __slots__ = ("ref", "transfer_syntax_uid", "dicom_json", "resume_token")
    REF_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    DICOM_JSON_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ref: _dicom_pb2.InstanceRef
    transfer_syntax_uid: str
    dicom_json: str
    resume_token: bytes
    def __init__(self, ref: _Optional[_Union[_dicom_pb2.InstanceRef, _Mapping]] = ..., transfer_syntax_uid: _Optional[str] = ..., dicom_json: _Optional[str] = ..., resume_token: _Optional[bytes] = ...) -> None: ...

class RetrieveFramesRequest(_message.Message):
    __slots__ = ("ref", "frame_numbers", "accepted_transfer_syntax_uids", "prefer_edge")
    REF_FIELD_NUMBER: _ClassVar[int]
    FRAME_NUMBERS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_TRANSFER_SYNTAX_UIDS_FIELD_NUMBER: _ClassVar[int]
    PREFER_EDGE_FIELD_NUMBER: _ClassVar[int]
    ref: _dicom_pb2.InstanceRef
    frame_numbers: _containers.RepeatedScalarFieldContainer[int]
    accepted_transfer_syntax_uids: _containers.RepeatedScalarFieldContainer[str]
    prefer_edge: bool
    def __init__(self, ref: _Optional[_Union[_dicom_pb2.InstanceRef, _Mapping]] = ..., frame_numbers: _Optional[_Iterable[int]] = ..., accepted_transfer_syntax_uids: _Optional[_Iterable[str]] = ..., prefer_edge: bool = ...) -> None: ...

class RetrieveFramesResponse(_message.Message):
    __slots__ = ("header", "chunk", "trailer", "edge_url")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    EDGE_URL_FIELD_NUMBER: _ClassVar[int]
    header: FrameHeader
    chunk: bytes
    trailer: FrameTrailer
    edge_url: _dicom_pb2.EdgeUrl
    def __init__(self, header: _Optional[_Union[FrameHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ..., trailer: _Optional[_Union[FrameTrailer, _Mapping]] = ..., edge_url: _Optional[_Union[_dicom_pb2.EdgeUrl, _Mapping]] = ...) -> None: ...

class FrameHeader(_message.Message):
    __slots__ = ("frame_number", "transfer_syntax_uid", "size_bytes")
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    frame_number: int
    transfer_syntax_uid: str
    size_bytes: int
    def __init__(self, frame_number: _Optional[int] = ..., transfer_syntax_uid: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class FrameTrailer(_message.Message):
    __slots__ = ("crc32c", "status")
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    crc32c: int
    status: _status_pb2.Status
    def __init__(self, crc32c: _Optional[int] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class StreamFramesRequest(_message.Message):
    __slots__ = ("open", "prioritize")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    PRIORITIZE_FIELD_NUMBER: _ClassVar[int]
    open: StreamFramesOpen
    prioritize: StreamFramesPriority
    def __init__(self, open: _Optional[_Union[StreamFramesOpen, _Mapping]] = ..., prioritize: _Optional[_Union[StreamFramesPriority, _Mapping]] = ...) -> None: ...

class StreamFramesOpen(_message.Message):
    __slots__ = ("study_instance_uid", "series_instance_uid", "sop_instance_uid", "first_rows", "first_columns", "previews")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    FIRST_ROWS_FIELD_NUMBER: _ClassVar[int]
    FIRST_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    PREVIEWS_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    first_rows: int
    first_columns: int
    previews: bool
    def __init__(self, study_instance_uid: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., first_rows: _Optional[int] = ..., first_columns: _Optional[int] = ..., previews: bool = ...) -> None: ...

class StreamFramesPriority(_message.Message):
    __slots__ = ("series_instance_uid", "sop_instance_uid", "whole")
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    series_instance_uid: str
    sop_instance_uid: str
    whole: bool
    def __init__(self, series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., whole: bool = ...) -> None: ...

class StreamFramesResponse(_message.Message):
    __slots__ = ("opened", "piece", "failed", "preview", "end")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    opened: StreamFramesOpened
    piece: FramePiece
    failed: FailedInstance
    preview: FramePreview
    end: StreamFramesEnd
    def __init__(self, opened: _Optional[_Union[StreamFramesOpened, _Mapping]] = ..., piece: _Optional[_Union[FramePiece, _Mapping]] = ..., failed: _Optional[_Union[FailedInstance, _Mapping]] = ..., preview: _Optional[_Union[FramePreview, _Mapping]] = ..., end: _Optional[_Union[StreamFramesEnd, _Mapping]] = ...) -> None: ...

class ViewFramesRequest(_message.Message):
    __slots__ = ("open",)
    OPEN_FIELD_NUMBER: _ClassVar[int]
    open: StreamFramesOpen
    def __init__(self, open: _Optional[_Union[StreamFramesOpen, _Mapping]] = ...) -> None: ...

class ViewFramesResponse(_message.Message):
    __slots__ = ("view_id", "message")
    VIEW_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    view_id: str
    message: StreamFramesResponse
    def __init__(self, view_id: _Optional[str] = ..., message: _Optional[_Union[StreamFramesResponse, _Mapping]] = ...) -> None: ...

class PrioritizeFramesRequest(_message.Message):
    __slots__ = ("view_id", "prioritize")
    VIEW_ID_FIELD_NUMBER: _ClassVar[int]
    PRIORITIZE_FIELD_NUMBER: _ClassVar[int]
    view_id: str
    prioritize: StreamFramesPriority
    def __init__(self, view_id: _Optional[str] = ..., prioritize: _Optional[_Union[StreamFramesPriority, _Mapping]] = ...) -> None: ...

class PrioritizeFramesResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StreamFramesOpened(_message.Message):
    __slots__ = ("instances",)
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    instances: int
    def __init__(self, instances: _Optional[int] = ...) -> None: ...

class FramePiece(_message.Message):
    __slots__ = ("ref", "frame_number", "transfer_syntax_uid", "offset", "data", "size_bytes", "reduction", "crc32c")
    REF_FIELD_NUMBER: _ClassVar[int]
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    REDUCTION_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    ref: _dicom_pb2.InstanceRef
    frame_number: int
    transfer_syntax_uid: str
    offset: int
    data: bytes
    size_bytes: int
    reduction: int
    crc32c: int
    def __init__(self, ref: _Optional[_Union[_dicom_pb2.InstanceRef, _Mapping]] = ..., frame_number: _Optional[int] = ..., transfer_syntax_uid: _Optional[str] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ..., size_bytes: _Optional[int] = ..., reduction: _Optional[int] = ..., crc32c: _Optional[int] = ...) -> None: ...

class FramePreview(_message.Message):
    __slots__ = ("ref", "frame_number", "transfer_syntax_uid", "data", "rows", "columns", "crc32c")
    REF_FIELD_NUMBER: _ClassVar[int]
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    ref: _dicom_pb2.InstanceRef
    frame_number: int
    transfer_syntax_uid: str
    data: bytes
    rows: int
    columns: int
    crc32c: int
    def __init__(self, ref: _Optional[_Union[_dicom_pb2.InstanceRef, _Mapping]] = ..., frame_number: _Optional[int] = ..., transfer_syntax_uid: _Optional[str] = ..., data: _Optional[bytes] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ..., crc32c: _Optional[int] = ...) -> None: ...

class StreamFramesEnd(_message.Message):
    __slots__ = ("frames", "delivered", "failed", "unanswered_pacs")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    UNANSWERED_PACS_FIELD_NUMBER: _ClassVar[int]
    frames: int
    delivered: int
    failed: int
    unanswered_pacs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, frames: _Optional[int] = ..., delivered: _Optional[int] = ..., failed: _Optional[int] = ..., unanswered_pacs: _Optional[_Iterable[str]] = ...) -> None: ...
