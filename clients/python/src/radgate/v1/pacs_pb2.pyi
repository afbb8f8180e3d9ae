import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from radgate.v1 import error_reason_pb2 as _error_reason_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LabelsConstraint(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LABELS_CONSTRAINT_UNSPECIFIED: _ClassVar[LabelsConstraint]
    LABELS_CONSTRAINT_ALL: _ClassVar[LabelsConstraint]
    LABELS_CONSTRAINT_ANY: _ClassVar[LabelsConstraint]
    LABELS_CONSTRAINT_NONE: _ClassVar[LabelsConstraint]

class HttpAuthMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HTTP_AUTH_METHOD_UNSPECIFIED: _ClassVar[HttpAuthMethod]
    HTTP_AUTH_METHOD_BASIC: _ClassVar[HttpAuthMethod]
    HTTP_AUTH_METHOD_BEARER: _ClassVar[HttpAuthMethod]
    HTTP_AUTH_METHOD_API_KEY: _ClassVar[HttpAuthMethod]
    HTTP_AUTH_METHOD_OAUTH2: _ClassVar[HttpAuthMethod]

class PacsHealth(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PACS_HEALTH_UNSPECIFIED: _ClassVar[PacsHealth]
    PACS_HEALTH_UP: _ClassVar[PacsHealth]
    PACS_HEALTH_DOWN: _ClassVar[PacsHealth]

class BreakerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BREAKER_STATE_UNSPECIFIED: _ClassVar[BreakerState]
    BREAKER_STATE_CLOSED: _ClassVar[BreakerState]
    BREAKER_STATE_OPEN: _ClassVar[BreakerState]
    BREAKER_STATE_HALF_OPEN: _ClassVar[BreakerState]

class PacsOperation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PACS_OPERATION_UNSPECIFIED: _ClassVar[PacsOperation]
    PACS_OPERATION_ECHO: _ClassVar[PacsOperation]
    PACS_OPERATION_FIND: _ClassVar[PacsOperation]
    PACS_OPERATION_RETRIEVE: _ClassVar[PacsOperation]
    PACS_OPERATION_STORE: _ClassVar[PacsOperation]
    PACS_OPERATION_CHANGES: _ClassVar[PacsOperation]

class CheckOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHECK_OUTCOME_UNSPECIFIED: _ClassVar[CheckOutcome]
    CHECK_OUTCOME_PASSED: _ClassVar[CheckOutcome]
    CHECK_OUTCOME_WARNING: _ClassVar[CheckOutcome]
    CHECK_OUTCOME_FAILED: _ClassVar[CheckOutcome]
    CHECK_OUTCOME_SKIPPED: _ClassVar[CheckOutcome]

class CheckKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHECK_KIND_UNSPECIFIED: _ClassVar[CheckKind]
    CHECK_KIND_CONNECTIVITY: _ClassVar[CheckKind]
    CHECK_KIND_CREDENTIALS: _ClassVar[CheckKind]
    CHECK_KIND_QUERY: _ClassVar[CheckKind]
    CHECK_KIND_LATENCY: _ClassVar[CheckKind]
    CHECK_KIND_RETRIEVE: _ClassVar[CheckKind]
    CHECK_KIND_TRANSFER_SYNTAXES: _ClassVar[CheckKind]

class TransitionCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSITION_CAUSE_UNSPECIFIED: _ClassVar[TransitionCause]
    TRANSITION_CAUSE_AUTOMATIC_FAILOVER: _ClassVar[TransitionCause]
    TRANSITION_CAUSE_MANUAL_FAILOVER: _ClassVar[TransitionCause]
    TRANSITION_CAUSE_AUTOMATIC_FAILBACK: _ClassVar[TransitionCause]
    TRANSITION_CAUSE_MANUAL_FAILBACK: _ClassVar[TransitionCause]
LABELS_CONSTRAINT_UNSPECIFIED: LabelsConstraint
LABELS_CONSTRAINT_ALL: LabelsConstraint
LABELS_CONSTRAINT_ANY: LabelsConstraint
LABELS_CONSTRAINT_NONE: LabelsConstraint
HTTP_AUTH_METHOD_UNSPECIFIED: HttpAuthMethod
HTTP_AUTH_METHOD_BASIC: HttpAuthMethod
HTTP_AUTH_METHOD_BEARER: HttpAuthMethod
HTTP_AUTH_METHOD_API_KEY: HttpAuthMethod
HTTP_AUTH_METHOD_OAUTH2: HttpAuthMethod
PACS_HEALTH_UNSPECIFIED: PacsHealth
PACS_HEALTH_UP: PacsHealth
PACS_HEALTH_DOWN: PacsHealth
BREAKER_STATE_UNSPECIFIED: BreakerState
BREAKER_STATE_CLOSED: BreakerState
BREAKER_STATE_OPEN: BreakerState
BREAKER_STATE_HALF_OPEN: BreakerState
PACS_OPERATION_UNSPECIFIED: PacsOperation
PACS_OPERATION_ECHO: PacsOperation
PACS_OPERATION_FIND: PacsOperation
PACS_OPERATION_RETRIEVE: PacsOperation
PACS_OPERATION_STORE: PacsOperation
PACS_OPERATION_CHANGES: PacsOperation
CHECK_OUTCOME_UNSPECIFIED: CheckOutcome
CHECK_OUTCOME_PASSED: CheckOutcome
CHECK_OUTCOME_WARNING: CheckOutcome
CHECK_OUTCOME_FAILED: CheckOutcome
CHECK_OUTCOME_SKIPPED: CheckOutcome
CHECK_KIND_UNSPECIFIED: CheckKind
CHECK_KIND_CONNECTIVITY: CheckKind
CHECK_KIND_CREDENTIALS: CheckKind
CHECK_KIND_QUERY: CheckKind
CHECK_KIND_LATENCY: CheckKind
CHECK_KIND_RETRIEVE: CheckKind
CHECK_KIND_TRANSFER_SYNTAXES: CheckKind
TRANSITION_CAUSE_UNSPECIFIED: TransitionCause
TRANSITION_CAUSE_AUTOMATIC_FAILOVER: TransitionCause
TRANSITION_CAUSE_MANUAL_FAILOVER: TransitionCause
TRANSITION_CAUSE_AUTOMATIC_FAILBACK: TransitionCause
TRANSITION_CAUSE_MANUAL_FAILBACK: TransitionCause

class DicomWebConnection(_message.Message):
    __slots__ = ("url", "wado_uri_url", "auth", "tls", "max_connections", "password", "password_ref", "min_bytes_per_second")
    URL_FIELD_NUMBER: _ClassVar[int]
    WADO_URI_URL_FIELD_NUMBER: _ClassVar[int]
    AUTH_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    MAX_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_REF_FIELD_NUMBER: _ClassVar[int]
    MIN_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    url: str
    wado_uri_url: str
    auth: HttpAuth
    tls: HttpTls
    max_connections: int
    password: str
    password_ref: str
    min_bytes_per_second: int
    def __init__(self, url: _Optional[str] = ..., wado_uri_url: _Optional[str] = ..., auth: _Optional[_Union[HttpAuth, _Mapping]] = ..., tls: _Optional[_Union[HttpTls, _Mapping]] = ..., max_connections: _Optional[int] = ..., password: _Optional[str] = ..., password_ref: _Optional[str] = ..., min_bytes_per_second: _Optional[int] = ...) -> None: ...

class OrthancConnection(_message.Message):
    __slots__ = ("url", "auth", "tls", "max_connections", "password", "labels", "labels_constraint", "password_ref", "min_bytes_per_second")
    URL_FIELD_NUMBER: _ClassVar[int]
    AUTH_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    MAX_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LABELS_CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_REF_FIELD_NUMBER: _ClassVar[int]
    MIN_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    url: str
    auth: HttpAuth
    tls: HttpTls
    max_connections: int
    password: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    labels_constraint: LabelsConstraint
    password_ref: str
    min_bytes_per_second: int
    def __init__(self, url: _Optional[str] = ..., auth: _Optional[_Union[HttpAuth, _Mapping]] = ..., tls: _Optional[_Union[HttpTls, _Mapping]] = ..., max_connections: _Optional[int] = ..., password: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., labels_constraint: _Optional[_Union[LabelsConstraint, str]] = ..., password_ref: _Optional[str] = ..., min_bytes_per_second: _Optional[int] = ...) -> None: ...

class ExtensionConnection(_message.Message):
    __slots__ = ("kind", "settings", "password", "password_ref")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_REF_FIELD_NUMBER: _ClassVar[int]
    kind: str
    settings: _struct_pb2.Struct
    password: str
    password_ref: str
    def __init__(self, kind: _Optional[str] = ..., settings: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., password: _Optional[str] = ..., password_ref: _Optional[str] = ...) -> None: ...

class HttpAuth(_message.Message):
    __slots__ = ("method", "username", "header", "token_url", "scope")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    TOKEN_URL_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    method: HttpAuthMethod
    username: str
    header: str
    token_url: str
    scope: str
    def __init__(self, method: _Optional[_Union[HttpAuthMethod, str]] = ..., username: _Optional[str] = ..., header: _Optional[str] = ..., token_url: _Optional[str] = ..., scope: _Optional[str] = ...) -> None: ...

class HttpTls(_message.Message):
    __slots__ = ("ca_file", "certificate_file", "private_key_file")
    CA_FILE_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FILE_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_KEY_FILE_FIELD_NUMBER: _ClassVar[int]
    ca_file: str
    certificate_file: str
    private_key_file: str
    def __init__(self, ca_file: _Optional[str] = ..., certificate_file: _Optional[str] = ..., private_key_file: _Optional[str] = ...) -> None: ...

class FailoverPolicy(_message.Message):
    __slots__ = ("enabled", "threshold", "failback_after")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    FAILBACK_AFTER_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    threshold: int
    failback_after: _duration_pb2.Duration
    def __init__(self, enabled: bool = ..., threshold: _Optional[int] = ..., failback_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class OperationState(_message.Message):
    __slots__ = ("operation", "breaker", "consecutive_failures")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    BREAKER_FIELD_NUMBER: _ClassVar[int]
    CONSECUTIVE_FAILURES_FIELD_NUMBER: _ClassVar[int]
    operation: PacsOperation
    breaker: BreakerState
    consecutive_failures: int
    def __init__(self, operation: _Optional[_Union[PacsOperation, str]] = ..., breaker: _Optional[_Union[BreakerState, str]] = ..., consecutive_failures: _Optional[int] = ...) -> None: ...

class PacsState(_message.Message):
    __slots__ = ("time", "health", "latency_ms", "reason", "operations")
    TIME_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    health: PacsHealth
    latency_ms: float
    reason: _error_reason_pb2.ErrorReason
    operations: _containers.RepeatedCompositeFieldContainer[OperationState]
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., health: _Optional[_Union[PacsHealth, str]] = ..., latency_ms: _Optional[float] = ..., reason: _Optional[_Union[_error_reason_pb2.ErrorReason, str]] = ..., operations: _Optional[_Iterable[_Union[OperationState, _Mapping]]] = ...) -> None: ...

class ValidationCheck(_message.Message):
    __slots__ = ("kind", "outcome", "message", "duration_ms")
    KIND_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    kind: CheckKind
    outcome: CheckOutcome
    message: str
    duration_ms: float
    def __init__(self, kind: _Optional[_Union[CheckKind, str]] = ..., outcome: _Optional[_Union[CheckOutcome, str]] = ..., message: _Optional[str] = ..., duration_ms: _Optional[float] = ...) -> None: ...

class ValidationReport(_message.Message):
    __slots__ = ("time", "passed", "checks")
    TIME_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    passed: bool
    checks: _containers.RepeatedCompositeFieldContainer[ValidationCheck]
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., passed: bool = ..., checks: _Optional[_Iterable[_Union[ValidationCheck, _Mapping]]] = ...) -> None: ...

class PacsTransition(_message.Message):
    __slots__ = ("time", "primary_pacs", "from_pacs", "to_pacs", "cause", "reason")
    TIME_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_PACS_FIELD_NUMBER: _ClassVar[int]
    FROM_PACS_FIELD_NUMBER: _ClassVar[int]
    TO_PACS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    primary_pacs: str
    from_pacs: str
    to_pacs: str
    cause: TransitionCause
    reason: str
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., primary_pacs: _Optional[str] = ..., from_pacs: _Optional[str] = ..., to_pacs: _Optional[str] = ..., cause: _Optional[_Union[TransitionCause, str]] = ..., reason: _Optional[str] = ...) -> None: ...
