import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from radgate.v1 import error_reason_pb2 as _error_reason_pb2
from radgate.v1 import job_service_pb2 as _job_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PrefetchTrigger(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PREFETCH_TRIGGER_UNSPECIFIED: _ClassVar[PrefetchTrigger]
    PREFETCH_TRIGGER_ARRIVAL: _ClassVar[PrefetchTrigger]
    PREFETCH_TRIGGER_WORKLIST: _ClassVar[PrefetchTrigger]
    PREFETCH_TRIGGER_ORDER: _ClassVar[PrefetchTrigger]

class PrefetchOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PREFETCH_OUTCOME_UNSPECIFIED: _ClassVar[PrefetchOutcome]
    PREFETCH_OUTCOME_FETCHED: _ClassVar[PrefetchOutcome]
    PREFETCH_OUTCOME_CACHED: _ClassVar[PrefetchOutcome]
    PREFETCH_OUTCOME_INCOMPLETE: _ClassVar[PrefetchOutcome]
    PREFETCH_OUTCOME_NOT_STORED: _ClassVar[PrefetchOutcome]
    PREFETCH_OUTCOME_ERASED: _ClassVar[PrefetchOutcome]
    PREFETCH_OUTCOME_REJECTED: _ClassVar[PrefetchOutcome]
    PREFETCH_OUTCOME_NOT_FOUND: _ClassVar[PrefetchOutcome]
    PREFETCH_OUTCOME_FAILED: _ClassVar[PrefetchOutcome]
PREFETCH_TRIGGER_UNSPECIFIED: PrefetchTrigger
PREFETCH_TRIGGER_ARRIVAL: PrefetchTrigger
PREFETCH_TRIGGER_WORKLIST: PrefetchTrigger
PREFETCH_TRIGGER_ORDER: PrefetchTrigger
PREFETCH_OUTCOME_UNSPECIFIED: PrefetchOutcome
PREFETCH_OUTCOME_FETCHED: PrefetchOutcome
PREFETCH_OUTCOME_CACHED: PrefetchOutcome
PREFETCH_OUTCOME_INCOMPLETE: PrefetchOutcome
PREFETCH_OUTCOME_NOT_STORED: PrefetchOutcome
PREFETCH_OUTCOME_ERASED: PrefetchOutcome
PREFETCH_OUTCOME_REJECTED: PrefetchOutcome
PREFETCH_OUTCOME_NOT_FOUND: PrefetchOutcome
PREFETCH_OUTCOME_FAILED: PrefetchOutcome

class PrefetchedStudy(_message.Message):
    __slots__ = ("study_instance_uid", "outcome", "reason", "instances", "fetched_instances", "failed_instances", "fetched_bytes", "time")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    FETCHED_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    FAILED_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    FETCHED_BYTES_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    outcome: PrefetchOutcome
    reason: _error_reason_pb2.ErrorReason
    instances: int
    fetched_instances: int
    failed_instances: int
    fetched_bytes: int
    time: _timestamp_pb2.Timestamp
    def __init__(self, study_instance_uid: _Optional[str] = ..., outcome: _Optional[_Union[PrefetchOutcome, str]] = ..., reason: _Optional[_Union[_error_reason_pb2.ErrorReason, str]] = ..., instances: _Optional[int] = ..., fetched_instances: _Optional[int] = ..., failed_instances: _Optional[int] = ..., fetched_bytes: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PrefetchStudiesRequest(_message.Message):
    __slots__ = ("study_instance_uids", "request_id", "tenant_id")
    STUDY_INSTANCE_UIDS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    study_instance_uids: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    tenant_id: str
    def __init__(self, study_instance_uids: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class PrefetchStudiesResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _job_service_pb2.Job
    def __init__(self, job: _Optional[_Union[_job_service_pb2.Job, _Mapping]] = ...) -> None: ...

class ListPrefetchedStudiesRequest(_message.Message):
    __slots__ = ("job_id", "page_size", "page_token", "tenant_id")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    page_size: int
    page_token: str
    tenant_id: str
    def __init__(self, job_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class ListPrefetchedStudiesResponse(_message.Message):
    __slots__ = ("studies", "next_page_token")
    STUDIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    studies: _containers.RepeatedCompositeFieldContainer[PrefetchedStudy]
    next_page_token: str
    def __init__(self, studies: _Optional[_Iterable[_Union[PrefetchedStudy, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PrefetchRule(_message.Message):
    __slots__ = ("name", "last", "max_age_days", "same_modality", "same_body_part", "enabled", "triggers")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_DAYS_FIELD_NUMBER: _ClassVar[int]
    SAME_MODALITY_FIELD_NUMBER: _ClassVar[int]
    SAME_BODY_PART_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    last: int
    max_age_days: int
    same_modality: bool
    same_body_part: bool
    enabled: bool
    triggers: _containers.RepeatedScalarFieldContainer[PrefetchTrigger]
    def __init__(self, name: _Optional[str] = ..., last: _Optional[int] = ..., max_age_days: _Optional[int] = ..., same_modality: bool = ..., same_body_part: bool = ..., enabled: bool = ..., triggers: _Optional[_Iterable[_Union[PrefetchTrigger, str]]] = ...) -> None: ...

class PrefetchPriorsRequest(_message.Message):
    __slots__ = ("study_instance_uid", "rule", "tenant_id")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    rule: str
    tenant_id: str
    def __init__(self, study_instance_uid: _Optional[str] = ..., rule: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class PrefetchPriorsResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _job_service_pb2.Job
    def __init__(self, job: _Optional[_Union[_job_service_pb2.Job, _Mapping]] = ...) -> None: ...

class ListPrefetchRulesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "tenant_id")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    tenant_id: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class ListPrefetchRulesResponse(_message.Message):
    __slots__ = ("rules", "next_page_token")
    RULES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[PrefetchRule]
    next_page_token: str
    def __init__(self, rules: _Optional[_Iterable[_Union[PrefetchRule, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetPrefetchRuleRequest(_message.Message):
    __slots__ = ("rule", "tenant_id")
    RULE_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    rule: PrefetchRule
    tenant_id: str
    def __init__(self, rule: _Optional[_Union[PrefetchRule, _Mapping]] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class SetPrefetchRuleResponse(_message.Message):
    __slots__ = ("rule",)
    RULE_FIELD_NUMBER: _ClassVar[int]
    rule: PrefetchRule
    def __init__(self, rule: _Optional[_Union[PrefetchRule, _Mapping]] = ...) -> None: ...

class DeletePrefetchRuleRequest(_message.Message):
    __slots__ = ("name", "tenant_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    tenant_id: str
    def __init__(self, name: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class DeletePrefetchRuleResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReplayPrefetchRuleRequest(_message.Message):
    __slots__ = ("rule", "days", "tenant_id")
    RULE_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    rule: PrefetchRule
    days: int
    tenant_id: str
    def __init__(self, rule: _Optional[_Union[PrefetchRule, _Mapping]] = ..., days: _Optional[int] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class ReplayPrefetchRuleResponse(_message.Message):
    __slots__ = ("since", "patients", "sampled_patients", "opened", "cached", "fetched", "fetched_bytes", "used", "used_bytes", "wasted", "wasted_bytes", "waited_ms")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    PATIENTS_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_PATIENTS_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    FETCHED_FIELD_NUMBER: _ClassVar[int]
    FETCHED_BYTES_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    WASTED_FIELD_NUMBER: _ClassVar[int]
    WASTED_BYTES_FIELD_NUMBER: _ClassVar[int]
    WAITED_MS_FIELD_NUMBER: _ClassVar[int]
    since: _timestamp_pb2.Timestamp
    patients: int
    sampled_patients: int
    opened: int
    cached: int
    fetched: int
    fetched_bytes: int
    used: int
    used_bytes: int
    wasted: int
    wasted_bytes: int
    waited_ms: int
    def __init__(self, since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., patients: _Optional[int] = ..., sampled_patients: _Optional[int] = ..., opened: _Optional[int] = ..., cached: _Optional[int] = ..., fetched: _Optional[int] = ..., fetched_bytes: _Optional[int] = ..., used: _Optional[int] = ..., used_bytes: _Optional[int] = ..., wasted: _Optional[int] = ..., wasted_bytes: _Optional[int] = ..., waited_ms: _Optional[int] = ...) -> None: ...
