"""Whom to believe about where a call comes from, and who made it."""

from typing import Any
from urllib.parse import quote

import pytest

from radgate_server.core.access.credentials import Credentials
from radgate_server.core.errors import UnauthenticatedError
from radgate_server.rpc.access.caller_identity import CallerIdentities
from radgate_server.rpc.pipeline.call import Call
from tests.fakes.authority import Authority

NAMES = ("URI:spiffe://example/a;DNS=b", "DNS:host.example", "email:a@example.org")
CERTIFICATE = Authority().sign(*NAMES, "IP:10.0.0.1").certificate
FORWARDED = f'Hash=00;Cert="{quote(CERTIFICATE.decode(), safe="")}"'
GATEWAY = {"x-radgate-client": "7 10.1.2.3 secret", "x-forwarded-client-cert": FORWARDED}


class FakeContext:
    """The part of grpc's context that is looked at."""

    def __init__(self, peer: str, certificate: bytes) -> None:
        self._peer = peer
        self._certificate = certificate

    def peer(self) -> str:
        return self._peer

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_pem_cert": [self._certificate]} if self._certificate else {}


def read(
    *, secret: str = "secret", peer: str = "ipv4:127.0.0.1:5", certificate: bytes = b"", **changed: str
) -> Credentials:
    headers = {**GATEWAY, **{name.replace("_", "-"): value for name, value in changed.items()}}
    context: Any = FakeContext(peer, certificate)
    call = Call(context, "radgate.v1.QueryService/SearchStudies", tuple(headers.items()), b"")
    return CallerIdentities(secret).read(call)


def test_the_gateway_is_believed() -> None:
    assert read() == Credentials("", NAMES, "10.1.2.3")
    assert read(x_radgate_client=f"7 {'x' * 1000} secret").address == "x" * 45
    spaced = "a secret of several words"
    assert read(secret=spaced, x_radgate_client=f"7 2001:db8::1 {spaced}").address == "2001:db8::1"


@pytest.mark.parametrize(
    ("secret", "shown"), [("secret", ""), ("secret", "Secret"), ("other", "secret"), ("", "secret"), ("", "")]
)
def test_nobody_without_the_secret_is(secret: str, shown: str) -> None:
    assert read(secret=secret, x_radgate_client=f"7 10.1.2.3 {shown}") == Credentials("", (), "127.0.0.1")


@pytest.mark.parametrize("reported", ["", "secret", "7 secret", "7 10.1.2.3", "7 10.1.2.3secret"])
def test_what_is_cut_short_is_not_believed(reported: str) -> None:
    assert read(x_radgate_client=reported) == Credentials("", (), "127.0.0.1")


def test_nobody_from_another_machine_is() -> None:
    assert read(peer="ipv4:10.6.6.6:5") == Credentials("", (), "10.6.6.6")


def test_a_certificate_of_the_connection_itself_counts_without_a_gateway() -> None:
    shown = read(x_radgate_client="", peer="ipv4:10.1.1.1:5", certificate=CERTIFICATE)
    assert shown == Credentials("", NAMES, "10.1.1.1")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Hash=00",
        'Hash=00;Cert="not a certificate"',
        FORWARDED + "," + FORWARDED,
        FORWARDED + ";" + FORWARDED,
        FORWARDED.replace("Cert=", "Chain="),
        "Hash=00;URI=spiffe://example/admin",
    ],
)
def test_what_is_not_exactly_one_certificate_is_none(header: str) -> None:
    assert read(x_forwarded_client_cert=header).certificate_names == ()


@pytest.mark.parametrize(("header", "token"), [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("", "")])
def test_a_token_is_a_bearers(header: str, token: str) -> None:
    assert read(authorization=header).token == token


def test_no_other_scheme_is_known() -> None:
    with pytest.raises(UnauthenticatedError):
        read(authorization="Basic abc")
