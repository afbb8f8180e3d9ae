import logging

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from radgate.v1.error_reason_pb2 import ErrorReason
from radgate_server.core import errors
from radgate_server.core.errors import GatewayError, reason_of
from radgate_server.core.telemetry.request_context import request_id
from radgate_server.rpc.errors import RULES, failure_of, rule_of, status_of

KEPT_BACK = {
    errors.StorageFullError,
    errors.CorruptEntryError,
    errors.NotDeliveredError,
    errors.ConfigurationError,
}
RETRIED = {
    errors.RateExceededError,
    errors.ConcurrencyExceededError,
    errors.QuotaExceededError,
    errors.PacsUnreachableError,
    errors.PacsTimeoutError,
    errors.PacsAbortedError,
    errors.PacsBusyError,
    errors.PacsCircuitOpenError,
    errors.ImageWorkersBusyError,
    errors.JobQueueFullError,
    errors.TooManyFailuresError,
    errors.IdentityProviderUnreachableError,
    errors.SpoolFullError,
    errors.ServerStoppingError,
    errors.ServerOverloadedError,
    errors.AuditUnavailableError,
    errors.DatabaseUnavailableError,
    errors.SecretUnavailableError,
    errors.KeyProviderUnavailableError,
}
HTTP_BY_ENVOY = {
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.FAILED_PRECONDITION: 400,
    StatusCode.OUT_OF_RANGE: 400,
    StatusCode.UNAUTHENTICATED: 401,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.NOT_FOUND: 404,
    StatusCode.ALREADY_EXISTS: 409,
    StatusCode.INTERNAL: 500,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.UNIMPLEMENTED: 501,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.DEADLINE_EXCEEDED: 504,
}
HTTP = {
    "INVALID_ARGUMENT": 400,
    "NOT_ACCEPTABLE": 406,
    "UNAUTHENTICATED": 401,
    "RETENTION_TOO_SHORT": 409,
    "LEGAL_HOLD": 409,
    "TOO_MANY_FAILURES": 429,
    "IDENTITY_PROVIDER_UNREACHABLE": 503,
    "ROLE_NOT_ALLOWED": 403,
    "TENANT_NOT_ALLOWED": 403,
    "OBJECT_NOT_FOUND": 404,
    "OBJECT_REJECTED": 404,
    "VIEW_ELSEWHERE": 404,
    "RESOURCE_NOT_FOUND": 404,
    "RESOURCE_EXISTS": 409,
    "NO_PACS_CONFIGURED": 400,
    "PACS_UNREACHABLE": 503,
    "PACS_TLS_FAILED": 502,
    "PACS_REJECTED": 502,
    "PACS_NO_CONTEXT": 502,
    "PACS_TIMEOUT": 504,
    "PACS_ABORTED": 502,
    "PACS_FAILED": 502,
    "PACS_BUSY": 503,
    "PACS_CREDENTIALS_REFUSED": 502,
    "PACS_CIRCUIT_OPEN": 503,
    "PACS_VALIDATION_FAILED": 422,
    "ADDRESS_NOT_ALLOWED": 403,
    "RESTRICTED_CREDENTIAL": 403,
    "RESUME_TOKEN_STALE": 409,
    "INSTANCE_NOT_SENT": 502,
    "INSTANCE_MALFORMED": 502,
    "INSTANCE_MISMATCH": 502,
    "RANGE_NOT_SATISFIABLE": 416,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "INSTANCE_TOO_LARGE": 413,
    "IMAGE_TOO_LARGE": 413,
    "CODEC_FAILED": 502,
    "IMAGE_WORKERS_BUSY": 503,
    "JOB_QUEUE_FULL": 429,
    "RATE_EXCEEDED": 429,
    "CONCURRENCY_EXCEEDED": 429,
    "QUOTA_EXCEEDED": 429,
    "CLIENT_ADDRESS_NOT_ALLOWED": 403,
    "SPOOL_FULL": 503,
    "SERVER_STOPPING": 503,
    "SERVER_OVERLOADED": 429,
    "AUDIT_UNAVAILABLE": 503,
    "DATABASE_UNAVAILABLE": 503,
    "SECRET_UNAVAILABLE": 503,
    "KEY_PROVIDER_UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
    "INTERNAL": 500,
    "PACS_CANNOT": 501,
}


def leaves(root: type[Exception]) -> set[type[Exception]]:
    children = [child for child in root.__subclasses__() if child.__module__ == errors.__name__]
    return set().union(*map(leaves, children)) if children else {root}


def make(kind: type[Exception]) -> Exception:
    if issubclass(kind, errors.PacsError):
        return kind("what the caller may know", pacs="main")
    if kind is errors.RangeNotSatisfiableError:
        return errors.RangeNotSatisfiableError("what the caller may know", size_bytes=7)
    if kind is errors.TooManyFailuresError:
        return errors.TooManyFailuresError("what the caller may know", retry_after_s=7)
    if kind is errors.ServerOverloadedError:
        return errors.ServerOverloadedError("what the caller may know", retry_after_s=7)
    if issubclass(kind, errors.LimitError):
        return kind("what the caller may know", quota=9, window_s=60, policy="rate")
    if kind is errors.InvalidArgumentError:
        return errors.InvalidArgumentError("page_size", "too large")
    return kind("what the caller may know")


def details_of(status: Status) -> dict[str, object]:
    found: dict[str, object] = {}
    for detail in status.details:
        for kind in (ErrorInfo, BadRequest, RetryInfo):
            if detail.Is(kind.DESCRIPTOR):
                assert kind.__name__ not in found
                message = kind()
                detail.Unpack(message)
                found[kind.__name__] = message
    return found


def test_every_error_has_a_row() -> None:
    assert set(RULES) == leaves(GatewayError) | {TimeoutError}


def test_every_layer_names_an_error_as_the_catalogue_does() -> None:
    names = {kind: reason_of(kind.__new__(kind)) for kind in leaves(GatewayError) - KEPT_BACK}
    assert names == {kind: RULES[kind].reason for kind in names}


def test_every_reason_of_the_catalogue_is_used_and_none_else() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118
    assert {rule.reason for rule in RULES.values()} == names


@pytest.mark.parametrize("kind", list(RULES))
def test_every_row_gives_the_http_status_of_the_catalogue(kind: type[Exception]) -> None:
    rule = RULES[kind]
    assert (rule.http_status or HTTP_BY_ENVOY[rule.code]) == HTTP[rule.reason]


@pytest.mark.parametrize("kind", list(RULES))
def test_a_status_has_one_error_info_and_retry_info_when_waiting_helps(kind: type[Exception]) -> None:
    status = status_of(make(kind))
    details = details_of(status)
    info = details["ErrorInfo"]
    assert isinstance(info, ErrorInfo)
    assert (info.reason, info.domain) == (RULES[kind].reason, "radgate.dev")
    assert ("RetryInfo" in details) == (kind in RETRIED)
    assert ("BadRequest" in details) == (kind is errors.InvalidArgumentError)
    assert status.code == RULES[kind].code.value[0]
    if issubclass(kind, errors.PacsError):
        assert dict(info.metadata) == {"pacs": "main"}


def test_a_malformed_field_is_named() -> None:
    request = details_of(status_of(errors.InvalidArgumentError("page_size", "too large")))["BadRequest"]
    assert isinstance(request, BadRequest)
    assert [(item.field, item.description) for item in request.field_violations] == [("page_size", "too large")]


def test_the_trailers_say_what_http_needs_to_know() -> None:
    busy = dict(failure_of(errors.PacsTimeoutError("silent", pacs="main")).trailing_metadata)
    assert (busy["x-http-status"], busy["retry-after"]) == ("504", "5")
    beyond = dict(failure_of(errors.RangeNotSatisfiableError("beyond", size_bytes=7)).trailing_metadata)
    assert (beyond["x-http-status"], beyond["content-range"]) == ("416", "bytes */7")
    stranger = dict(failure_of(errors.UnauthenticatedError("who are you")).trailing_metadata)
    assert stranger["www-authenticate"] == "Bearer"
    fast = errors.RateExceededError("too fast", quota=20, window_s=1.5, retry_after_s=0.4, whose="key", policy="rate")
    assert dict(failure_of(fast).trailing_metadata).items() >= {
        ("retry-after", "1"),
        ("ratelimit-limit", "20"),
        ("ratelimit-remaining", "0"),
        ("ratelimit-reset", "1"),
        ("ratelimit-policy", '"rate";q=20;w=2'),
        ("ratelimit", '"rate";r=0;t=1'),
    }
    plain = failure_of(errors.ObjectNotFoundError("no such study", kind="study"))
    assert [name for name, _ in plain.trailing_metadata] == ["grpc-status-details-bin"]
    assert Status.FromString(dict(plain.trailing_metadata)["grpc-status-details-bin"]).message == "no such study"


@pytest.mark.parametrize("kind", [*sorted(KEPT_BACK, key=str), ValueError, ExceptionGroup])
def test_a_defect_reports_the_request_id_and_nothing_else(
    kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    error = ExceptionGroup("DOE^JANE", [ValueError("DOE^JANE")]) if kind is ExceptionGroup else kind("DOE^JANE")
    token = request_id.set("r-1")
    try:
        with caplog.at_level(logging.ERROR):
            status = status_of(error)
    finally:
        request_id.reset(token)
    info = details_of(status)["ErrorInfo"]
    assert isinstance(info, ErrorInfo)
    assert (status.code, info.reason, dict(info.metadata)) == (13, "INTERNAL", {"request_id": "r-1"})
    assert b"DOE" not in status.SerializeToString()
    assert kind.__name__ in caplog.text
    assert "DOE" not in caplog.text


def test_a_defect_is_logged_with_the_lines_of_code_that_it_came_from(caplog: pytest.LogCaptureFixture) -> None:
    def inner() -> None:
        raise KeyError("DOE^JANE")

    try:
        try:
            inner()
        except KeyError as cause:
            raise RuntimeError("DOE^JANE") from cause
    except RuntimeError as error:
        status_of(error)
    assert "in inner" in caplog.text
    assert "caused by KeyError" in caplog.text
    assert "DOE^JANE" not in caplog.text.replace('KeyError("DOE^JANE")', "").replace('RuntimeError("DOE^JANE")', "")


def test_a_subclass_without_a_row_follows_its_parent() -> None:
    class FolderGoneError(errors.PacsUnreachableError):
        pass

    assert rule_of(FolderGoneError("gone", pacs="main")) == RULES[errors.PacsUnreachableError]
