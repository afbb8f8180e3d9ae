"""How the storing of each instance ended, in DICOM's words (PS3.4 B.2.3, PS3.18 I.2): pure decisions."""

from dataclasses import dataclass

from radgate_server.core import errors
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.errors import GatewayError

PROCESSING_FAILURE = 0x0110
SOP_CLASS_NOT_SUPPORTED = 0x0122
NOT_AUTHORISED = 0x0124
OUT_OF_RESOURCES = 0xA700
DATA_SET_DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000

_REASONS: dict[type[Exception], int] = {
    errors.InstanceMalformedError: CANNOT_UNDERSTAND,
    errors.UnsupportedMediaTypeError: CANNOT_UNDERSTAND,
    errors.InvalidArgumentError: DATA_SET_DOES_NOT_MATCH,
    errors.InstanceTooLargeError: OUT_OF_RESOURCES,
    errors.SpoolFullError: OUT_OF_RESOURCES,
    errors.AuditUnavailableError: OUT_OF_RESOURCES,
    errors.DatabaseUnavailableError: OUT_OF_RESOURCES,
    errors.PacsUnreachableError: OUT_OF_RESOURCES,
    errors.PacsTimeoutError: OUT_OF_RESOURCES,
    errors.PacsAbortedError: OUT_OF_RESOURCES,
    errors.PacsBusyError: OUT_OF_RESOURCES,
    errors.PacsCircuitOpenError: OUT_OF_RESOURCES,
    errors.SecretUnavailableError: OUT_OF_RESOURCES,
    errors.PacsNoContextError: SOP_CLASS_NOT_SUPPORTED,
    errors.PacsRejectedError: NOT_AUTHORISED,
    errors.PacsTlsFailedError: NOT_AUTHORISED,
    errors.PacsCredentialsError: NOT_AUTHORISED,
}
"""What is not named here is a PROCESSING_FAILURE."""

_PASSING = (
    errors.SpoolFullError,
    errors.AuditUnavailableError,
    errors.DatabaseUnavailableError,
    errors.PacsUnreachableError,
    errors.PacsTimeoutError,
    errors.PacsAbortedError,
    errors.PacsBusyError,
    errors.PacsCircuitOpenError,
    errors.SecretUnavailableError,
)


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """The PACS holds the instance. `warning` is its status where it took it with a reservation, else 0."""

    ref: InstanceRef
    sop_class_uid: str
    warning: int = 0


@dataclass(frozen=True, slots=True)
class RefusedInstance:
    """The instance was not stored, and why; `ref` is None, `sop_class_uid` "" where its bytes could not say."""

    error: Exception
    ref: InstanceRef | None = None
    sop_class_uid: str = ""

    @property
    def failure_reason(self) -> int:
        """(0008,1197) Failure Reason: the status of the PACS, or the one that says what went wrong before it."""
        return failure_reason(self.error)

    @property
    def is_passing(self) -> bool:
        """Whether the same instance may well be stored a little later."""
        return isinstance(self.error, _PASSING)


type StoreResult = StoredInstance | RefusedInstance


@dataclass(frozen=True, slots=True)
class StoreReport:
    """How an upload ended: the PACS that it went to, and each instance's result in the order of their coming."""

    pacs: str
    results: tuple[StoreResult, ...]


def failure_reason(error: Exception) -> int:
    """The status (PS3.7 annex C, PS3.4 B.2.3) that says why an instance was not stored, never 0."""
    reason = _reported_status(error)
    if reason:
        return reason
    return next((_REASONS[kind] for kind in type(error).__mro__ if kind in _REASONS), PROCESSING_FAILURE)


def _reported_status(error: Exception) -> int:
    """The status that the PACS itself answered, 0 when it reported none."""
    text = error.details.get("status", "") if isinstance(error, GatewayError) else ""
    try:
        status = int(text, 16)
    except ValueError:
        return 0
    return status if 0 < status <= 0xFFFF else 0
