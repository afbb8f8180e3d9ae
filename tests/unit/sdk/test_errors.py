import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

import radgate
from radgate.connection import MAX_ATTEMPTS, credentials_of, metadata_of, retry_delay_s
from radgate.errors import RadgateError, error_from_rpc, error_from_status
from radgate_server.rpc.errors import RULES, Rule


class FinishedCall(grpc.RpcError):
    """What grpc raises for a call that failed."""

    def __init__(self, code: grpc.StatusCode, details: str | None, *trailers: tuple[str, str | bytes]) -> None:
        self._answers = (code, details, trailers)

    def code(self) -> grpc.StatusCode:
        return self._answers[0]

    def details(self) -> str | None:
        return self._answers[1]

    def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return self._answers[2]


def error_of(reason: str, code: grpc.StatusCode) -> RadgateError:
    """What the SDK raises for a status of the server."""
    status = Status(code=code.value[0], message="no")
    status.details.add().Pack(ErrorInfo(reason=reason, domain="radgate.dev"))
    return error_from_status(status)


@pytest.mark.parametrize("rule", list(RULES.values()), ids=lambda rule: rule.reason)
def test_every_reason_of_the_server_has_an_exception(rule: Rule) -> None:
    error = error_of(rule.reason, rule.code)
    assert type(error) is not RadgateError, "its code says too little: add a row to _BY_REASON"
    assert error.reason == rule.reason


@pytest.mark.parametrize(
    ("reason", "code", "kind"),
    [
        ("PACS_ON_FIRE", grpc.StatusCode.UNAVAILABLE, radgate.PacsError),
        ("STUDY_ON_FIRE", grpc.StatusCode.NOT_FOUND, radgate.NotFoundError),
        ("SECRET_UNAVAILABLE", grpc.StatusCode.UNAVAILABLE, radgate.PacsError),
    ],
)
def test_a_reason_goes_by_its_row_its_prefix_or_its_code(
    reason: str, code: grpc.StatusCode, kind: type[RadgateError]
) -> None:
    assert type(error_of(reason, code)) is kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, radgate.UnavailableError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, radgate.DeadlineExceededError),
        (grpc.StatusCode.CANCELLED, RadgateError),
    ],
)
def test_a_failure_that_is_not_the_servers_own_goes_by_its_code(code: grpc.StatusCode, kind: type[Exception]) -> None:
    error = error_from_rpc(FinishedCall(code, None, ("grpc-status-details-bin", b"\xff")))
    assert type(error) is kind
    assert (error.code, error.reason, error.retry_after_s) == (code, "", None)


def test_only_what_the_server_says_will_pass_is_tried_again() -> None:
    busy = RadgateError("busy", code=grpc.StatusCode.UNAVAILABLE, retry_after_s=2.0)
    delay_s = retry_delay_s(busy, 1)
    assert delay_s is not None
    assert 2.0 <= delay_s <= 2.5
    assert retry_delay_s(busy, MAX_ATTEMPTS) is None
    assert retry_delay_s(RadgateError("down", code=grpc.StatusCode.UNAVAILABLE), 1) is None
    assert retry_delay_s(RadgateError("no", code=grpc.StatusCode.NOT_FOUND, retry_after_s=1.0), 1) is None
    assert retry_delay_s(RadgateError("late", code=grpc.StatusCode.UNAVAILABLE, retry_after_s=3600), 1) is None


def test_the_key_and_the_tenant_go_with_every_call() -> None:
    assert metadata_of("rg_1_2", None) == (("authorization", "Bearer rg_1_2"),)
    assert metadata_of("rg_1_2", "east")[1] == ("x-tenant-id", "east")


def test_tls_is_what_the_caller_wants() -> None:
    own = grpc.ssl_channel_credentials()
    assert credentials_of(False) is None
    assert credentials_of(own) is own
    assert isinstance(credentials_of(True), grpc.ChannelCredentials)
