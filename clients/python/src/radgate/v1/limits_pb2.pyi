from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Limits(_message.Message):
    __slots__ = ("key_id", "requests_per_second", "burst_requests", "concurrent_requests", "bytes_per_second", "daily_requests", "daily_bytes", "allowed_networks", "denied_networks")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    BURST_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    CONCURRENT_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    DAILY_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    DAILY_BYTES_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_NETWORKS_FIELD_NUMBER: _ClassVar[int]
    DENIED_NETWORKS_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    requests_per_second: float
    burst_requests: int
    concurrent_requests: int
    bytes_per_second: int
    daily_requests: int
    daily_bytes: int
    allowed_networks: _containers.RepeatedScalarFieldContainer[str]
    denied_networks: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, key_id: _Optional[str] = ..., requests_per_second: _Optional[float] = ..., burst_requests: _Optional[int] = ..., concurrent_requests: _Optional[int] = ..., bytes_per_second: _Optional[int] = ..., daily_requests: _Optional[int] = ..., daily_bytes: _Optional[int] = ..., allowed_networks: _Optional[_Iterable[str]] = ..., denied_networks: _Optional[_Iterable[str]] = ...) -> None: ...

class LimitsState(_message.Message):
    __slots__ = ("limits", "in_force", "requests_today", "bytes_today")
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    IN_FORCE_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_TODAY_FIELD_NUMBER: _ClassVar[int]
    BYTES_TODAY_FIELD_NUMBER: _ClassVar[int]
    limits: Limits
    in_force: Limits
    requests_today: int
    bytes_today: int
    def __init__(self, limits: _Optional[_Union[Limits, _Mapping]] = ..., in_force: _Optional[_Union[Limits, _Mapping]] = ..., requests_today: _Optional[int] = ..., bytes_today: _Optional[int] = ...) -> None: ...
