"""What an administrator chooses of a PACS, and what a change of it may not do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.connection_checks import check_connection, check_failover
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    FailoverPolicy,
    FolderConnection,
    HttpAuthMethod,
    OrthancConnection,
    PacsConfig,
    PacsConnection,
    secret_of,
    urls_of,
    with_secret,
)
from radgate_server.core.pacs.failover import check_backup_for


@dataclass(frozen=True, slots=True)
class PacsSetup:
    """How a PACS is reached and whom it stands in for, as in PacsConfig."""

    connection: PacsConnection
    backup_for: str = ""
    failover: FailoverPolicy = field(default_factory=FailoverPolicy)


def check_setup(name: str, setup: PacsSetup, configs: Sequence[PacsConfig]) -> PacsSetup:
    """Return the setup, tidied, if the PACS `name` can have it beside the tenant's others.

    Raises:
        InvalidArgumentError: naming the first field that is not usable.
    """
    checked = PacsSetup(check_connection(setup.connection), setup.backup_for, check_failover(setup.failover))
    others = {config.name: config.backup_for for config in configs if config.name != name}
    check_backup_for(name, setup.backup_for, others)
    return checked


def keep_secret(old: PacsConnection, new: PacsConnection) -> PacsConnection:
    """Return `new` with the secret of `old`, which must go where it was given for and nowhere else.

    It is dropped where `new` has a secret of its own, or no use for one.

    Raises:
        InvalidArgumentError: it would go elsewhere, so it has to be given anew.
    """
    secret = secret_of(old)
    if not secret or secret_of(new) or old.kind != new.kind or not _uses_secret(new):
        return new
    after = _goes_to(new)
    for place, value in _goes_to(old).items():
        if after[place] != value:
            raise InvalidArgumentError(
                f"{new.kind}.password", f"must be given anew when {new.kind}.{place} changes: the old one stays secret"
            )
    return with_secret(new, secret)


def shows_anew(old: PacsConnection, new: PacsConnection) -> bool:
    """Whether `new` shows another secret than `old`, or shows it elsewhere."""
    return (old.kind, secret_of(old), _goes_to(old)) != (new.kind, secret_of(new), _goes_to(new))


def hosts_of(connection: PacsConnection) -> tuple[str, ...]:
    """Host names and addresses that the connection leads to; none for a folder."""
    match connection:
        case FolderConnection():
            return ()
        case DimseConnection(host=host):
            return (host,)
        case DicomWebConnection() | OrthancConnection():
            return tuple(dict.fromkeys(urlsplit(url).hostname or "" for url in urls_of(connection)))


def place_of(connection: PacsConnection) -> tuple[str, ...]:
    """What tells one archive from another; two PACS of the same place hold the same studies."""
    match connection:
        case DimseConnection(host=host, port=port, called_aet=called_aet):
            return (host, str(port), called_aet)
        case FolderConnection(path=path):
            return (path,)
        case DicomWebConnection(url=url):
            return (url,)
        case OrthancConnection(url=url, labels=labels):
            return (url, labels.constraint.value, *labels.names) if labels.names else (url,)


def _uses_secret(connection: PacsConnection) -> bool:
    match connection:
        case FolderConnection():
            return False
        case DimseConnection(username=username):
            return bool(username)
        case DicomWebConnection(auth=auth) | OrthancConnection(auth=auth):
            return auth.method is not HttpAuthMethod.NONE


def _goes_to(connection: PacsConnection) -> dict[str, object]:
    """Everything that tells to whom the secret is shown, and how it is guarded on the way."""
    match connection:
        case FolderConnection():
            return {}
        case DimseConnection() as dimse:
            return {
                "host": dimse.host,
                "port": dimse.port,
                "called_aet": dimse.called_aet.strip(" "),
                "username": dimse.username,
                "tls": dimse.tls and (dimse.tls.ca_file, dimse.tls.verify_host, dimse.tls.server_name),
            }
        case DicomWebConnection() | OrthancConnection() as web:
            return {
                "url": web.url,
                "wado_uri_url": web.wado_uri_url if isinstance(web, DicomWebConnection) else "",
                "auth.method": web.auth.method,
                "auth.username": web.auth.username,
                "auth.header": web.auth.header,
                "auth.token_url": web.auth.token_url,
                "tls.ca_file": web.tls.ca_file,
            }
