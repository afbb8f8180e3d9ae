import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from radgate.v1 import error_reason_pb2 as _error_reason_pb2
from radgate.v1 import limits_pb2 as _limits_pb2
from radgate.v1 import pacs_pb2 as _pacs_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_VIEWER: _ClassVar[Role]
    ROLE_OPERATOR: _ClassVar[Role]
    ROLE_ADMIN: _ClassVar[Role]
    ROLE_AUDITOR: _ClassVar[Role]

class RetrieveMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RETRIEVE_METHOD_UNSPECIFIED: _ClassVar[RetrieveMethod]
    RETRIEVE_METHOD_GET: _ClassVar[RetrieveMethod]
    RETRIEVE_METHOD_MOVE: _ClassVar[RetrieveMethod]

class TlsProfile(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TLS_PROFILE_UNSPECIFIED: _ClassVar[TlsProfile]
    TLS_PROFILE_BCP195: _ClassVar[TlsProfile]
    TLS_PROFILE_BCP195_MODIFIED: _ClassVar[TlsProfile]
    TLS_PROFILE_BCP195_NON_DOWNGRADING: _ClassVar[TlsProfile]

class QueryLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUERY_LEVEL_UNSPECIFIED: _ClassVar[QueryLevel]
    QUERY_LEVEL_STUDY: _ClassVar[QueryLevel]
    QUERY_LEVEL_SERIES: _ClassVar[QueryLevel]
    QUERY_LEVEL_IMAGE: _ClassVar[QueryLevel]

class WebService(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WEB_SERVICE_UNSPECIFIED: _ClassVar[WebService]
    WEB_SERVICE_QIDO_RS: _ClassVar[WebService]
    WEB_SERVICE_WADO_RS: _ClassVar[WebService]
    WEB_SERVICE_WADO_URI: _ClassVar[WebService]
    WEB_SERVICE_STOW_RS: _ClassVar[WebService]
    WEB_SERVICE_CHANGES: _ClassVar[WebService]

class DetectKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DETECT_KIND_UNSPECIFIED: _ClassVar[DetectKind]
    DETECT_KIND_TCP: _ClassVar[DetectKind]
    DETECT_KIND_DIMSE: _ClassVar[DetectKind]
    DETECT_KIND_DICOMWEB: _ClassVar[DetectKind]
    DETECT_KIND_ORTHANC: _ClassVar[DetectKind]
    DETECT_KIND_EXTENSION: _ClassVar[DetectKind]

class CacheTier(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CACHE_TIER_UNSPECIFIED: _ClassVar[CacheTier]
    CACHE_TIER_HOT: _ClassVar[CacheTier]
    CACHE_TIER_WARM: _ClassVar[CacheTier]
    CACHE_TIER_DERIVED: _ClassVar[CacheTier]
    CACHE_TIER_S3: _ClassVar[CacheTier]
    CACHE_TIER_HOT_INSTANCES: _ClassVar[CacheTier]
    CACHE_TIER_REDIS: _ClassVar[CacheTier]
ROLE_UNSPECIFIED: Role
ROLE_VIEWER: Role
ROLE_OPERATOR: Role
ROLE_ADMIN: Role
ROLE_AUDITOR: Role
RETRIEVE_METHOD_UNSPECIFIED: RetrieveMethod
RETRIEVE_METHOD_GET: RetrieveMethod
RETRIEVE_METHOD_MOVE: RetrieveMethod
TLS_PROFILE_UNSPECIFIED: TlsProfile
TLS_PROFILE_BCP195: TlsProfile
TLS_PROFILE_BCP195_MODIFIED: TlsProfile
TLS_PROFILE_BCP195_NON_DOWNGRADING: TlsProfile
QUERY_LEVEL_UNSPECIFIED: QueryLevel
QUERY_LEVEL_STUDY: QueryLevel
QUERY_LEVEL_SERIES: QueryLevel
QUERY_LEVEL_IMAGE: QueryLevel
WEB_SERVICE_UNSPECIFIED: WebService
WEB_SERVICE_QIDO_RS: WebService
WEB_SERVICE_WADO_RS: WebService
WEB_SERVICE_WADO_URI: WebService
WEB_SERVICE_STOW_RS: WebService
WEB_SERVICE_CHANGES: WebService
DETECT_KIND_UNSPECIFIED: DetectKind
DETECT_KIND_TCP: DetectKind
DETECT_KIND_DIMSE: DetectKind
DETECT_KIND_DICOMWEB: DetectKind
DETECT_KIND_ORTHANC: DetectKind
DETECT_KIND_EXTENSION: DetectKind
CACHE_TIER_UNSPECIFIED: CacheTier
CACHE_TIER_HOT: CacheTier
CACHE_TIER_WARM: CacheTier
CACHE_TIER_DERIVED: CacheTier
CACHE_TIER_S3: CacheTier
CACHE_TIER_HOT_INSTANCES: CacheTier
CACHE_TIER_REDIS: CacheTier

class Tenant(_message.Message):
    __slots__ = ("tenant_id", "create_time", "hide_rejected")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    HIDE_REJECTED_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    create_time: _timestamp_pb2.Timestamp
    hide_rejected: bool
    def __init__(self, tenant_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., hide_rejected: bool = ...) -> None: ...

class StudyRestriction(_message.Message):
    __slots__ = ("patients", "referring_physicians", "modalities", "study_dates")
    PATIENTS_FIELD_NUMBER: _ClassVar[int]
    REFERRING_PHYSICIANS_FIELD_NUMBER: _ClassVar[int]
    MODALITIES_FIELD_NUMBER: _ClassVar[int]
    STUDY_DATES_FIELD_NUMBER: _ClassVar[int]
    patients: _containers.RepeatedCompositeFieldContainer[RestrictedPatient]
    referring_physicians: _containers.RepeatedScalarFieldContainer[str]
    modalities: _containers.RepeatedScalarFieldContainer[str]
    study_dates: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, patients: _Optional[_Iterable[_Union[RestrictedPatient, _Mapping]]] = ..., referring_physicians: _Optional[_Iterable[str]] = ..., modalities: _Optional[_Iterable[str]] = ..., study_dates: _Optional[_Iterable[str]] = ...) -> None: ...

class RestrictedPatient(_message.Message):
    __slots__ = ("patient_id", "issuer")
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    patient_id: str
    issuer: str
    def __init__(self, patient_id: _Optional[str] = ..., issuer: _Optional[str] = ...) -> None: ...

class ApiKey(_message.Message):
    __slots__ = ("key_id", "tenant_ids", "role", "label", "create_time", "revoke_time", "expire_time", "last_use_time", "replaced_by_key_id", "restriction")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_IDS_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVOKE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_USE_TIME_FIELD_NUMBER: _ClassVar[int]
    REPLACED_BY_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    RESTRICTION_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    tenant_ids: _containers.RepeatedScalarFieldContainer[str]
    role: Role
    label: str
    create_time: _timestamp_pb2.Timestamp
    revoke_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    last_use_time: _timestamp_pb2.Timestamp
    replaced_by_key_id: str
    restriction: StudyRestriction
    def __init__(self, key_id: _Optional[str] = ..., tenant_ids: _Optional[_Iterable[str]] = ..., role: _Optional[_Union[Role, str]] = ..., label: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revoke_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_use_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., replaced_by_key_id: _Optional[str] = ..., restriction: _Optional[_Union[StudyRestriction, _Mapping]] = ...) -> None: ...

class Pacs(_message.Message):
    __slots__ = ("name", "dimse", "folder", "dicomweb", "orthanc", "extension", "create_time", "backup_for", "failover", "state", "validation", "active", "unusable_reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIMSE_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    DICOMWEB_FIELD_NUMBER: _ClassVar[int]
    ORTHANC_FIELD_NUMBER: _ClassVar[int]
    EXTENSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    BACKUP_FOR_FIELD_NUMBER: _ClassVar[int]
    FAILOVER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    UNUSABLE_REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    dimse: DimseConnection
    folder: FolderConnection
    dicomweb: _pacs_pb2.DicomWebConnection
    orthanc: _pacs_pb2.OrthancConnection
    extension: _pacs_pb2.ExtensionConnection
    create_time: _timestamp_pb2.Timestamp
    backup_for: str
    failover: _pacs_pb2.FailoverPolicy
    state: _pacs_pb2.PacsState
    validation: _pacs_pb2.ValidationReport
    active: bool
    unusable_reason: str
    def __init__(self, name: _Optional[str] = ..., dimse: _Optional[_Union[DimseConnection, _Mapping]] = ..., folder: _Optional[_Union[FolderConnection, _Mapping]] = ..., dicomweb: _Optional[_Union[_pacs_pb2.DicomWebConnection, _Mapping]] = ..., orthanc: _Optional[_Union[_pacs_pb2.OrthancConnection, _Mapping]] = ..., extension: _Optional[_Union[_pacs_pb2.ExtensionConnection, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., backup_for: _Optional[str] = ..., failover: _Optional[_Union[_pacs_pb2.FailoverPolicy, _Mapping]] = ..., state: _Optional[_Union[_pacs_pb2.PacsState, _Mapping]] = ..., validation: _Optional[_Union[_pacs_pb2.ValidationReport, _Mapping]] = ..., active: bool = ..., unusable_reason: _Optional[str] = ...) -> None: ...

class DimseConnection(_message.Message):
    __slots__ = ("host", "port", "called_aet", "calling_aet", "retrieve_method", "max_associations", "tls", "username", "password", "password_ref", "sender_aets", "sender_networks", "min_bytes_per_second")
    HOST_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    CALLED_AET_FIELD_NUMBER: _ClassVar[int]
    CALLING_AET_FIELD_NUMBER: _ClassVar[int]
    RETRIEVE_METHOD_FIELD_NUMBER: _ClassVar[int]
    MAX_ASSOCIATIONS_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_REF_FIELD_NUMBER: _ClassVar[int]
    SENDER_AETS_FIELD_NUMBER: _ClassVar[int]
    SENDER_NETWORKS_FIELD_NUMBER: _ClassVar[int]
    MIN_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    host: str
    port: int
    called_aet: str
    calling_aet: str
    retrieve_method: RetrieveMethod
    max_associations: int
    tls: DimseTls
    username: str
    password: str
    password_ref: str
    sender_aets: _containers.RepeatedScalarFieldContainer[str]
    sender_networks: _containers.RepeatedScalarFieldContainer[str]
    min_bytes_per_second: int
    def __init__(self, host: _Optional[str] = ..., port: _Optional[int] = ..., called_aet: _Optional[str] = ..., calling_aet: _Optional[str] = ..., retrieve_method: _Optional[_Union[RetrieveMethod, str]] = ..., max_associations: _Optional[int] = ..., tls: _Optional[_Union[DimseTls, _Mapping]] = ..., username: _Optional[str] = ..., password: _Optional[str] = ..., password_ref: _Optional[str] = ..., sender_aets: _Optional[_Iterable[str]] = ..., sender_networks: _Optional[_Iterable[str]] = ..., min_bytes_per_second: _Optional[int] = ...) -> None: ...

class DimseTls(_message.Message):
    __slots__ = ("ca_file", "certificate_file", "private_key_file", "verify_host", "profile", "server_name", "certificate_ref")
    CA_FILE_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FILE_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_KEY_FILE_FIELD_NUMBER: _ClassVar[int]
    VERIFY_HOST_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_REF_FIELD_NUMBER: _ClassVar[int]
    ca_file: str
    certificate_file: str
    private_key_file: str
    verify_host: bool
    profile: TlsProfile
    server_name: str
    certificate_ref: str
    def __init__(self, ca_file: _Optional[str] = ..., certificate_file: _Optional[str] = ..., private_key_file: _Optional[str] = ..., verify_host: bool = ..., profile: _Optional[_Union[TlsProfile, str]] = ..., server_name: _Optional[str] = ..., certificate_ref: _Optional[str] = ...) -> None: ...

class FolderConnection(_message.Message):
    __slots__ = ("path",)
    PATH_FIELD_NUMBER: _ClassVar[int]
    path: str
    def __init__(self, path: _Optional[str] = ...) -> None: ...

class CreateTenantRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class CreateTenantResponse(_message.Message):
    __slots__ = ("tenant",)
    TENANT_FIELD_NUMBER: _ClassVar[int]
    tenant: Tenant
    def __init__(self, tenant: _Optional[_Union[Tenant, _Mapping]] = ...) -> None: ...

class ListTenantsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTenantsResponse(_message.Message):
    __slots__ = ("tenants", "next_page_token")
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tenants: _containers.RepeatedCompositeFieldContainer[Tenant]
    next_page_token: str
    def __init__(self, tenants: _Optional[_Iterable[_Union[Tenant, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateTenantRequest(_message.Message):
    __slots__ = ("tenant", "update_mask")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    tenant: Tenant
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, tenant: _Optional[_Union[Tenant, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateTenantResponse(_message.Message):
    __slots__ = ("tenant",)
    TENANT_FIELD_NUMBER: _ClassVar[int]
    tenant: Tenant
    def __init__(self, tenant: _Optional[_Union[Tenant, _Mapping]] = ...) -> None: ...

class DeleteTenantRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class DeleteTenantResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CreateApiKeyRequest(_message.Message):
    __slots__ = ("role", "label", "expire_time", "restriction", "tenant_id")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    RESTRICTION_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    role: Role
    label: str
    expire_time: _timestamp_pb2.Timestamp
    restriction: StudyRestriction
    tenant_id: str
    def __init__(self, role: _Optional[_Union[Role, str]] = ..., label: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., restriction: _Optional[_Union[StudyRestriction, _Mapping]] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class CreateApiKeyResponse(_message.Message):
    __slots__ = ("api_key", "token")
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    api_key: ApiKey
    token: str
    def __init__(self, api_key: _Optional[_Union[ApiKey, _Mapping]] = ..., token: _Optional[str] = ...) -> None: ...

class ListApiKeysRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "tenant_id")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    tenant_id: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class ListApiKeysResponse(_message.Message):
    __slots__ = ("api_keys", "next_page_token")
    API_KEYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    api_keys: _containers.RepeatedCompositeFieldContainer[ApiKey]
    next_page_token: str
    def __init__(self, api_keys: _Optional[_Iterable[_Union[ApiKey, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RevokeApiKeyRequest(_message.Message):
    __slots__ = ("key_id", "tenant_id")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    tenant_id: str
    def __init__(self, key_id: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class RevokeApiKeyResponse(_message.Message):
    __slots__ = ("api_key",)
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    api_key: ApiKey
    def __init__(self, api_key: _Optional[_Union[ApiKey, _Mapping]] = ...) -> None: ...

class RotateApiKeyRequest(_message.Message):
    __slots__ = ("key_id", "overlap", "tenant_id")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    overlap: _duration_pb2.Duration
    tenant_id: str
    def __init__(self, key_id: _Optional[str] = ..., overlap: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class RotateApiKeyResponse(_message.Message):
    __slots__ = ("api_key", "token")
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    api_key: ApiKey
    token: str
    def __init__(self, api_key: _Optional[_Union[ApiKey, _Mapping]] = ..., token: _Optional[str] = ...) -> None: ...

class GetLimitsRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class GetLimitsResponse(_message.Message):
    __slots__ = ("tenant", "keys", "key_defaults")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    KEY_DEFAULTS_FIELD_NUMBER: _ClassVar[int]
    tenant: _limits_pb2.LimitsState
    keys: _containers.RepeatedCompositeFieldContainer[_limits_pb2.LimitsState]
    key_defaults: _limits_pb2.Limits
    def __init__(self, tenant: _Optional[_Union[_limits_pb2.LimitsState, _Mapping]] = ..., keys: _Optional[_Iterable[_Union[_limits_pb2.LimitsState, _Mapping]]] = ..., key_defaults: _Optional[_Union[_limits_pb2.Limits, _Mapping]] = ...) -> None: ...

class UpdateLimitsRequest(_message.Message):
    __slots__ = ("limits", "update_mask", "tenant_id")
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    limits: _limits_pb2.Limits
    update_mask: _field_mask_pb2.FieldMask
    tenant_id: str
    def __init__(self, limits: _Optional[_Union[_limits_pb2.Limits, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class UpdateLimitsResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: _limits_pb2.LimitsState
    def __init__(self, state: _Optional[_Union[_limits_pb2.LimitsState, _Mapping]] = ...) -> None: ...

class CreatePacsRequest(_message.Message):
    __slots__ = ("pacs", "skip_validation", "tenant_id")
    PACS_FIELD_NUMBER: _ClassVar[int]
    SKIP_VALIDATION_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    pacs: Pacs
    skip_validation: bool
    tenant_id: str
    def __init__(self, pacs: _Optional[_Union[Pacs, _Mapping]] = ..., skip_validation: bool = ..., tenant_id: _Optional[str] = ...) -> None: ...

class CreatePacsResponse(_message.Message):
    __slots__ = ("pacs",)
    PACS_FIELD_NUMBER: _ClassVar[int]
    pacs: Pacs
    def __init__(self, pacs: _Optional[_Union[Pacs, _Mapping]] = ...) -> None: ...

class UpdatePacsRequest(_message.Message):
    __slots__ = ("pacs", "update_mask", "skip_validation", "tenant_id")
    PACS_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    SKIP_VALIDATION_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    pacs: Pacs
    update_mask: _field_mask_pb2.FieldMask
    skip_validation: bool
    tenant_id: str
    def __init__(self, pacs: _Optional[_Union[Pacs, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., skip_validation: bool = ..., tenant_id: _Optional[str] = ...) -> None: ...

class UpdatePacsResponse(_message.Message):
    __slots__ = ("pacs",)
    PACS_FIELD_NUMBER: _ClassVar[int]
    pacs: Pacs
    def __init__(self, pacs: _Optional[_Union[Pacs, _Mapping]] = ...) -> None: ...

class GetPacsRequest(_message.Message):
    __slots__ = ("name", "tenant_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    tenant_id: str
    def __init__(self, name: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class GetPacsResponse(_message.Message):
    __slots__ = ("pacs",)
    PACS_FIELD_NUMBER: _ClassVar[int]
    pacs: Pacs
    def __init__(self, pacs: _Optional[_Union[Pacs, _Mapping]] = ...) -> None: ...

class ListPacsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "tenant_id")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    tenant_id: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class ListPacsResponse(_message.Message):
    __slots__ = ("pacs", "next_page_token")
    PACS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    pacs: _containers.RepeatedCompositeFieldContainer[Pacs]
    next_page_token: str
    def __init__(self, pacs: _Optional[_Iterable[_Union[Pacs, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeletePacsRequest(_message.Message):
    __slots__ = ("name", "tenant_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    tenant_id: str
    def __init__(self, name: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class DeletePacsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TestPacsRequest(_message.Message):
    __slots__ = ("name", "tenant_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    tenant_id: str
    def __init__(self, name: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class TestPacsResponse(_message.Message):
    __slots__ = ("latency_ms", "detail")
    LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    latency_ms: float
    detail: str
    def __init__(self, latency_ms: _Optional[float] = ..., detail: _Optional[str] = ...) -> None: ...

class ValidatePacsRequest(_message.Message):
    __slots__ = ("name", "tenant_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    tenant_id: str
    def __init__(self, name: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class ValidatePacsResponse(_message.Message):
    __slots__ = ("report",)
    REPORT_FIELD_NUMBER: _ClassVar[int]
    report: _pacs_pb2.ValidationReport
    def __init__(self, report: _Optional[_Union[_pacs_pb2.ValidationReport, _Mapping]] = ...) -> None: ...

class DetectPacsRequest(_message.Message):
    __slots__ = ("endpoint", "port", "called_aets", "calling_aet", "username", "secret", "secret_ref", "tenant_id")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    CALLED_AETS_FIELD_NUMBER: _ClassVar[int]
    CALLING_AET_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    SECRET_REF_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    port: int
    called_aets: _containers.RepeatedScalarFieldContainer[str]
    calling_aet: str
    username: str
    secret: str
    secret_ref: str
    tenant_id: str
    def __init__(self, endpoint: _Optional[str] = ..., port: _Optional[int] = ..., called_aets: _Optional[_Iterable[str]] = ..., calling_aet: _Optional[str] = ..., username: _Optional[str] = ..., secret: _Optional[str] = ..., secret_ref: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class DetectPacsResponse(_message.Message):
    __slots__ = ("findings", "attempts", "hints", "duration_ms")
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    findings: _containers.RepeatedCompositeFieldContainer[PacsFinding]
    attempts: _containers.RepeatedCompositeFieldContainer[DetectAttempt]
    hints: _containers.RepeatedScalarFieldContainer[str]
    duration_ms: float
    def __init__(self, findings: _Optional[_Iterable[_Union[PacsFinding, _Mapping]]] = ..., attempts: _Optional[_Iterable[_Union[DetectAttempt, _Mapping]]] = ..., hints: _Optional[_Iterable[str]] = ..., duration_ms: _Optional[float] = ...) -> None: ...

class PacsFinding(_message.Message):
    __slots__ = ("pacs", "capabilities", "latency_ms", "notes")
    PACS_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    pacs: Pacs
    capabilities: PacsCapabilities
    latency_ms: float
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, pacs: _Optional[_Union[Pacs, _Mapping]] = ..., capabilities: _Optional[_Union[PacsCapabilities, _Mapping]] = ..., latency_ms: _Optional[float] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class PacsCapabilities(_message.Message):
    __slots__ = ("vendor", "version", "transfer_syntax_uids", "query_levels", "retrieve_methods", "services", "charset", "can_store")
    VENDOR_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UIDS_FIELD_NUMBER: _ClassVar[int]
    QUERY_LEVELS_FIELD_NUMBER: _ClassVar[int]
    RETRIEVE_METHODS_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    CHARSET_FIELD_NUMBER: _ClassVar[int]
    CAN_STORE_FIELD_NUMBER: _ClassVar[int]
    vendor: str
    version: str
    transfer_syntax_uids: _containers.RepeatedScalarFieldContainer[str]
    query_levels: _containers.RepeatedScalarFieldContainer[QueryLevel]
    retrieve_methods: _containers.RepeatedScalarFieldContainer[RetrieveMethod]
    services: _containers.RepeatedScalarFieldContainer[WebService]
    charset: str
    can_store: bool
    def __init__(self, vendor: _Optional[str] = ..., version: _Optional[str] = ..., transfer_syntax_uids: _Optional[_Iterable[str]] = ..., query_levels: _Optional[_Iterable[_Union[QueryLevel, str]]] = ..., retrieve_methods: _Optional[_Iterable[_Union[RetrieveMethod, str]]] = ..., services: _Optional[_Iterable[_Union[WebService, str]]] = ..., charset: _Optional[str] = ..., can_store: bool = ...) -> None: ...

class DetectAttempt(_message.Message):
    __slots__ = ("kind", "port", "target", "reason", "message", "extension_kind")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EXTENSION_KIND_FIELD_NUMBER: _ClassVar[int]
    kind: DetectKind
    port: int
    target: str
    reason: _error_reason_pb2.ErrorReason
    message: str
    extension_kind: str
    def __init__(self, kind: _Optional[_Union[DetectKind, str]] = ..., port: _Optional[int] = ..., target: _Optional[str] = ..., reason: _Optional[_Union[_error_reason_pb2.ErrorReason, str]] = ..., message: _Optional[str] = ..., extension_kind: _Optional[str] = ...) -> None: ...

class FailoverPacsRequest(_message.Message):
    __slots__ = ("name", "target_pacs", "tenant_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TARGET_PACS_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    target_pacs: str
    tenant_id: str
    def __init__(self, name: _Optional[str] = ..., target_pacs: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class FailoverPacsResponse(_message.Message):
    __slots__ = ("transition",)
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    transition: _pacs_pb2.PacsTransition
    def __init__(self, transition: _Optional[_Union[_pacs_pb2.PacsTransition, _Mapping]] = ...) -> None: ...

class FailbackPacsRequest(_message.Message):
    __slots__ = ("name", "tenant_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    tenant_id: str
    def __init__(self, name: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class FailbackPacsResponse(_message.Message):
    __slots__ = ("transition",)
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    transition: _pacs_pb2.PacsTransition
    def __init__(self, transition: _Optional[_Union[_pacs_pb2.PacsTransition, _Mapping]] = ...) -> None: ...

class ListPacsTransitionsRequest(_message.Message):
    __slots__ = ("name", "page_size", "page_token", "tenant_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    page_size: int
    page_token: str
    tenant_id: str
    def __init__(self, name: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class ListPacsTransitionsResponse(_message.Message):
    __slots__ = ("transitions", "next_page_token")
    TRANSITIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    transitions: _containers.RepeatedCompositeFieldContainer[_pacs_pb2.PacsTransition]
    next_page_token: str
    def __init__(self, transitions: _Optional[_Iterable[_Union[_pacs_pb2.PacsTransition, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetCacheStatsRequest(_message.Message):
    __slots__ = ("tenant_id", "days")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    days: int
    def __init__(self, tenant_id: _Optional[str] = ..., days: _Optional[int] = ...) -> None: ...

class CacheTierStats(_message.Message):
    __slots__ = ("tier", "entries", "used_bytes", "limit_bytes", "hits", "misses", "evictions")
    TIER_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    MISSES_FIELD_NUMBER: _ClassVar[int]
    EVICTIONS_FIELD_NUMBER: _ClassVar[int]
    tier: CacheTier
    entries: int
    used_bytes: int
    limit_bytes: int
    hits: int
    misses: int
    evictions: int
    def __init__(self, tier: _Optional[_Union[CacheTier, str]] = ..., entries: _Optional[int] = ..., used_bytes: _Optional[int] = ..., limit_bytes: _Optional[int] = ..., hits: _Optional[int] = ..., misses: _Optional[int] = ..., evictions: _Optional[int] = ...) -> None: ...

class GetCacheStatsResponse(_message.Message):
    __slots__ = ("tiers", "history", "ages", "tenants", "omitted_tenants", "stores")
    TIERS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    AGES_FIELD_NUMBER: _ClassVar[int]
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    OMITTED_TENANTS_FIELD_NUMBER: _ClassVar[int]
    STORES_FIELD_NUMBER: _ClassVar[int]
    tiers: _containers.RepeatedCompositeFieldContainer[CacheTierStats]
    history: CacheHistory
    ages: _containers.RepeatedCompositeFieldContainer[CacheTierAges]
    tenants: _containers.RepeatedCompositeFieldContainer[TenantCacheStats]
    omitted_tenants: int
    stores: _containers.RepeatedCompositeFieldContainer[CacheStoreStats]
    def __init__(self, tiers: _Optional[_Iterable[_Union[CacheTierStats, _Mapping]]] = ..., history: _Optional[_Union[CacheHistory, _Mapping]] = ..., ages: _Optional[_Iterable[_Union[CacheTierAges, _Mapping]]] = ..., tenants: _Optional[_Iterable[_Union[TenantCacheStats, _Mapping]]] = ..., omitted_tenants: _Optional[int] = ..., stores: _Optional[_Iterable[_Union[CacheStoreStats, _Mapping]]] = ...) -> None: ...

class TenantCacheStats(_message.Message):
    __slots__ = ("tenant_id", "tiers", "history")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    tiers: _containers.RepeatedCompositeFieldContainer[CacheTierStats]
    history: CacheHistory
    def __init__(self, tenant_id: _Optional[str] = ..., tiers: _Optional[_Iterable[_Union[CacheTierStats, _Mapping]]] = ..., history: _Optional[_Union[CacheHistory, _Mapping]] = ...) -> None: ...

class CacheTierAges(_message.Message):
    __slots__ = ("tier", "entries", "examined", "ages", "oldest_use_time", "oldest_fetch_time")
    TIER_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    EXAMINED_FIELD_NUMBER: _ClassVar[int]
    AGES_FIELD_NUMBER: _ClassVar[int]
    OLDEST_USE_TIME_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    tier: CacheTier
    entries: int
    examined: int
    ages: _containers.RepeatedCompositeFieldContainer[CacheAge]
    oldest_use_time: _timestamp_pb2.Timestamp
    oldest_fetch_time: _timestamp_pb2.Timestamp
    def __init__(self, tier: _Optional[_Union[CacheTier, str]] = ..., entries: _Optional[int] = ..., examined: _Optional[int] = ..., ages: _Optional[_Iterable[_Union[CacheAge, _Mapping]]] = ..., oldest_use_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., oldest_fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CacheAge(_message.Message):
    __slots__ = ("within", "used", "fetched")
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    FETCHED_FIELD_NUMBER: _ClassVar[int]
    within: _duration_pb2.Duration
    used: int
    fetched: int
    def __init__(self, within: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., used: _Optional[int] = ..., fetched: _Optional[int] = ...) -> None: ...

class CacheStoreStats(_message.Message):
    __slots__ = ("tier", "used_bytes", "limit_bytes", "entries", "evictions")
    TIER_FIELD_NUMBER: _ClassVar[int]
    USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    EVICTIONS_FIELD_NUMBER: _ClassVar[int]
    tier: CacheTier
    used_bytes: int
    limit_bytes: int
    entries: int
    evictions: int
    def __init__(self, tier: _Optional[_Union[CacheTier, str]] = ..., used_bytes: _Optional[int] = ..., limit_bytes: _Optional[int] = ..., entries: _Optional[int] = ..., evictions: _Optional[int] = ...) -> None: ...

class CacheHistory(_message.Message):
    __slots__ = ("since_time", "tiers", "hit_rate", "fetched_bytes", "waited", "saved_bytes", "waiting_saved", "sampled", "studies", "working_set", "recommendation", "prefetched", "saved_accesses")
    SINCE_TIME_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    HIT_RATE_FIELD_NUMBER: _ClassVar[int]
    FETCHED_BYTES_FIELD_NUMBER: _ClassVar[int]
    WAITED_FIELD_NUMBER: _ClassVar[int]
    SAVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    WAITING_SAVED_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_FIELD_NUMBER: _ClassVar[int]
    STUDIES_FIELD_NUMBER: _ClassVar[int]
    WORKING_SET_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDATION_FIELD_NUMBER: _ClassVar[int]
    PREFETCHED_FIELD_NUMBER: _ClassVar[int]
    SAVED_ACCESSES_FIELD_NUMBER: _ClassVar[int]
    since_time: _timestamp_pb2.Timestamp
    tiers: _containers.RepeatedCompositeFieldContainer[CacheTierAccesses]
    hit_rate: float
    fetched_bytes: int
    waited: _duration_pb2.Duration
    saved_bytes: int
    waiting_saved: _duration_pb2.Duration
    sampled: float
    studies: int
    working_set: _containers.RepeatedCompositeFieldContainer[WorkingSetPoint]
    recommendation: CacheRecommendation
    prefetched: PrefetchUse
    saved_accesses: int
    def __init__(self, since_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tiers: _Optional[_Iterable[_Union[CacheTierAccesses, _Mapping]]] = ..., hit_rate: _Optional[float] = ..., fetched_bytes: _Optional[int] = ..., waited: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., saved_bytes: _Optional[int] = ..., waiting_saved: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., sampled: _Optional[float] = ..., studies: _Optional[int] = ..., working_set: _Optional[_Iterable[_Union[WorkingSetPoint, _Mapping]]] = ..., recommendation: _Optional[_Union[CacheRecommendation, _Mapping]] = ..., prefetched: _Optional[_Union[PrefetchUse, _Mapping]] = ..., saved_accesses: _Optional[int] = ...) -> None: ...

class PrefetchUse(_message.Message):
    __slots__ = ("used", "used_bytes", "wasted", "wasted_bytes", "pending", "pending_bytes")
    USED_FIELD_NUMBER: _ClassVar[int]
    USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    WASTED_FIELD_NUMBER: _ClassVar[int]
    WASTED_BYTES_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    PENDING_BYTES_FIELD_NUMBER: _ClassVar[int]
    used: int
    used_bytes: int
    wasted: int
    wasted_bytes: int
    pending: int
    pending_bytes: int
    def __init__(self, used: _Optional[int] = ..., used_bytes: _Optional[int] = ..., wasted: _Optional[int] = ..., wasted_bytes: _Optional[int] = ..., pending: _Optional[int] = ..., pending_bytes: _Optional[int] = ...) -> None: ...

class CacheTierAccesses(_message.Message):
    __slots__ = ("tier", "accesses", "sent_bytes", "fetched_bytes", "waited", "first_byte")
    TIER_FIELD_NUMBER: _ClassVar[int]
    ACCESSES_FIELD_NUMBER: _ClassVar[int]
    SENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    FETCHED_BYTES_FIELD_NUMBER: _ClassVar[int]
    WAITED_FIELD_NUMBER: _ClassVar[int]
    FIRST_BYTE_FIELD_NUMBER: _ClassVar[int]
    tier: str
    accesses: int
    sent_bytes: int
    fetched_bytes: int
    waited: _duration_pb2.Duration
    first_byte: _duration_pb2.Duration
    def __init__(self, tier: _Optional[str] = ..., accesses: _Optional[int] = ..., sent_bytes: _Optional[int] = ..., fetched_bytes: _Optional[int] = ..., waited: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., first_byte: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WorkingSetPoint(_message.Message):
    __slots__ = ("size_bytes", "hit_rate")
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    HIT_RATE_FIELD_NUMBER: _ClassVar[int]
    size_bytes: int
    hit_rate: float
    def __init__(self, size_bytes: _Optional[int] = ..., hit_rate: _Optional[float] = ...) -> None: ...

class CacheRecommendation(_message.Message):
    __slots__ = ("size_bytes", "size_reason", "keep_for", "keep_reason")
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SIZE_REASON_FIELD_NUMBER: _ClassVar[int]
    KEEP_FOR_FIELD_NUMBER: _ClassVar[int]
    KEEP_REASON_FIELD_NUMBER: _ClassVar[int]
    size_bytes: int
    size_reason: str
    keep_for: _duration_pb2.Duration
    keep_reason: str
    def __init__(self, size_bytes: _Optional[int] = ..., size_reason: _Optional[str] = ..., keep_for: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., keep_reason: _Optional[str] = ...) -> None: ...

class InvalidateCacheRequest(_message.Message):
    __slots__ = ("study_instance_uid", "tenant_id", "series_instance_uid", "sop_instance_uid", "pacs", "older_than", "dry_run")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    PACS_FIELD_NUMBER: _ClassVar[int]
    OLDER_THAN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    tenant_id: str
    series_instance_uid: str
    sop_instance_uid: str
    pacs: str
    older_than: _duration_pb2.Duration
    dry_run: bool
    def __init__(self, study_instance_uid: _Optional[str] = ..., tenant_id: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., pacs: _Optional[str] = ..., older_than: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., dry_run: bool = ...) -> None: ...

class InvalidateCacheResponse(_message.Message):
    __slots__ = ("instances_removed",)
    INSTANCES_REMOVED_FIELD_NUMBER: _ClassVar[int]
    instances_removed: int
    def __init__(self, instances_removed: _Optional[int] = ...) -> None: ...
