"""Every way in which a call fails, as exceptions; what the server says of a failure is in their attributes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of the request that the server refused, and why."""

    field: str
    description: str


class RadgateError(Exception):
    """Root of all failures.

    `reason` is a name of `radgate.v1.error_reason_pb2.ErrorReason` without its prefix, "" when the failure is not the
    server's own (no connection). `metadata` says more for machines. `retry_after_s` is set when waiting helps.
    `request_id` finds the call in the server's log.
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
        field_violations: tuple[FieldViolation, ...] = (),
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s
        self.field_violations = field_violations
        self.request_id = request_id


class InvalidRequestError(RadgateError):
    """The request is malformed; `field_violations` names the fields."""


class NotAcceptableError(RadgateError):
    """None of the accepted transfer syntaxes can be made."""


class UnauthenticatedError(RadgateError):
    """There is no API key, or it is not good."""


class PermissionDeniedError(RadgateError):
    """The API key's role or its tenants do not allow this."""


class NotFoundError(RadgateError):
    """There is no such study, series, instance, frame, tenant, key or PACS, or the tenant hides it as rejected."""


class AlreadyExistsError(RadgateError):
    """A tenant, key or PACS of that name exists already."""


class PacsError(RadgateError):
    """A PACS failed; `metadata["pacs"]` names it."""


class ImageError(RadgateError):
    """An image can't be decoded, or is too large to be; other images are served on."""


class UnavailableError(RadgateError):
    """The server can't be reached, or can't work for now."""


class DeadlineExceededError(RadgateError):
    """The call took longer than `timeout_s`."""


class ServerError(RadgateError):
    """A defect of the server; its log has it under `request_id`."""


class ClientClosedError(RadgateError):
    """The client was closed before the call; make another one."""

    def __init__(self) -> None:
        super().__init__("the client is closed; make another one", code=grpc.StatusCode.CANCELLED)


class CorruptDataError(RadgateError):
    """Bytes arrived that are not those that were sent: their number or their checksum differs."""


@dataclass(frozen=True, slots=True)
class MissingInstance:
    """An instance that the PACS lists and that did not come, and why."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    reason: str
    message: str


class LegalHoldError(RadgateError):
    """A legal hold keeps what is to be erased; its message names the hold."""


class ResumeTokenStaleError(RadgateError):
    """The PACS list other instances, or another patient, than when the stream began; begin it again."""


class IncompleteStudyError(RadgateError):
    """Not all that was asked for came; what did come has been handed out. `missing` lists the rest.

    `expected` is None when the stream was cut off too early. `delivered` counts what came before a resume
    token too. `unanswered_pacs` names PACS that did not answer and might hold more than is expected.
    """

    def __init__(
        self,
        expected: int | None,
        delivered: int,
        missing: tuple[MissingInstance, ...],
        unanswered_pacs: tuple[str, ...] = (),
    ) -> None:
        total = "an unknown number of" if expected is None else str(expected)
        super().__init__(f"{delivered} of {total} instances came", code=grpc.StatusCode.DATA_LOSS)
        self.expected = expected
        self.delivered = delivered
        self.missing = missing
        self.unanswered_pacs = unanswered_pacs


# Reasons for which neither their prefix nor the gRPC code gives the right exception.
_BY_REASON: dict[str, type[RadgateError]] = {
    "NOT_ACCEPTABLE": NotAcceptableError,
    "TOO_MANY_FAILURES": UnauthenticatedError,
    "NO_PACS_CONFIGURED": PacsError,
    "RESUME_TOKEN_STALE": ResumeTokenStaleError,
    "INSTANCE_NOT_SENT": PacsError,
    "INSTANCE_MALFORMED": PacsError,
    "INSTANCE_MISMATCH": PacsError,
    "IMAGE_TOO_LARGE": ImageError,
    "CODEC_FAILED": ImageError,
    "JOB_QUEUE_FULL": UnavailableError,
    "RATE_EXCEEDED": UnavailableError,
    "CONCURRENCY_EXCEEDED": UnavailableError,
    "SERVER_OVERLOADED": UnavailableError,
    "QUOTA_EXCEEDED": UnavailableError,
    "RETENTION_TOO_SHORT": InvalidRequestError,
    "LEGAL_HOLD": LegalHoldError,
    "SECRET_UNAVAILABLE": PacsError,
}
_BY_CODE: dict[grpc.StatusCode, type[RadgateError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequestError,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExistsError,
    grpc.StatusCode.INTERNAL: ServerError,
}


def error_from_rpc(error: grpc.RpcError) -> RadgateError:
    """Turn what grpc raises into the exception for its reason, or for its code when it was a proxy that answered."""
    call: Any = error  # all errors of finished calls have these methods; grpc's types do not say so
    trailers: dict[str, Any] = dict(iter(call.trailing_metadata() or ()))  # grpcio 1.78: its keys() are pairs
    try:
        status = Status.FromString(trailers.get("grpc-status-details-bin", b""))
    except DecodeError:
        status = Status()
    return _error_of(status, call.code(), call.details() or "", str(trailers.get("x-request-id", "")))


def error_from_status(status: Status) -> RadgateError:
    """Turn the status of one object within a stream into the exception for its reason, or for its code."""
    code = next((code for code in grpc.StatusCode if code.value[0] == status.code), grpc.StatusCode.UNKNOWN)
    return _error_of(status, code, status.message)


def _error_of(status: Status, code: grpc.StatusCode, message: str, request_id: str = "") -> RadgateError:
    info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
    has_info, _, has_retry = (_find(status.details, detail) for detail in (info, bad, retry))
    kind = _kind_of(info.reason, code)
    return kind(
        message,
        code=code,
        reason=info.reason if has_info else "",
        metadata=dict(info.metadata),
        retry_after_s=retry.retry_delay.ToTimedelta().total_seconds() if has_retry else None,
        field_violations=tuple(FieldViolation(item.field, item.description) for item in bad.field_violations),
        request_id=request_id,
    )


def _kind_of(reason: str, code: grpc.StatusCode) -> type[RadgateError]:
    """The exception for a failure; a reason that a later server has goes by its prefix or its code."""
    if reason.startswith("PACS_"):
        return PacsError
    return _BY_REASON.get(reason) or _BY_CODE.get(code, RadgateError)


def reason_in(status: Status) -> str:
    """The reason in the ErrorInfo of a status, "" when there is none."""
    info = ErrorInfo()
    _find(status.details, info)
    return str(info.reason)


def _find(details: Iterable[Any], message: Message) -> bool:
    """Fill `message` with the detail of its kind; report whether there is one."""
    return any(detail.Unpack(message) for detail in details)
