import grpc
import pytest

import radgate
from radgate.connection import MAX_ATTEMPTS, credentials_of, metadata_of, retry_delay_s
from radgate.errors import _BY_REASON, RadgateError, error_from_rpc
from radgate.v1.error_reason_pb2 import ErrorReason


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


def test_every_reason_of_the_catalogue_has_an_exception() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()}  # noqa: SIM118 (not a dict)
    assert set(_BY_REASON) == names - {"UNSPECIFIED"}


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
