"""The PACS of a tenant and how they are reached. What the kinds are and do, `kinds` says, one module for each."""

from dataclasses import dataclass, field
from datetime import datetime

from radgate_server.core.pacs.capabilities import RetrieveMethod
from radgate_server.core.pacs.kinds.dicomweb import DicomWebConnection
from radgate_server.core.pacs.kinds.dimse import ANY_AE_TITLE, DimseConnection, DimseTls, TlsProfile
from radgate_server.core.pacs.kinds.folder import FolderConnection
from radgate_server.core.pacs.kinds.kind import PacsConnection
from radgate_server.core.pacs.kinds.orthanc import OrthancConnection
from radgate_server.core.pacs.kinds.web import HttpAuth, HttpAuthMethod, HttpConnection, HttpTls
from radgate_server.core.pacs.validation import ValidationReport

__all__ = [
    "ANY_AE_TITLE",
    "DicomWebConnection",
    "DimseConnection",
    "DimseTls",
    "FailoverPolicy",
    "FolderConnection",
    "HttpAuth",
    "HttpAuthMethod",
    "HttpConnection",
    "HttpTls",
    "OrthancConnection",
    "PacsConfig",
    "PacsConnection",
    "RetrieveMethod",
    "TlsProfile",
]


@dataclass(frozen=True, slots=True)
class FailoverPolicy:
    """When the backups of a PACS take over, and when it gets its work back.

    `threshold` probes or calls in a row must fail; `failback_after_s` seconds of steady health bring it back. Disabled,
    only an operator switches over.
    """

    enabled: bool = True
    threshold: int = 3
    failback_after_s: float = 60.0


@dataclass(frozen=True, slots=True)
class PacsConfig:
    """One PACS of one tenant. PACS added earlier take precedence.

    A PACS with `backup_for` holds the same studies as the one named there, and is asked only in its place. `failover`
    is the policy of the one that has backups. `validation` is the last report, None when it was never validated.

    One that is `confined` was given its hosts by an administrator of one tenant: each connection must lead to a public
    address, or into `pacs.allowed_networks`.
    """

    tenant_id: str
    name: str
    connection: PacsConnection
    create_time: datetime
    backup_for: str = ""
    failover: FailoverPolicy = FailoverPolicy()
    validation: ValidationReport | None = field(default=None, compare=False)
    confined: bool = False
