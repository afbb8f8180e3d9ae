import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from radgate.v1 import admin_service_pb2 as _admin_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AuditReportKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIT_REPORT_KIND_UNSPECIFIED: _ClassVar[AuditReportKind]
    AUDIT_REPORT_KIND_PATIENT_ACCESS: _ClassVar[AuditReportKind]
    AUDIT_REPORT_KIND_USER_ACTIVITY: _ClassVar[AuditReportKind]
    AUDIT_REPORT_KIND_STUDY_ACCESS: _ClassVar[AuditReportKind]
    AUDIT_REPORT_KIND_UNUSUAL_ACCESS: _ClassVar[AuditReportKind]

class AuditReportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIT_REPORT_FORMAT_UNSPECIFIED: _ClassVar[AuditReportFormat]
    AUDIT_REPORT_FORMAT_JSON: _ClassVar[AuditReportFormat]
    AUDIT_REPORT_FORMAT_CSV: _ClassVar[AuditReportFormat]
    AUDIT_REPORT_FORMAT_PDF: _ClassVar[AuditReportFormat]

class AuditAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIT_ACTION_UNSPECIFIED: _ClassVar[AuditAction]
    AUDIT_ACTION_QUERY: _ClassVar[AuditAction]
    AUDIT_ACTION_LIST: _ClassVar[AuditAction]
    AUDIT_ACTION_RETRIEVE: _ClassVar[AuditAction]
    AUDIT_ACTION_RETRIEVE_METADATA: _ClassVar[AuditAction]
    AUDIT_ACTION_RETRIEVE_FRAMES: _ClassVar[AuditAction]
    AUDIT_ACTION_RETRIEVE_BULKDATA: _ClassVar[AuditAction]
    AUDIT_ACTION_RENDER: _ClassVar[AuditAction]
    AUDIT_ACTION_TRANSCODE: _ClassVar[AuditAction]
    AUDIT_ACTION_STORE: _ClassVar[AuditAction]
    AUDIT_ACTION_CONFIGURE: _ClassVar[AuditAction]
    AUDIT_ACTION_READ_REFUSED: _ClassVar[AuditAction]
    AUDIT_ACTION_EXPORT_AUDIT: _ClassVar[AuditAction]
    AUDIT_ACTION_READ_AUDIT: _ClassVar[AuditAction]
    AUDIT_ACTION_AUTHENTICATE: _ClassVar[AuditAction]
    AUDIT_ACTION_AUTHORISE: _ClassVar[AuditAction]
    AUDIT_ACTION_GENESIS: _ClassVar[AuditAction]
    AUDIT_ACTION_ERASE_RECORDS: _ClassVar[AuditAction]
    AUDIT_ACTION_ERASE_CACHED: _ClassVar[AuditAction]

class AuditOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIT_OUTCOME_UNSPECIFIED: _ClassVar[AuditOutcome]
    AUDIT_OUTCOME_GRANTED: _ClassVar[AuditOutcome]
    AUDIT_OUTCOME_DENIED: _ClassVar[AuditOutcome]
    AUDIT_OUTCOME_FAILED: _ClassVar[AuditOutcome]
    AUDIT_OUTCOME_DELIVERED: _ClassVar[AuditOutcome]
    AUDIT_OUTCOME_INTERRUPTED: _ClassVar[AuditOutcome]

class ReportFrequency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPORT_FREQUENCY_UNSPECIFIED: _ClassVar[ReportFrequency]
    REPORT_FREQUENCY_DAILY: _ClassVar[ReportFrequency]
    REPORT_FREQUENCY_WEEKLY: _ClassVar[ReportFrequency]
    REPORT_FREQUENCY_MONTHLY: _ClassVar[ReportFrequency]
AUDIT_REPORT_KIND_UNSPECIFIED: AuditReportKind
AUDIT_REPORT_KIND_PATIENT_ACCESS: AuditReportKind
AUDIT_REPORT_KIND_USER_ACTIVITY: AuditReportKind
AUDIT_REPORT_KIND_STUDY_ACCESS: AuditReportKind
AUDIT_REPORT_KIND_UNUSUAL_ACCESS: AuditReportKind
AUDIT_REPORT_FORMAT_UNSPECIFIED: AuditReportFormat
AUDIT_REPORT_FORMAT_JSON: AuditReportFormat
AUDIT_REPORT_FORMAT_CSV: AuditReportFormat
AUDIT_REPORT_FORMAT_PDF: AuditReportFormat
AUDIT_ACTION_UNSPECIFIED: AuditAction
AUDIT_ACTION_QUERY: AuditAction
AUDIT_ACTION_LIST: AuditAction
AUDIT_ACTION_RETRIEVE: AuditAction
AUDIT_ACTION_RETRIEVE_METADATA: AuditAction
AUDIT_ACTION_RETRIEVE_FRAMES: AuditAction
AUDIT_ACTION_RETRIEVE_BULKDATA: AuditAction
AUDIT_ACTION_RENDER: AuditAction
AUDIT_ACTION_TRANSCODE: AuditAction
AUDIT_ACTION_STORE: AuditAction
AUDIT_ACTION_CONFIGURE: AuditAction
AUDIT_ACTION_READ_REFUSED: AuditAction
AUDIT_ACTION_EXPORT_AUDIT: AuditAction
AUDIT_ACTION_READ_AUDIT: AuditAction
AUDIT_ACTION_AUTHENTICATE: AuditAction
AUDIT_ACTION_AUTHORISE: AuditAction
AUDIT_ACTION_GENESIS: AuditAction
AUDIT_ACTION_ERASE_RECORDS: AuditAction
AUDIT_ACTION_ERASE_CACHED: AuditAction
AUDIT_OUTCOME_UNSPECIFIED: AuditOutcome
AUDIT_OUTCOME_GRANTED: AuditOutcome
AUDIT_OUTCOME_DENIED: AuditOutcome
AUDIT_OUTCOME_FAILED: AuditOutcome
AUDIT_OUTCOME_DELIVERED: AuditOutcome
AUDIT_OUTCOME_INTERRUPTED: AuditOutcome
REPORT_FREQUENCY_UNSPECIFIED: ReportFrequency
REPORT_FREQUENCY_DAILY: ReportFrequency
REPORT_FREQUENCY_WEEKLY: ReportFrequency
REPORT_FREQUENCY_MONTHLY: ReportFrequency

class AuditRecord(_message.Message):
    __slots__ = ("sequence", "time", "principal", "key_id", "role", "action", "outcome", "patient_id", "study_instance_uid", "series_instance_uid", "sop_instance_uid", "pacs", "size_bytes", "address", "user_agent", "request_id", "detail", "trace_id", "hash", "removed", "break_glass", "same_family_name")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    PACS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    BREAK_GLASS_FIELD_NUMBER: _ClassVar[int]
    SAME_FAMILY_NAME_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: _timestamp_pb2.Timestamp
    principal: str
    key_id: str
    role: _admin_service_pb2.Role
    action: AuditAction
    outcome: AuditOutcome
    patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    pacs: str
    size_bytes: int
    address: str
    user_agent: str
    request_id: str
    detail: str
    trace_id: str
    hash: str
    removed: bool
    break_glass: str
    same_family_name: bool
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., principal: _Optional[str] = ..., key_id: _Optional[str] = ..., role: _Optional[_Union[_admin_service_pb2.Role, str]] = ..., action: _Optional[_Union[AuditAction, str]] = ..., outcome: _Optional[_Union[AuditOutcome, str]] = ..., patient_id: _Optional[str] = ..., study_instance_uid: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., pacs: _Optional[str] = ..., size_bytes: _Optional[int] = ..., address: _Optional[str] = ..., user_agent: _Optional[str] = ..., request_id: _Optional[str] = ..., detail: _Optional[str] = ..., trace_id: _Optional[str] = ..., hash: _Optional[str] = ..., removed: bool = ..., break_glass: _Optional[str] = ..., same_family_name: bool = ...) -> None: ...

class AuditPosition(_message.Message):
    __slots__ = ("complete_up_to", "newest", "problem")
    COMPLETE_UP_TO_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    complete_up_to: int
    newest: int
    problem: str
    def __init__(self, complete_up_to: _Optional[int] = ..., newest: _Optional[int] = ..., problem: _Optional[str] = ...) -> None: ...

class SearchAuditRecordsRequest(_message.Message):
    __slots__ = ("user", "patient_id", "study_instance_uid", "series_instance_uid", "sop_instance_uid", "actions", "outcome", "since", "until", "break_glass", "page_size", "page_token", "tenant_id")
    USER_FIELD_NUMBER: _ClassVar[int]
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    BREAK_GLASS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    user: str
    patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    actions: _containers.RepeatedScalarFieldContainer[AuditAction]
    outcome: AuditOutcome
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    break_glass: bool
    page_size: int
    page_token: str
    tenant_id: str
    def __init__(self, user: _Optional[str] = ..., patient_id: _Optional[str] = ..., study_instance_uid: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., actions: _Optional[_Iterable[_Union[AuditAction, str]]] = ..., outcome: _Optional[_Union[AuditOutcome, str]] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., break_glass: bool = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class SearchAuditRecordsResponse(_message.Message):
    __slots__ = ("records", "next_page_token", "position")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[AuditRecord]
    next_page_token: str
    position: AuditPosition
    def __init__(self, records: _Optional[_Iterable[_Union[AuditRecord, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., position: _Optional[_Union[AuditPosition, _Mapping]] = ...) -> None: ...

class VerifyAuditTrailRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class VerifyAuditTrailResponse(_message.Message):
    __slots__ = ("progress", "verdict")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    progress: VerifyProgress
    verdict: VerifyVerdict
    def __init__(self, progress: _Optional[_Union[VerifyProgress, _Mapping]] = ..., verdict: _Optional[_Union[VerifyVerdict, _Mapping]] = ...) -> None: ...

class VerifyProgress(_message.Message):
    __slots__ = ("done", "total")
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    done: int
    total: int
    def __init__(self, done: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class VerifyVerdict(_message.Message):
    __slots__ = ("records", "checkpoints", "fault", "index_fault", "not_excluded")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    INDEX_FAULT_FIELD_NUMBER: _ClassVar[int]
    NOT_EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    records: int
    checkpoints: int
    fault: AuditFault
    index_fault: str
    not_excluded: str
    def __init__(self, records: _Optional[int] = ..., checkpoints: _Optional[int] = ..., fault: _Optional[_Union[AuditFault, _Mapping]] = ..., index_fault: _Optional[str] = ..., not_excluded: _Optional[str] = ...) -> None: ...

class AuditFault(_message.Message):
    __slots__ = ("sequence", "what")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    what: str
    def __init__(self, sequence: _Optional[int] = ..., what: _Optional[str] = ...) -> None: ...

class ListAuditCheckpointsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "tenant_id")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    tenant_id: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class ListAuditCheckpointsResponse(_message.Message):
    __slots__ = ("checkpoints", "next_page_token")
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    checkpoints: _containers.RepeatedCompositeFieldContainer[AuditCheckpoint]
    next_page_token: str
    def __init__(self, checkpoints: _Optional[_Iterable[_Union[AuditCheckpoint, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AuditCheckpoint(_message.Message):
    __slots__ = ("sequence", "time", "line")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: _timestamp_pb2.Timestamp
    line: str
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., line: _Optional[str] = ...) -> None: ...

class AuditReportSpec(_message.Message):
    __slots__ = ("kind", "subject", "format", "time_zone")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    kind: AuditReportKind
    subject: str
    format: AuditReportFormat
    time_zone: str
    def __init__(self, kind: _Optional[_Union[AuditReportKind, str]] = ..., subject: _Optional[str] = ..., format: _Optional[_Union[AuditReportFormat, str]] = ..., time_zone: _Optional[str] = ...) -> None: ...

class MakeAuditReportRequest(_message.Message):
    __slots__ = ("spec", "since", "until", "tenant_id")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    spec: AuditReportSpec
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    tenant_id: str
    def __init__(self, spec: _Optional[_Union[AuditReportSpec, _Mapping]] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class ReportSchedule(_message.Message):
    __slots__ = ("name", "spec", "frequency", "day", "time_of_day", "receivers", "next_run_time", "last_run_time", "last_error", "attempts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    TIME_OF_DAY_FIELD_NUMBER: _ClassVar[int]
    RECEIVERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_RUN_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_RUN_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    spec: AuditReportSpec
    frequency: ReportFrequency
    day: int
    time_of_day: str
    receivers: _containers.RepeatedScalarFieldContainer[str]
    next_run_time: _timestamp_pb2.Timestamp
    last_run_time: _timestamp_pb2.Timestamp
    last_error: str
    attempts: int
    def __init__(self, name: _Optional[str] = ..., spec: _Optional[_Union[AuditReportSpec, _Mapping]] = ..., frequency: _Optional[_Union[ReportFrequency, str]] = ..., day: _Optional[int] = ..., time_of_day: _Optional[str] = ..., receivers: _Optional[_Iterable[str]] = ..., next_run_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_run_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_error: _Optional[str] = ..., attempts: _Optional[int] = ...) -> None: ...

class CreateReportScheduleRequest(_message.Message):
    __slots__ = ("schedule", "tenant_id")
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    schedule: ReportSchedule
    tenant_id: str
    def __init__(self, schedule: _Optional[_Union[ReportSchedule, _Mapping]] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class CreateReportScheduleResponse(_message.Message):
    __slots__ = ("schedule",)
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    schedule: ReportSchedule
    def __init__(self, schedule: _Optional[_Union[ReportSchedule, _Mapping]] = ...) -> None: ...

class ListReportSchedulesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "tenant_id")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    tenant_id: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class ListReportSchedulesResponse(_message.Message):
    __slots__ = ("schedules", "next_page_token")
    SCHEDULES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    schedules: _containers.RepeatedCompositeFieldContainer[ReportSchedule]
    next_page_token: str
    def __init__(self, schedules: _Optional[_Iterable[_Union[ReportSchedule, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateReportScheduleRequest(_message.Message):
    __slots__ = ("schedule", "update_mask", "tenant_id")
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    schedule: ReportSchedule
    update_mask: _field_mask_pb2.FieldMask
    tenant_id: str
    def __init__(self, schedule: _Optional[_Union[ReportSchedule, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class UpdateReportScheduleResponse(_message.Message):
    __slots__ = ("schedule",)
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    schedule: ReportSchedule
    def __init__(self, schedule: _Optional[_Union[ReportSchedule, _Mapping]] = ...) -> None: ...

class DeleteReportScheduleRequest(_message.Message):
    __slots__ = ("name", "tenant_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    tenant_id: str
    def __init__(self, name: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class DeleteReportScheduleResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RunReportScheduleRequest(_message.Message):
    __slots__ = ("name", "tenant_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    tenant_id: str
    def __init__(self, name: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class RunReportScheduleResponse(_message.Message):
    __slots__ = ("schedule",)
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    schedule: ReportSchedule
    def __init__(self, schedule: _Optional[_Union[ReportSchedule, _Mapping]] = ...) -> None: ...
