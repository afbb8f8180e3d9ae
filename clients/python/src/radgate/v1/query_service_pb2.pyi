from google.api import field_behavior_pb2 as _field_behavior_pb2
from radgate.v1 import dicom_pb2 as _dicom_pb2
from radgate.v1 import error_reason_pb2 as _error_reason_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QueryWarningReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUERY_WARNING_REASON_UNSPECIFIED: _ClassVar[QueryWarningReason]
    QUERY_WARNING_REASON_PACS_FAILED: _ClassVar[QueryWarningReason]
    QUERY_WARNING_REASON_RESULTS_TRUNCATED: _ClassVar[QueryWarningReason]
    QUERY_WARNING_REASON_FUZZY_MATCHING_IGNORED: _ClassVar[QueryWarningReason]
    QUERY_WARNING_REASON_RESULTS_WITHHELD: _ClassVar[QueryWarningReason]
    QUERY_WARNING_REASON_KEYS_UNCHECKED: _ClassVar[QueryWarningReason]
    QUERY_WARNING_REASON_REJECTIONS_UNREAD: _ClassVar[QueryWarningReason]
QUERY_WARNING_REASON_UNSPECIFIED: QueryWarningReason
QUERY_WARNING_REASON_PACS_FAILED: QueryWarningReason
QUERY_WARNING_REASON_RESULTS_TRUNCATED: QueryWarningReason
QUERY_WARNING_REASON_FUZZY_MATCHING_IGNORED: QueryWarningReason
QUERY_WARNING_REASON_RESULTS_WITHHELD: QueryWarningReason
QUERY_WARNING_REASON_KEYS_UNCHECKED: QueryWarningReason
QUERY_WARNING_REASON_REJECTIONS_UNREAD: QueryWarningReason

class QueryWarning(_message.Message):
    __slots__ = ("pacs", "reason", "message", "error_reason")
    PACS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ERROR_REASON_FIELD_NUMBER: _ClassVar[int]
    pacs: str
    reason: QueryWarningReason
    message: str
    error_reason: _error_reason_pb2.ErrorReason
    def __init__(self, pacs: _Optional[str] = ..., reason: _Optional[_Union[QueryWarningReason, str]] = ..., message: _Optional[str] = ..., error_reason: _Optional[_Union[_error_reason_pb2.ErrorReason, str]] = ...) -> None: ...

class SearchStudiesRequest(_message.Message):
    __slots__ = ("keys", "include_fields", "fuzzy_matching", "page_size", "page_token")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELDS_FIELD_NUMBER: _ClassVar[int]
    FUZZY_MATCHING_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[_dicom_pb2.MatchKey]
    include_fields: _containers.RepeatedScalarFieldContainer[str]
    fuzzy_matching: bool
    page_size: int
    page_token: str
    def __init__(self, keys: _Optional[_Iterable[_Union[_dicom_pb2.MatchKey, _Mapping]]] = ..., include_fields: _Optional[_Iterable[str]] = ..., fuzzy_matching: bool = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class SearchStudiesResponse(_message.Message):
    __slots__ = ("studies", "next_page_token", "warnings")
    STUDIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    studies: _containers.RepeatedCompositeFieldContainer[_dicom_pb2.Study]
    next_page_token: str
    warnings: _containers.RepeatedCompositeFieldContainer[QueryWarning]
    def __init__(self, studies: _Optional[_Iterable[_Union[_dicom_pb2.Study, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., warnings: _Optional[_Iterable[_Union[QueryWarning, _Mapping]]] = ...) -> None: ...

class SearchSeriesRequest(_message.Message):
    __slots__ = ("study_instance_uid", "keys", "include_fields", "fuzzy_matching", "page_size", "page_token")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELDS_FIELD_NUMBER: _ClassVar[int]
    FUZZY_MATCHING_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    keys: _containers.RepeatedCompositeFieldContainer[_dicom_pb2.MatchKey]
    include_fields: _containers.RepeatedScalarFieldContainer[str]
    fuzzy_matching: bool
    page_size: int
    page_token: str
    def __init__(self, study_instance_uid: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[_dicom_pb2.MatchKey, _Mapping]]] = ..., include_fields: _Optional[_Iterable[str]] = ..., fuzzy_matching: bool = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class SearchSeriesResponse(_message.Message):
    __slots__ = ("series", "next_page_token", "warnings")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    series: _containers.RepeatedCompositeFieldContainer[_dicom_pb2.Series]
    next_page_token: str
    warnings: _containers.RepeatedCompositeFieldContainer[QueryWarning]
    def __init__(self, series: _Optional[_Iterable[_Union[_dicom_pb2.Series, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., warnings: _Optional[_Iterable[_Union[QueryWarning, _Mapping]]] = ...) -> None: ...

class SearchInstancesRequest(_message.Message):
    __slots__ = ("study_instance_uid", "series_instance_uid", "keys", "include_fields", "fuzzy_matching", "page_size", "page_token")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELDS_FIELD_NUMBER: _ClassVar[int]
    FUZZY_MATCHING_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    series_instance_uid: str
    keys: _containers.RepeatedCompositeFieldContainer[_dicom_pb2.MatchKey]
    include_fields: _containers.RepeatedScalarFieldContainer[str]
    fuzzy_matching: bool
    page_size: int
    page_token: str
    def __init__(self, study_instance_uid: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[_dicom_pb2.MatchKey, _Mapping]]] = ..., include_fields: _Optional[_Iterable[str]] = ..., fuzzy_matching: bool = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class SearchInstancesResponse(_message.Message):
    __slots__ = ("instances", "next_page_token", "warnings")
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    instances: _containers.RepeatedCompositeFieldContainer[_dicom_pb2.Instance]
    next_page_token: str
    warnings: _containers.RepeatedCompositeFieldContainer[QueryWarning]
    def __init__(self, instances: _Optional[_Iterable[_Union[_dicom_pb2.Instance, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., warnings: _Optional[_Iterable[_Union[QueryWarning, _Mapping]]] = ...) -> None: ...

class WatchStudiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchStudiesResponse(_message.Message):
    __slots__ = ("begun", "changed", "missed")
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    begun: WatchBegun
    changed: StudyChanged
    missed: NewsMissed
    def __init__(self, begun: _Optional[_Union[WatchBegun, _Mapping]] = ..., changed: _Optional[_Union[StudyChanged, _Mapping]] = ..., missed: _Optional[_Union[NewsMissed, _Mapping]] = ...) -> None: ...

class WatchBegun(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StudyChanged(_message.Message):
    __slots__ = ("study_instance_uid", "pacs", "removed")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    PACS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    pacs: str
    removed: bool
    def __init__(self, study_instance_uid: _Optional[str] = ..., pacs: _Optional[str] = ..., removed: bool = ...) -> None: ...

class NewsMissed(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
