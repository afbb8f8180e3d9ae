from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SearchRequest(_message.Message):
    __slots__ = ("study", "series")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    study: str
    series: str
    def __init__(self, study: _Optional[str] = ..., series: _Optional[str] = ...) -> None: ...

class RetrieveRequest(_message.Message):
    __slots__ = ("study", "series", "instance")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    study: str
    series: str
    instance: str
    def __init__(self, study: _Optional[str] = ..., series: _Optional[str] = ..., instance: _Optional[str] = ...) -> None: ...

class RetrieveBulkdataRequest(_message.Message):
    __slots__ = ("study", "series", "instance", "path")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    study: str
    series: str
    instance: str
    path: str
    def __init__(self, study: _Optional[str] = ..., series: _Optional[str] = ..., instance: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class RetrieveFramesRequest(_message.Message):
    __slots__ = ("study", "series", "instance", "frames")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    study: str
    series: str
    instance: str
    frames: str
    def __init__(self, study: _Optional[str] = ..., series: _Optional[str] = ..., instance: _Optional[str] = ..., frames: _Optional[str] = ...) -> None: ...

class RetrieveRenderedRequest(_message.Message):
    __slots__ = ("study", "series", "instance", "frames")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    study: str
    series: str
    instance: str
    frames: str
    def __init__(self, study: _Optional[str] = ..., series: _Optional[str] = ..., instance: _Optional[str] = ..., frames: _Optional[str] = ...) -> None: ...

class RetrieveInstanceThumbnailRequest(_message.Message):
    __slots__ = ("instance",)
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    instance: str
    def __init__(self, instance: _Optional[str] = ...) -> None: ...

class RetrieveWadoUriRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RetrieveCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StoreRequest(_message.Message):
    __slots__ = ("study", "body")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    study: str
    body: _httpbody_pb2.HttpBody
    def __init__(self, study: _Optional[str] = ..., body: _Optional[_Union[_httpbody_pb2.HttpBody, _Mapping]] = ...) -> None: ...
