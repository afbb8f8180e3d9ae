"""Between the messages that say how a PACS is reached and the words of the core. Secrets come in and never go out."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, NamedTuple, cast

from google.protobuf.message import Message

from radgate.v1 import admin_service_pb2, pacs_pb2
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    DimseTls,
    HttpAuth,
    HttpAuthMethod,
    HttpTls,
    OrthancConnection,
    PacsConnection,
    RetrieveMethod,
    TlsProfile,
)
from radgate_server.core.pacs.kinds.table import BUILT_IN
from radgate_server.core.pacs.labels import LabelsConstraint, StudyLabels
from radgate_server.core.pacs.minimum_rate import DEFAULT_MIN_BYTES_PER_SECOND
from radgate_server.rpc.v1.convert.kinds.extension import EXTENSION, from_extension, to_extension
from radgate_server.rpc.v1.convert.kinds.secrets import from_secret, reference_of

DEFAULT_MAX_ASSOCIATIONS = 4
DEFAULT_MAX_CONNECTIONS = 8

_RETRIEVE_METHODS = {
    admin_service_pb2.RETRIEVE_METHOD_UNSPECIFIED: RetrieveMethod.GET,
    admin_service_pb2.RETRIEVE_METHOD_GET: RetrieveMethod.GET,
    admin_service_pb2.RETRIEVE_METHOD_MOVE: RetrieveMethod.MOVE,
}
RETRIEVE_METHODS_OUT = {
    RetrieveMethod.GET: admin_service_pb2.RETRIEVE_METHOD_GET,
    RetrieveMethod.MOVE: admin_service_pb2.RETRIEVE_METHOD_MOVE,
}
_TLS_PROFILES = {
    admin_service_pb2.TLS_PROFILE_UNSPECIFIED: TlsProfile.BCP195,
    admin_service_pb2.TLS_PROFILE_BCP195: TlsProfile.BCP195,
    admin_service_pb2.TLS_PROFILE_BCP195_MODIFIED: TlsProfile.MODIFIED,
    admin_service_pb2.TLS_PROFILE_BCP195_NON_DOWNGRADING: TlsProfile.NON_DOWNGRADING,
}
_TLS_PROFILES_OUT = {profile: value for value, profile in _TLS_PROFILES.items()}
_AUTH_METHODS = {
    pacs_pb2.HTTP_AUTH_METHOD_UNSPECIFIED: HttpAuthMethod.NONE,
    pacs_pb2.HTTP_AUTH_METHOD_BASIC: HttpAuthMethod.BASIC,
    pacs_pb2.HTTP_AUTH_METHOD_BEARER: HttpAuthMethod.BEARER,
    pacs_pb2.HTTP_AUTH_METHOD_API_KEY: HttpAuthMethod.API_KEY,
    pacs_pb2.HTTP_AUTH_METHOD_OAUTH2: HttpAuthMethod.OAUTH2,
}
_AUTH_METHODS_OUT = {method: value for value, method in _AUTH_METHODS.items()}
_LABELS_CONSTRAINTS = {
    pacs_pb2.LABELS_CONSTRAINT_UNSPECIFIED: LabelsConstraint.ALL,
    pacs_pb2.LABELS_CONSTRAINT_ALL: LabelsConstraint.ALL,
    pacs_pb2.LABELS_CONSTRAINT_ANY: LabelsConstraint.ANY,
    pacs_pb2.LABELS_CONSTRAINT_NONE: LabelsConstraint.NONE,
}
_LABELS_CONSTRAINTS_OUT = {constraint: value for value, constraint in _LABELS_CONSTRAINTS.items()}


def from_connection(pacs: admin_service_pb2.Pacs) -> PacsConnection:
    """Read how a PACS is reached. Whether that is usable, `PacsConnection.checked` says.

    Raises:
        InvalidArgumentError: there is no connection, or a value that this server does not know.
    """
    name = pacs.WhichOneof("connection")
    if name is None:
        raise InvalidArgumentError("pacs.connection", f"must be given: {', '.join(CONNECTIONS)}")
    return CONNECTIONS[name].read(getattr(pacs, name))


def message_field(connection: PacsConnection) -> str:
    """The field of Pacs that has such a connection."""
    return connection.kind if connection.kind in BUILT_IN else EXTENSION


def put_connection(pacs: admin_service_pb2.Pacs, connection: PacsConnection) -> None:
    """Write into `pacs` how it is reached, all but the secret; nothing but why not, where it can't be used."""
    if connection.unusable:
        pacs.unusable_reason = connection.unusable
        return
    name = message_field(connection)
    getattr(pacs, name).CopyFrom(CONNECTIONS[name].write(connection))


def from_http_auth(auth: pacs_pb2.HttpAuth, field_name: str) -> HttpAuth:
    """Read credentials of a web server. Raises InvalidArgumentError for a method that this server does not know."""
    if auth.method not in _AUTH_METHODS:
        raise InvalidArgumentError(f"{field_name}.method", "is not one that this server knows")
    return HttpAuth(_AUTH_METHODS[auth.method], auth.username, auth.header, auth.token_url, auth.scope)


def _from_dimse(dimse: admin_service_pb2.DimseConnection) -> DimseConnection:
    if dimse.retrieve_method not in _RETRIEVE_METHODS:
        raise InvalidArgumentError("dimse.retrieve_method", "must be RETRIEVE_METHOD_GET or RETRIEVE_METHOD_MOVE")
    return DimseConnection(
        host=dimse.host,
        port=dimse.port,
        called_aet=dimse.called_aet,
        calling_aet=dimse.calling_aet,
        retrieve_method=_RETRIEVE_METHODS[dimse.retrieve_method],
        max_associations=dimse.max_associations or DEFAULT_MAX_ASSOCIATIONS,
        min_bytes_per_second=_rate(dimse),
        tls=_from_dimse_tls(dimse.tls) if dimse.HasField("tls") else None,
        username=dimse.username,
        password=from_secret(dimse.password, dimse.password_ref, "dimse.password_ref"),
        sender_aets=tuple(dimse.sender_aets),
        sender_networks=tuple(dimse.sender_networks),
    )


def _rate(
    connection: admin_service_pb2.DimseConnection | pacs_pb2.DicomWebConnection | pacs_pb2.OrthancConnection,
) -> int:
    given = connection.HasField("min_bytes_per_second")
    return connection.min_bytes_per_second if given else DEFAULT_MIN_BYTES_PER_SECOND


def _from_dimse_tls(tls: admin_service_pb2.DimseTls) -> DimseTls:
    if tls.profile not in _TLS_PROFILES:
        raise InvalidArgumentError("dimse.tls.profile", "is not one that this server knows")
    return DimseTls(
        tls.ca_file,
        tls.certificate_file,
        tls.private_key_file,
        verify_host=tls.verify_host if tls.HasField("verify_host") else True,
        profile=_TLS_PROFILES[tls.profile],
        server_name=tls.server_name,
        certificate_ref=tls.certificate_ref,
    )


def _from_dicomweb(web: pacs_pb2.DicomWebConnection) -> DicomWebConnection:
    return DicomWebConnection(
        url=web.url,
        wado_uri_url=web.wado_uri_url,
        auth=from_http_auth(web.auth, "dicomweb.auth"),
        tls=_from_http_tls(web.tls),
        max_connections=web.max_connections or DEFAULT_MAX_CONNECTIONS,
        min_bytes_per_second=_rate(web),
        password=from_secret(web.password, web.password_ref, "dicomweb.password_ref"),
    )


def _from_orthanc(web: pacs_pb2.OrthancConnection) -> OrthancConnection:
    return OrthancConnection(
        url=web.url,
        auth=from_http_auth(web.auth, "orthanc.auth"),
        tls=_from_http_tls(web.tls),
        max_connections=web.max_connections or DEFAULT_MAX_CONNECTIONS,
        min_bytes_per_second=_rate(web),
        labels=_from_labels(web),
        password=from_secret(web.password, web.password_ref, "orthanc.password_ref"),
    )


def _from_labels(web: pacs_pb2.OrthancConnection) -> StudyLabels:
    if web.labels_constraint not in _LABELS_CONSTRAINTS:
        raise InvalidArgumentError("orthanc.labels_constraint", "is not one that this server knows")
    return StudyLabels(tuple(web.labels), _LABELS_CONSTRAINTS[web.labels_constraint])


def _from_http_tls(tls: pacs_pb2.HttpTls) -> HttpTls:
    return HttpTls(tls.ca_file, tls.certificate_file, tls.private_key_file)


def _to_dimse(dimse: DimseConnection) -> admin_service_pb2.DimseConnection:
    return admin_service_pb2.DimseConnection(
        host=dimse.host,
        port=dimse.port,
        called_aet=dimse.called_aet,
        calling_aet=dimse.calling_aet,
        retrieve_method=RETRIEVE_METHODS_OUT[dimse.retrieve_method],
        max_associations=dimse.max_associations,
        min_bytes_per_second=dimse.min_bytes_per_second,
        tls=_to_dimse_tls(dimse.tls) if dimse.tls else None,
        username=dimse.username,
        password_ref=reference_of(dimse.password),
        sender_aets=dimse.sender_aets,
        sender_networks=dimse.sender_networks,
    )


def _to_dimse_tls(tls: DimseTls) -> admin_service_pb2.DimseTls:
    return admin_service_pb2.DimseTls(
        ca_file=tls.ca_file,
        certificate_file=tls.certificate_file,
        private_key_file=tls.private_key_file,
        verify_host=tls.verify_host,
        profile=_TLS_PROFILES_OUT[tls.profile],
        server_name=tls.server_name,
        certificate_ref=tls.certificate_ref,
    )


def _to_dicomweb(web: DicomWebConnection) -> pacs_pb2.DicomWebConnection:
    return pacs_pb2.DicomWebConnection(
        url=web.url,
        wado_uri_url=web.wado_uri_url,
        auth=_to_http_auth(web.auth),
        tls=_to_http_tls(web.tls),
        max_connections=web.max_connections,
        min_bytes_per_second=web.min_bytes_per_second,
        password_ref=reference_of(web.password),
    )


def _to_orthanc(web: OrthancConnection) -> pacs_pb2.OrthancConnection:
    return pacs_pb2.OrthancConnection(
        url=web.url,
        auth=_to_http_auth(web.auth),
        tls=_to_http_tls(web.tls),
        max_connections=web.max_connections,
        min_bytes_per_second=web.min_bytes_per_second,
        labels=web.labels.names,
        labels_constraint=_LABELS_CONSTRAINTS_OUT[web.labels.constraint],
        password_ref=reference_of(web.password),
    )


def _to_http_auth(auth: HttpAuth) -> pacs_pb2.HttpAuth | None:
    if auth == HttpAuth():
        return None
    return pacs_pb2.HttpAuth(
        method=_AUTH_METHODS_OUT[auth.method],
        username=auth.username,
        header=auth.header,
        token_url=auth.token_url,
        scope=auth.scope,
    )


def _to_http_tls(tls: HttpTls) -> pacs_pb2.HttpTls | None:
    if tls == HttpTls():
        return None
    return pacs_pb2.HttpTls(
        ca_file=tls.ca_file, certificate_file=tls.certificate_file, private_key_file=tls.private_key_file
    )


class _Conversion(NamedTuple):
    """Between the message of one kind of PACS and its connection."""

    read: Callable[[Any], PacsConnection]
    write: Callable[[Any], Message]


def by_fields(kind: str, connection: type[PacsConnection], message: type[Message]) -> _Conversion:
    """The conversion of a kind whose message has the scalar fields of its connection, by the same names.

    Fields that are not set are the connection's defaults. Its secret, if it has one, are `password` and `password_ref`.
    """
    described = message.DESCRIPTOR.fields_by_name
    names = [name for name in described if name not in _SECRET_FIELDS]
    required = {each.name for each in fields(cast("Any", connection)) if each.default is MISSING}

    def is_given(sent: Message, name: str) -> bool:
        return sent.HasField(name) if described[name].has_presence else bool(getattr(sent, name))

    def read(sent: Any) -> PacsConnection:
        given = {name: getattr(sent, name) for name in names if name in required or is_given(sent, name)}
        made = connection(**given)
        if not made.uses_secret:
            return made
        return made.with_secret(from_secret(sent.password, sent.password_ref, f"{kind}.password_ref"))

    def write(made: PacsConnection) -> Message:
        scalars = {name: getattr(made, name) for name in names}
        return message(**scalars, password_ref=reference_of(made.secret)) if made.uses_secret else message(**scalars)

    return _Conversion(read, write)


_SECRET_FIELDS = frozenset({"password", "password_ref"})
_OWN = {
    "dimse": _Conversion(_from_dimse, _to_dimse),
    "dicomweb": _Conversion(_from_dicomweb, _to_dicomweb),
    "orthanc": _Conversion(_from_orthanc, _to_orthanc),
}
CONNECTIONS: Mapping[str, _Conversion] = {
    **{
        name: _OWN.get(name) or by_fields(name, kind.connection, type(getattr(admin_service_pb2.Pacs(), name)))
        for name, kind in BUILT_IN.items()
    },
    EXTENSION: _Conversion(from_extension, to_extension),
}
"""By the field of Pacs that says how it is reached. Kinds without a conversion of their own are converted by fields."""
