"""Between the messages of AdminService and the words of the core."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from radgate.v1 import admin_service_pb2 as messages
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.identifiers import parse_slug
from radgate_server.core.pacs import (
    DimseConnection,
    DimseTls,
    FolderConnection,
    PacsConfig,
    PacsConnection,
    RetrieveMethod,
    check_connection,
)
from radgate_server.core.ports.cache import TierUsage
from radgate_server.core.tenancy import ApiKey, Role, Tenant

DEFAULT_MAX_ASSOCIATIONS = 4

_RETRIEVE_METHODS = {
    messages.RETRIEVE_METHOD_UNSPECIFIED: RetrieveMethod.GET,
    messages.RETRIEVE_METHOD_GET: RetrieveMethod.GET,
    messages.RETRIEVE_METHOD_MOVE: RetrieveMethod.MOVE,
}
_RETRIEVE_METHODS_OUT = {
    RetrieveMethod.GET: messages.RETRIEVE_METHOD_GET,
    RetrieveMethod.MOVE: messages.RETRIEVE_METHOD_MOVE,
}
_ROLES = {
    messages.ROLE_VIEWER: Role.VIEWER,
    messages.ROLE_OPERATOR: Role.OPERATOR,
    messages.ROLE_ADMIN: Role.ADMIN,
}
_ROLES_OUT = {role: value for value, role in _ROLES.items()}


def from_role(role: messages.Role) -> Role:
    """Read a role. Raises InvalidArgumentError for none, and for one that this server does not know."""
    if role not in _ROLES:
        raise InvalidArgumentError("role", "must be ROLE_VIEWER, ROLE_OPERATOR or ROLE_ADMIN")
    return _ROLES[role]


def to_tenant(tenant: Tenant) -> messages.Tenant:
    """Render a tenant."""
    return messages.Tenant(tenant_id=tenant.tenant_id, create_time=_to_timestamp(tenant.create_time))


def to_api_key(key: ApiKey) -> messages.ApiKey:
    """Render a key's record, without the hash of its secret."""
    return messages.ApiKey(
        key_id=key.key_id,
        tenant_ids=key.tenant_ids,
        role=_ROLES_OUT[key.role],
        label=key.label,
        create_time=_to_timestamp(key.create_time),
        revoke_time=_to_timestamp(key.revoke_time) if key.revoke_time else None,
    )


def to_tier(usage: TierUsage) -> messages.CacheTierStats:
    """Render what a tier holds."""
    return messages.CacheTierStats(
        tier=usage.tier,
        entries=usage.entries,
        used_bytes=usage.used_bytes,
        limit_bytes=usage.limit_bytes,
        hits=usage.hits,
        misses=usage.misses,
    )


def from_pacs(pacs: messages.Pacs) -> tuple[str, PacsConnection]:
    """Read a PACS's name and connection.

    Raises:
        InvalidArgumentError: naming the first field that is not usable.
    """
    name = parse_slug(pacs.name, "pacs.name")
    match pacs.WhichOneof("connection"):
        case "dimse":
            return name, check_connection(_from_dimse(pacs.dimse))
        case "folder":
            return name, check_connection(FolderConnection(pacs.folder.path))
        case _:
            raise InvalidArgumentError("pacs.connection", "must be given: dimse or folder")


def _from_dimse(dimse: messages.DimseConnection) -> DimseConnection:
    if dimse.retrieve_method not in _RETRIEVE_METHODS:
        raise InvalidArgumentError("dimse.retrieve_method", "must be RETRIEVE_METHOD_GET or RETRIEVE_METHOD_MOVE")
    return DimseConnection(
        host=dimse.host,
        port=dimse.port,
        called_aet=dimse.called_aet,
        calling_aet=dimse.calling_aet,
        retrieve_method=_RETRIEVE_METHODS[dimse.retrieve_method],
        max_associations=dimse.max_associations or DEFAULT_MAX_ASSOCIATIONS,
        tls=_from_tls(dimse.tls) if dimse.HasField("tls") else None,
        username=dimse.username,
        password=dimse.password,
    )


def _from_tls(tls: messages.DimseTls) -> DimseTls:
    return DimseTls(tls.ca_file, tls.certificate_file, tls.private_key_file, tls.verify_host)


def to_pacs(config: PacsConfig) -> messages.Pacs:
    """Render a PACS; its password stays here."""
    pacs = messages.Pacs(name=config.name, create_time=_to_timestamp(config.create_time))
    match config.connection:
        case DimseConnection() as dimse:
            pacs.dimse.CopyFrom(_to_dimse(dimse))
        case FolderConnection(path=path):
            pacs.folder.path = path
    return pacs


def _to_dimse(dimse: DimseConnection) -> messages.DimseConnection:
    return messages.DimseConnection(
        host=dimse.host,
        port=dimse.port,
        called_aet=dimse.called_aet,
        calling_aet=dimse.calling_aet,
        retrieve_method=_RETRIEVE_METHODS_OUT[dimse.retrieve_method],
        max_associations=dimse.max_associations,
        tls=_to_tls(dimse.tls) if dimse.tls else None,
        username=dimse.username,
    )


def _to_tls(tls: DimseTls) -> messages.DimseTls:
    return messages.DimseTls(
        ca_file=tls.ca_file,
        certificate_file=tls.certificate_file,
        private_key_file=tls.private_key_file,
        verify_host=tls.verify_host,
    )


def _to_timestamp(time: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp
