"""All that a PACS adapter of another package may import (docs/extending/pacs-adapter.md)."""

from radgate_server.adapters.pacs.context import AdapterContext, PacsAdapter
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import (
    Arrival,
    FailedInstance,
    FileContent,
    ListedInstance,
    MemoryContent,
    ReceivedInstance,
)
from radgate_server.core.errors import (
    ConfigurationError,
    InvalidArgumentError,
    PacsAbortedError,
    PacsBusyError,
    PacsCannotError,
    PacsCredentialsError,
    PacsError,
    PacsFailedError,
    PacsTimeoutError,
    PacsTlsFailedError,
    PacsUnreachableError,
)
from radgate_server.core.networks import Address
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.pacs.kinds.checks import check_host, check_range, check_url
from radgate_server.core.pacs.kinds.kind import (
    CertificateFiles,
    ConnectionKind,
    DetectTarget,
    Hint,
    Ladder,
    PacsConnection,
)
from radgate_server.core.pacs.ports import EchoReport, PacsClient, StoreOutcome
from radgate_server.core.query.model import FindResult, MatchingKey, Query
from radgate_server.core.secrets.secret import NO_SECRET, Secret, SecretSource

__all__ = [
    "NO_SECRET",
    "AdapterContext",
    "Address",
    "Arrival",
    "Capabilities",
    "CertificateFiles",
    "ConfigurationError",
    "ConnectionKind",
    "DetectTarget",
    "EchoReport",
    "FailedInstance",
    "FileContent",
    "FindResult",
    "Hint",
    "InstanceRef",
    "InvalidArgumentError",
    "Ladder",
    "ListedInstance",
    "MatchingKey",
    "MemoryContent",
    "PacsAbortedError",
    "PacsAdapter",
    "PacsBusyError",
    "PacsCannotError",
    "PacsClient",
    "PacsConfig",
    "PacsConnection",
    "PacsCredentialsError",
    "PacsError",
    "PacsFailedError",
    "PacsTimeoutError",
    "PacsTlsFailedError",
    "PacsUnreachableError",
    "Query",
    "QueryLevel",
    "ReceivedInstance",
    "RetrieveScope",
    "Secret",
    "SecretSource",
    "StoreOutcome",
    "check_host",
    "check_range",
    "check_url",
]
