"""Contexts of DIMSE over TLS: what they allow, and how they follow renewed files and secrets."""

import logging
import ssl
from datetime import datetime
from pathlib import Path

import pytest

from radgate_server.adapters.pacs.dimse.transport.tls import ClientTls, client_tls, server_tls
from radgate_server.adapters.pacs.dimse.transport.tls_failures import explain_tls
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs.connections import DimseTls, TlsProfile
from radgate_server.core.secrets.secret import NO_SECRET, Secret
from radgate_server.settings.pacs import DimseSettings
from tests.fakes.authority import Authority

AUTHORITY = Authority()
REF = "env:IDENTITY"


@pytest.fixture
def ca(tmp_path: Path) -> str:
    (tmp_path / "ca.pem").write_bytes(AUTHORITY.certificate)
    return str(tmp_path / "ca.pem")


def bundle() -> Secret:
    pair = AUTHORITY.sign("DNS:radgate.example")
    return Secret((pair.certificate + pair.key).decode())


@pytest.mark.parametrize("profile", list(TlsProfile))
def test_every_profile_begins_at_tls_1_2_and_has_authenticated_suites_with_forward_secrecy_alone(
    ca: str, profile: TlsProfile
) -> None:
    context = client_tls(DimseTls(ca, profile=profile))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED
    assert context.options & ssl.OP_NO_RENEGOTIATION
    suites = context.get_ciphers()
    assert {suite["protocol"] for suite in suites} == {"TLSv1.2", "TLSv1.3"}
    for suite in suites:
        assert suite["aead"]
        assert suite["strength_bits"] >= 128
        assert suite["protocol"] == "TLSv1.3" or suite["kea"] in ("kx-ecdhe", "kx-dhe")


def test_the_default_profile_has_the_suites_that_rfc_9325_recommends(ca: str) -> None:
    names = {suite["name"] for suite in client_tls(DimseTls(ca)).get_ciphers() if suite["protocol"] == "TLSv1.2"}
    assert names == {
        f"ECDHE-{key}-{cipher}" for key in ("RSA", "ECDSA") for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
    }


@pytest.mark.parametrize(("verify_host", "checked"), [(True, True), (False, False)])
def test_the_certificate_is_verified_always_and_the_name_unless_set_otherwise(
    ca: str, verify_host: bool, checked: bool
) -> None:
    context = client_tls(DimseTls(ca, verify_host=verify_host))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is checked


def test_a_renewed_file_makes_a_new_context_and_one_that_is_broken_changes_nothing(
    ca: str, caplog: pytest.LogCaptureFixture
) -> None:
    tls = ClientTls(DimseTls(ca), lambda _: None)
    first = tls.current(NO_SECRET)
    assert tls.current(NO_SECRET) is first
    Path(ca).write_text("halfway")
    with caplog.at_level(logging.WARNING):
        assert tls.current(NO_SECRET) is first
        assert tls.current(NO_SECRET) is first
    assert len(caplog.records) == 1
    Path(ca).write_bytes(Authority("new").certificate)
    assert tls.current(NO_SECRET) is not first


def test_a_certificate_out_of_a_secret_is_loaded_without_a_file_and_its_end_is_reported(ca: str) -> None:
    reported: list[datetime] = []
    tls = ClientTls(DimseTls(ca, certificate_ref=REF), reported.append)
    first, old = tls.current(old_secret := bundle()), len(reported)
    assert tls.current(old_secret) is first
    assert tls.current(bundle()) is not first
    assert (old, len(reported)) == (1, 2)


@pytest.mark.parametrize("text", ["no PEM", AUTHORITY.sign("DNS:a").certificate.decode()])
def test_a_secret_that_holds_no_certificate_with_its_key(ca: str, text: str) -> None:
    tls = ClientTls(DimseTls(ca, certificate_ref=REF), lambda _: None)
    with pytest.raises(ConfigurationError) as caught:
        tls.current(Secret(text))
    assert text not in str(caught.value)


def test_the_storage_scp_wants_a_certificate_and_follows_renewed_files(ca: str, tmp_path: Path) -> None:
    certificate, key = AUTHORITY.sign("IP:127.0.0.1").write(tmp_path, "scp")
    settings = DimseSettings(scp_certificate_file=str(certificate), scp_private_key_file=str(key), scp_ca_file=ca)
    tls = server_tls(settings)
    assert tls is not None
    first = tls.current()
    assert first.verify_mode is ssl.CERT_REQUIRED
    certificate.write_bytes(AUTHORITY.sign("IP:127.0.0.1").certificate)
    assert tls.current() is first  # the key has not arrived yet
    AUTHORITY.sign("IP:127.0.0.1").write(tmp_path, "scp")
    assert tls.current() is not first


def test_an_unknown_failure_says_no_more_than_is_known() -> None:
    assert explain_tls(ssl.SSLError(1, "text of the peer's")).endswith("check the certificates on both sides")
