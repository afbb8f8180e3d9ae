"""Who may call what, and what the audit trail has of it: one row for each rpc.

A method without a row, or whose row does not say what is recorded, can't be served.
"""

from enum import Enum
from typing import NamedTuple

from radgate_server.core.access.tenancy import Principal, Role
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.errors import (
    InvalidArgumentError,
    RestrictedCredentialError,
    RoleNotAllowedError,
    TenantNotAllowedError,
)


class TenantNeed(Enum):
    """What a method needs to know of the tenant."""

    TENANT = "acts for one tenant, which must be known"
    EVERY_TENANT = "runs the installation: the key must be good for every tenant"
    ANY = "looks at what the key itself may use"


class Reach(Enum):
    """How a method keeps to the studies of a credential that is restricted to some (rpc/access/study_admission.py)."""

    CLOSED = "not at all, so such credentials may not call"
    STUDY = "it works on the study that each message of the request names, which is looked at before the servicer"
    SEARCH = "the search leaves out what lies outside"
    FEED = "each message of the answer names a study at most; those that name one outside are left out"
    OPEN = "it discloses nothing of studies"


class Unrecorded(Enum):
    """Why a method that is granted leaves no record in the audit trail. Refusals are recorded of all methods."""

    ADMINISTRATIVE = "it shows what is set up, runs or was ordered, and none of what PACS hold"
    OF_A_VIEW = "the frames of the view that it concerns are recorded as they are asked for"
    HEALTH = "it reports whether the server serves"
    CONTRACT = "it describes the interface"


type Audit = frozenset[AuditAction] | Unrecorded
"""The actions of which a granted call leaves at least one in the audit trail, or why it leaves none."""


class Access(NamedTuple):
    """One row: the roles that may call, none of which means that nobody is asked for a credential.

    Whoever does not say how far a method reaches has closed it to restricted credentials. What is recorded has to be
    said: `audit` is None only for what rows are made of.
    """

    roles: frozenset[Role]
    tenant: TenantNeed = TenantNeed.TENANT
    reach: Reach = Reach.CLOSED
    audit: Audit | None = None

    def recording(self, *actions: AuditAction) -> "Access":
        """The row of a method that records one of these actions before it answers."""
        return self._replace(audit=frozenset(actions))

    def unrecorded(self, why: Unrecorded) -> "Access":
        """The row of a method that records nothing when it is granted."""
        return self._replace(audit=why)

    @property
    def is_public(self) -> bool:
        """Whether anybody may call."""
        return not self.roles


_FROM_ADMIN = frozenset({Role.ADMIN})
_FROM_OPERATOR = _FROM_ADMIN | {Role.OPERATOR}
_FROM_VIEWER = _FROM_OPERATOR | {Role.VIEWER}

PUBLIC = Access(frozenset(), TenantNeed.ANY, Reach.OPEN)
_SEARCHER = Access(_FROM_VIEWER, reach=Reach.SEARCH)
_READER = Access(_FROM_VIEWER, reach=Reach.STUDY)
_VIEWER = Access(_FROM_VIEWER)
_OPERATOR = Access(_FROM_OPERATOR)
_ADMIN = Access(_FROM_ADMIN)
_INSTALLATION = Access(_FROM_ADMIN, TenantNeed.EVERY_TENANT)
_KEY_ADMIN = Access(_FROM_ADMIN, TenantNeed.ANY)  # without a tenant they concern the keys for every tenant
_KEY_READER = Access(_FROM_ADMIN | {Role.AUDITOR}, TenantNeed.ANY)  # who may come in is an auditor's business
_CACHE_READER = Access(_FROM_OPERATOR, TenantNeed.ANY)  # without a tenant it is the sum, for keys for every tenant
_LIMIT_READER = Access(_FROM_OPERATOR | {Role.AUDITOR})  # so is from where they may
_AUDIT_READER = Access(_FROM_ADMIN | {Role.AUDITOR})
_ANY_KEY = Access(frozenset(Role), TenantNeed.ANY, Reach.OPEN)

METHODS: dict[str, Access] = {
    "radgate.v1.QueryService/SearchStudies": _SEARCHER.recording(AuditAction.QUERY),
    "radgate.v1.QueryService/SearchSeries": _SEARCHER.recording(AuditAction.QUERY),
    "radgate.v1.QueryService/SearchInstances": _SEARCHER.recording(AuditAction.QUERY),
    "radgate.v1.QueryService/WatchStudies": Access(_FROM_VIEWER, reach=Reach.FEED).recording(AuditAction.QUERY),
    "radgate.v1.RetrieveService/RetrieveInstances": _READER.recording(AuditAction.RETRIEVE),
    "radgate.v1.RetrieveService/RetrieveMetadata": _READER.recording(AuditAction.RETRIEVE_METADATA),
    "radgate.v1.RetrieveService/RetrieveFrames": _READER.recording(AuditAction.RETRIEVE_FRAMES),
    "radgate.v1.RetrieveService/StreamFrames": _READER.recording(AuditAction.RETRIEVE_FRAMES),
    "radgate.v1.RetrieveService/ViewFrames": _READER.recording(AuditAction.RETRIEVE_FRAMES),
    "radgate.v1.RetrieveService/PrioritizeFrames": _READER.unrecorded(Unrecorded.OF_A_VIEW),
    "radgate.v1.TranscodeService/TranscodeFrames": _READER.recording(AuditAction.TRANSCODE),
    "radgate.v1.TranscodeService/TranscodeInstance": _READER.recording(AuditAction.TRANSCODE),
    # Of what the caller sends
    "radgate.v1.TranscodeService/TranscodeUpload": Access(_FROM_VIEWER, reach=Reach.OPEN).recording(
        AuditAction.TRANSCODE
    ),
    # It occupies the machine for long
    "radgate.v1.JobService/CreateJob": _OPERATOR.recording(AuditAction.TRANSCODE, AuditAction.RENDER),
    "radgate.v1.JobService/GetJob": _VIEWER.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.JobService/ListJobs": _VIEWER.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.JobService/WatchJob": _VIEWER.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.JobService/CancelJob": _OPERATOR.recording(AuditAction.CONFIGURE),
    "radgate.v1.JobService/PauseJob": _OPERATOR.recording(AuditAction.CONFIGURE),
    "radgate.v1.JobService/ResumeJob": _OPERATOR.recording(AuditAction.CONFIGURE),
    # A viewer changes nothing in a PACS
    "radgate.v1.StoreService/StoreInstances": _OPERATOR.recording(AuditAction.STORE),
    "radgate.v1.AuditService/SearchAuditRecords": _AUDIT_READER.recording(AuditAction.READ_AUDIT),
    "radgate.v1.AuditService/VerifyAuditTrail": _AUDIT_READER.recording(AuditAction.READ_AUDIT),
    "radgate.v1.AuditService/ListAuditCheckpoints": _AUDIT_READER.recording(AuditAction.READ_AUDIT),
    "radgate.v1.AuditService/MakeAuditReport": _AUDIT_READER.recording(AuditAction.READ_AUDIT),
    "radgate.v1.AuditService/ListReportSchedules": _AUDIT_READER.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.AuditService/RunReportSchedule": _AUDIT_READER.recording(AuditAction.CONFIGURE),
    # It sends patient data out of the house, again and again
    "radgate.v1.AuditService/CreateReportSchedule": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.AuditService/UpdateReportSchedule": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.AuditService/DeleteReportSchedule": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.RetentionService/GetRetention": _AUDIT_READER.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.RetentionService/SetRetention": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.RetentionService/PlaceLegalHold": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.RetentionService/ReleaseLegalHold": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.RetentionService/ListLegalHolds": _AUDIT_READER.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.RetentionService/EraseCachedData": _ADMIN.recording(AuditAction.ERASE_CACHED),
    "radgate.v1.RetentionService/GetErasure": _AUDIT_READER.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.RetentionService/ListErasures": _AUDIT_READER.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.QuarantineService/ListQuarantinedInstances": _ADMIN.unrecorded(Unrecorded.ADMINISTRATIVE),
    # Whoever's they are, patient data
    "radgate.v1.QuarantineService/ReadQuarantinedInstance": _ADMIN.recording(AuditAction.READ_REFUSED),
    "radgate.v1.QuarantineService/DeleteQuarantinedInstance": _ADMIN.recording(AuditAction.CONFIGURE),
    # It occupies PACS and disk for long
    "radgate.v1.PrefetchService/PrefetchStudies": _OPERATOR.recording(AuditAction.CONFIGURE),
    "radgate.v1.PrefetchService/PrefetchPriors": _OPERATOR.recording(AuditAction.CONFIGURE),
    "radgate.v1.PrefetchService/ListPrefetchRules": _OPERATOR.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.PrefetchService/SetPrefetchRule": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.PrefetchService/DeletePrefetchRule": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.PrefetchService/ReplayPrefetchRule": _OPERATOR.recording(AuditAction.CONFIGURE),
    "radgate.v1.PrefetchService/ListPrefetchedStudies": _OPERATOR.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.AdminService/CreateTenant": _INSTALLATION.recording(AuditAction.CONFIGURE),
    "radgate.v1.AdminService/ListTenants": _ANY_KEY.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.AdminService/UpdateTenant": _KEY_ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.AdminService/DeleteTenant": _INSTALLATION.recording(AuditAction.CONFIGURE),
    "radgate.v1.AdminService/CreateApiKey": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.AdminService/ListApiKeys": _KEY_READER.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.AdminService/RevokeApiKey": _KEY_ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.AdminService/RotateApiKey": _KEY_ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.AdminService/GetLimits": _LIMIT_READER.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.AdminService/UpdateLimits": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.AdminService/CreatePacs": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.AdminService/GetPacs": _OPERATOR.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.AdminService/ListPacs": _OPERATOR.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.AdminService/UpdatePacs": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.AdminService/DeletePacs": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.AdminService/TestPacs": _OPERATOR.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.AdminService/ValidatePacs": _OPERATOR.recording(AuditAction.CONFIGURE),
    # It connects to wherever the caller says, and prepares what only an admin may do.
    "radgate.v1.AdminService/DetectPacs": _ADMIN.recording(AuditAction.CONFIGURE),
    "radgate.v1.AdminService/FailoverPacs": _OPERATOR.recording(AuditAction.CONFIGURE),
    "radgate.v1.AdminService/FailbackPacs": _OPERATOR.recording(AuditAction.CONFIGURE),
    "radgate.v1.AdminService/ListPacsTransitions": _OPERATOR.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.AdminService/GetCacheStats": _CACHE_READER.unrecorded(Unrecorded.ADMINISTRATIVE),
    "radgate.v1.AdminService/InvalidateCache": _OPERATOR.recording(AuditAction.CONFIGURE),
    "radgate.dicomweb.v1.DicomWebService/SearchStudies": _SEARCHER.recording(AuditAction.QUERY),
    "radgate.dicomweb.v1.DicomWebService/SearchSeries": _SEARCHER.recording(AuditAction.QUERY),
    "radgate.dicomweb.v1.DicomWebService/SearchInstances": _SEARCHER.recording(AuditAction.QUERY),
    "radgate.dicomweb.v1.DicomWebService/RetrieveInstances": _READER.recording(AuditAction.RETRIEVE),
    "radgate.dicomweb.v1.DicomWebService/RetrieveMetadata": _READER.recording(AuditAction.RETRIEVE_METADATA),
    "radgate.dicomweb.v1.DicomWebService/RetrieveBulkdata": _READER.recording(AuditAction.RETRIEVE_BULKDATA),
    "radgate.dicomweb.v1.DicomWebService/RetrieveFrames": _READER.recording(AuditAction.RETRIEVE_FRAMES),
    "radgate.dicomweb.v1.DicomWebService/RetrieveRendered": _READER.recording(AuditAction.RENDER),
    "radgate.dicomweb.v1.DicomWebService/RetrieveThumbnail": _READER.recording(AuditAction.RENDER),
    "radgate.dicomweb.v1.DicomWebService/RetrieveInstanceThumbnail": _READER.recording(AuditAction.RENDER),
    "radgate.dicomweb.v1.DicomWebService/RetrieveWadoUri": _READER.recording(AuditAction.RETRIEVE, AuditAction.RENDER),
    "radgate.dicomweb.v1.DicomWebService/StoreInstances": _OPERATOR.recording(AuditAction.STORE),
    "radgate.dicomweb.v1.DicomWebService/RetrieveCapabilities": Access(
        _FROM_VIEWER, TenantNeed.ANY, Reach.OPEN
    ).unrecorded(Unrecorded.CONTRACT),
    # Load balancers and orchestrators have no keys, and learn nothing but "serving".
    "grpc.health.v1.Health/Check": PUBLIC.unrecorded(Unrecorded.HEALTH),
    "grpc.health.v1.Health/Watch": PUBLIC.unrecorded(Unrecorded.HEALTH),
    # The contract is no secret, but an open door for probing is of no use to anyone without a key.
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _ANY_KEY.unrecorded(Unrecorded.CONTRACT),
}


def check_access(access: Access, principal: Principal, tenant_id: str) -> None:
    """Let the principal, acting for the tenant ("" when it chose none), pass or not.

    Raises:
        TenantNotAllowedError: the method runs the installation and the key does not.
        RoleNotAllowedError: the credential's role is none of the method's.
        RestrictedCredentialError: the credential is for some studies alone, which the method does not look at.
        InvalidArgumentError: a key for every tenant must choose one here.

    """
    if access.roles and principal.role not in access.roles:
        needed = min(access.roles, key=lambda role: role.value).name.lower()
        raise RoleNotAllowedError(f"this needs the role {needed}", needs=needed)
    if principal.restriction is not None and access.reach is Reach.CLOSED:
        raise RestrictedCredentialError("this credential is for some studies alone: it may query and retrieve")
    if access.tenant is TenantNeed.EVERY_TENANT and not principal.may_use_every_tenant:
        raise TenantNotAllowedError("this needs a key for every tenant")
    if access.tenant is TenantNeed.TENANT and not tenant_id:
        raise InvalidArgumentError("x-tenant-id", "a key for every tenant must choose one")
