"""The one table that turns Radgate's errors into gRPC status, HTTP status and advice to retry."""

import logging
import math
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from radgate_server.core import errors
from radgate_server.core.errors import GatewayError, InvalidArgumentError, RangeNotSatisfiableError
from radgate_server.core.telemetry.request_context import request_id, trace_id
from radgate_server.rpc.access.limit_headers import limit_headers

DOMAIN = "radgate.dev"

log = logging.getLogger(__name__)


class Rule(NamedTuple):
    """How one error leaves the server.

    `reason` is a name of ErrorReason in error_reason.proto without its prefix. `http_status` stands where Envoy's own
    mapping of `code` is not the right one. `retry_delay_s` is set when waiting helps; an error may know better.
    """

    code: StatusCode
    reason: str
    http_status: int | None = None
    retry_delay_s: float | None = None


INTERNAL = Rule(StatusCode.INTERNAL, "INTERNAL")

RULES: dict[type[Exception], Rule] = {
    errors.InvalidArgumentError: Rule(StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    errors.NotAcceptableError: Rule(StatusCode.FAILED_PRECONDITION, "NOT_ACCEPTABLE", 406),
    errors.UnsupportedMediaTypeError: Rule(StatusCode.INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE", 415),
    errors.RangeNotSatisfiableError: Rule(StatusCode.OUT_OF_RANGE, "RANGE_NOT_SATISFIABLE", 416),
    errors.UnauthenticatedError: Rule(StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
    errors.TooManyFailuresError: Rule(StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_FAILURES", None, 1.0),
    errors.IdentityProviderUnreachableError: Rule(StatusCode.UNAVAILABLE, "IDENTITY_PROVIDER_UNREACHABLE", None, 5.0),
    errors.ClientAddressNotAllowedError: Rule(StatusCode.PERMISSION_DENIED, "CLIENT_ADDRESS_NOT_ALLOWED"),
    errors.RateExceededError: Rule(StatusCode.RESOURCE_EXHAUSTED, "RATE_EXCEEDED", None, 1.0),
    errors.ConcurrencyExceededError: Rule(StatusCode.RESOURCE_EXHAUSTED, "CONCURRENCY_EXCEEDED", None, 1.0),
    errors.QuotaExceededError: Rule(StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", None, 60.0),
    errors.RoleNotAllowedError: Rule(StatusCode.PERMISSION_DENIED, "ROLE_NOT_ALLOWED"),
    errors.RestrictedCredentialError: Rule(StatusCode.PERMISSION_DENIED, "RESTRICTED_CREDENTIAL"),
    errors.TenantNotAllowedError: Rule(StatusCode.PERMISSION_DENIED, "TENANT_NOT_ALLOWED"),
    errors.ObjectNotFoundError: Rule(StatusCode.NOT_FOUND, "OBJECT_NOT_FOUND"),
    errors.ObjectRejectedError: Rule(StatusCode.NOT_FOUND, "OBJECT_REJECTED"),
    errors.ViewElsewhereError: Rule(StatusCode.NOT_FOUND, "VIEW_ELSEWHERE"),
    errors.ResourceNotFoundError: Rule(StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"),
    errors.ResourceExistsError: Rule(StatusCode.ALREADY_EXISTS, "RESOURCE_EXISTS"),
    errors.NoPacsConfiguredError: Rule(StatusCode.FAILED_PRECONDITION, "NO_PACS_CONFIGURED"),
    errors.PacsUnreachableError: Rule(StatusCode.UNAVAILABLE, "PACS_UNREACHABLE", None, 5.0),
    errors.PacsTlsFailedError: Rule(StatusCode.FAILED_PRECONDITION, "PACS_TLS_FAILED", 502),
    errors.PacsRejectedError: Rule(StatusCode.FAILED_PRECONDITION, "PACS_REJECTED", 502),
    errors.PacsNoContextError: Rule(StatusCode.FAILED_PRECONDITION, "PACS_NO_CONTEXT", 502),
    errors.PacsTimeoutError: Rule(StatusCode.UNAVAILABLE, "PACS_TIMEOUT", 504, 5.0),
    errors.PacsAbortedError: Rule(StatusCode.UNAVAILABLE, "PACS_ABORTED", 502, 2.0),
    errors.PacsFailedError: Rule(StatusCode.UNKNOWN, "PACS_FAILED", 502),
    errors.PacsBusyError: Rule(StatusCode.UNAVAILABLE, "PACS_BUSY", None, 1.0),
    errors.PacsCannotError: Rule(StatusCode.UNIMPLEMENTED, "PACS_CANNOT", 501),
    errors.PacsCredentialsError: Rule(StatusCode.FAILED_PRECONDITION, "PACS_CREDENTIALS_REFUSED", 502),
    errors.SecretUnavailableError: Rule(StatusCode.UNAVAILABLE, "SECRET_UNAVAILABLE", None, 5.0),
    errors.PacsCircuitOpenError: Rule(StatusCode.UNAVAILABLE, "PACS_CIRCUIT_OPEN", None, 5.0),
    errors.AddressNotAllowedError: Rule(StatusCode.PERMISSION_DENIED, "ADDRESS_NOT_ALLOWED"),
    errors.ValidationFailedError: Rule(StatusCode.FAILED_PRECONDITION, "PACS_VALIDATION_FAILED", 422),
    errors.ResumeTokenStaleError: Rule(StatusCode.ABORTED, "RESUME_TOKEN_STALE", 409),
    errors.InstanceNotSentError: Rule(StatusCode.UNKNOWN, "INSTANCE_NOT_SENT", 502),
    errors.InstanceMismatchError: Rule(StatusCode.DATA_LOSS, "INSTANCE_MISMATCH", 502),
    errors.InstanceMalformedError: Rule(StatusCode.DATA_LOSS, "INSTANCE_MALFORMED", 502),
    errors.InstanceTooLargeError: Rule(StatusCode.OUT_OF_RANGE, "INSTANCE_TOO_LARGE", 413),
    errors.ImageTooLargeError: Rule(StatusCode.OUT_OF_RANGE, "IMAGE_TOO_LARGE", 413),
    errors.CodecFailedError: Rule(StatusCode.DATA_LOSS, "CODEC_FAILED", 502),
    errors.ImageWorkersBusyError: Rule(StatusCode.UNAVAILABLE, "IMAGE_WORKERS_BUSY", None, 1.0),
    errors.JobQueueFullError: Rule(StatusCode.RESOURCE_EXHAUSTED, "JOB_QUEUE_FULL", None, 5.0),
    errors.SpoolFullError: Rule(StatusCode.UNAVAILABLE, "SPOOL_FULL", None, 5.0),
    errors.AuditUnavailableError: Rule(StatusCode.UNAVAILABLE, "AUDIT_UNAVAILABLE", None, 5.0),
    errors.KeyProviderUnavailableError: Rule(StatusCode.UNAVAILABLE, "KEY_PROVIDER_UNAVAILABLE", None, 5.0),
    errors.RetentionTooShortError: Rule(StatusCode.FAILED_PRECONDITION, "RETENTION_TOO_SHORT", 409),
    errors.LegalHoldError: Rule(StatusCode.FAILED_PRECONDITION, "LEGAL_HOLD", 409),
    errors.DatabaseUnavailableError: Rule(StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE", None, 2.0),
    errors.ServerOverloadedError: Rule(StatusCode.RESOURCE_EXHAUSTED, "SERVER_OVERLOADED", None, 1.0),
    errors.ServerStoppingError: Rule(StatusCode.UNAVAILABLE, "SERVER_STOPPING", None, 1.0),
    errors.StorageFullError: INTERNAL,
    errors.CorruptEntryError: INTERNAL,
    errors.NotDeliveredError: INTERNAL,
    errors.ConfigurationError: INTERNAL,
    TimeoutError: Rule(StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
}

_KNOW_WHEN = (
    errors.PacsCircuitOpenError,
    errors.TooManyFailuresError,
    errors.LimitError,
    errors.ServerOverloadedError,
)
_DEFECT_MESSAGE = "an internal error; the server's log has it under the request id"


@dataclass(frozen=True, slots=True)
class Failure:
    """An outgoing error: the code that ends the call, and the metadata that come with it."""

    code: StatusCode
    message: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


def rule_of(error: BaseException) -> Rule:
    """The error's row in RULES: its own, or the one of its nearest ancestor; a defect of Radgate for all else."""
    return next((RULES[kind] for kind in type(error).__mro__ if kind in RULES), INTERNAL)


def status_of(error: BaseException) -> Status:
    """The error as google.rpc.Status with exactly one ErrorInfo; what is a defect is logged, its text kept back."""
    rule = rule_of(error)
    status = Status(code=rule.code.value[0], message=_message(error, rule))
    for detail in _details(error, rule):
        status.details.add().Pack(detail)
    if rule.code is StatusCode.INTERNAL:
        log.error("internal error: %s", describe_defect(error))
    return status


def failure_of(error: BaseException) -> Failure:
    """What to end the call with."""
    rule = rule_of(error)
    status = status_of(error)
    metadata: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", status.SerializeToString())]
    if rule.http_status is not None:
        metadata.append(("x-http-status", str(rule.http_status)))
    if (delay_s := _retry_delay_s(error, rule)) is not None:
        metadata.append(("retry-after", str(math.ceil(delay_s))))
    if rule.code is StatusCode.UNAUTHENTICATED:
        metadata.append(("www-authenticate", "Bearer"))  # every 401 names its scheme (RFC 9110 15.5.2)
    if isinstance(error, RangeNotSatisfiableError):
        metadata.append(("content-range", f"bytes */{error.size_bytes}"))
    if isinstance(error, errors.LimitError):
        metadata.extend(limit_headers(error.details["policy"], error.quota, error.window_s, delay_s))
    return Failure(rule.code, status.message, tuple(metadata))


def describe_defect(error: BaseException) -> str:
    """Where an unforeseen error came from: classes and lines of code, never its text, which may hold patient data."""
    chain = [
        f"{type(link).__qualname__}\n{''.join(traceback.format_tb(link.__traceback__))}" for link in _causes(error)
    ]
    return "caused by ".join(chain)


def _causes(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _message(error: BaseException, rule: Rule) -> str:
    if isinstance(error, GatewayError) and rule.code is not StatusCode.INTERNAL:
        return error.message
    return "the deadline passed" if rule.code is StatusCode.DEADLINE_EXCEEDED else _DEFECT_MESSAGE


def _details(error: BaseException, rule: Rule) -> Iterator[Message]:
    if rule.code is StatusCode.INTERNAL:
        metadata = {"request_id": request_id.get()} | ({"trace_id": trace_id.get()} if trace_id.get() else {})
    else:
        metadata = error.details if isinstance(error, GatewayError) else {}
    yield ErrorInfo(reason=rule.reason, domain=DOMAIN, metadata=metadata)
    if isinstance(error, InvalidArgumentError):
        violation = BadRequest.FieldViolation(field=error.field, description=error.description)
        yield BadRequest(field_violations=[violation])
    if (delay_s := _retry_delay_s(error, rule)) is not None:
        delay = RetryInfo()
        delay.retry_delay.FromTimedelta(timedelta(seconds=delay_s))
        yield delay


def _retry_delay_s(error: BaseException, rule: Rule) -> float | None:
    """The table's advice, unless the error knows better."""
    known_s = error.retry_after_s if isinstance(error, _KNOW_WHEN) else None
    return rule.retry_delay_s if known_s is None else known_s
