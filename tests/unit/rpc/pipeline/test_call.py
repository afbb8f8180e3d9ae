import pytest

from radgate_server.rpc.pipeline.call import Call


class FakeContext:
    """The part of grpc's context that a Call looks at."""

    def __init__(self, peer: str = "ipv4:127.0.0.1:5000") -> None:
        self._peer = peer

    def peer(self) -> str:
        return self._peer


def call_from(peer: str, *metadata: tuple[str, str | bytes]) -> Call:
    return Call(FakeContext(peer), "radgate.v1.QueryService/SearchStudies", metadata, b"")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.1.2.3:5000", "10.1.2.3"),
        ("ipv6:%5B2001:db8::1%5D:5000", "2001:db8::1"),
        ("ipv6:[2001:db8::1]:5000", "2001:db8::1"),
        ("ipv4:127.0.0.1:5000", "127.0.0.1"),
    ],
)
def test_the_address_is_the_peers(peer: str, address: str) -> None:
    assert call_from(peer).peer_address == address


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        ("ipv4:127.0.0.1:1", True),
        ("ipv6:%5B::1%5D:1", True),
        ("ipv6:%5B::ffff:127.0.0.1%5D:1", True),
        ("unix:", True),
        ("ipv4:10.1.2.3:5000", False),
        ("ipv6:%5B2001:db8::1%5D:5000", False),
    ],
)
def test_knows_connections_from_this_machine(peer: str, local: bool) -> None:
    assert call_from(peer).is_local is local


def test_headers_that_were_not_sent_are_empty() -> None:
    call = call_from("unix:", ("accept", "application/dicom"), ("trace-bin", b"\x00"), ("user-agent", "u" * 300))
    assert (call.header("accept"), call.header("range")) == ("application/dicom", "")
    assert len(call.user_agent) == 200


@pytest.mark.parametrize(("given", "kept"), [("abc-1.2_3:4", True), ("", False), ("a b", False), ("x" * 65, False)])
def test_a_request_id_is_kept_when_it_is_sane(given: str, kept: bool) -> None:
    assert (call_from("unix:", ("x-request-id", given)).request_id == given) is kept


def test_the_gateway_distinguishes_connections_and_without_it_their_ends_do() -> None:
    assert call_from("ipv4:127.0.0.1:5000", ("x-radgate-client", "12 10.1.2.3 secret")).connection == "12"
    assert call_from("ipv4:10.0.0.1:5000").connection == "ipv4:10.0.0.1:5000"
