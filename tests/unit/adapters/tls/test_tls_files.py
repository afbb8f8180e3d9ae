"""Certificates from files: what is fit for use, and what a renewal does."""

from pathlib import Path

import pytest

from radgate_server.adapters.tls import WatchedTls, read_tls
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.gateway.ports import TlsMaterial
from radgate_server.settings.access import TlsPaths, tls_paths
from tests.fakes.authority import Authority

AUTHORITY = Authority()
NOT_USABLE = (None, b"", b"not PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")


@pytest.fixture
def paths(tmp_path: Path) -> TlsPaths:
    certificate_file, key_file = AUTHORITY.sign("DNS:a.example").write(tmp_path, "server")
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(AUTHORITY.certificate)
    return TlsPaths(certificate_file, key_file, ca_file)


def test_files_that_belong_together_are_read(paths: TlsPaths) -> None:
    material = read_tls(paths)
    assert material.client_ca == AUTHORITY.certificate
    assert b"PRIVATE KEY" in material.private_key
    assert "PRIVATE" not in repr(material)
    assert read_tls(paths._replace(client_ca_file=None)).client_ca == b""


@pytest.mark.parametrize(
    ("name", "words"),
    [("certificate_file", "certificate file"), ("key_file", "key file"), ("client_ca_file", "client CA file")],
)
@pytest.mark.parametrize("text", NOT_USABLE)
def test_what_is_not_usable_stops_the_start_and_is_named(
    paths: TlsPaths, name: str, words: str, text: bytes | None
) -> None:
    path: Path = getattr(paths, name)
    if text is None:
        path.unlink()
    else:
        path.write_bytes(text)
    with pytest.raises(ConfigurationError, match=words) as caught:
        read_tls(paths)
    assert str(path) not in caught.value.message


def test_the_key_of_another_certificate_is_refused(paths: TlsPaths) -> None:
    paths.key_file.write_bytes(AUTHORITY.sign("DNS:b.example").key)
    with pytest.raises(ConfigurationError, match="not that of the first certificate"):
        read_tls(paths)


async def test_a_renewal_is_taken_when_it_is_whole(paths: TlsPaths) -> None:
    reported: list[TlsMaterial] = []

    async def listener(material: TlsMaterial) -> None:
        reported.append(material)

    tls = WatchedTls(paths)
    tls.on_renewal(listener)
    first = tls.current
    await tls.look()
    renewed = AUTHORITY.sign("DNS:a.example")
    paths.certificate_file.write_bytes(renewed.certificate)
    await tls.look()
    assert (tls.current, reported) == (first, [])
    paths.key_file.write_bytes(renewed.key)
    await tls.look()
    assert [tls.current] == reported == [TlsMaterial(renewed.certificate, renewed.key, AUTHORITY.certificate)]


async def test_a_link_that_leads_elsewhere_is_a_renewal(paths: TlsPaths, tmp_path: Path) -> None:
    link = tmp_path / "live.pem"
    link.symlink_to(paths.certificate_file)
    (tmp_path / "next").mkdir()
    pair = AUTHORITY.sign("DNS:a.example")
    next_certificate, _ = pair.write(tmp_path / "next", "server")
    tls = WatchedTls(paths._replace(certificate_file=link))
    link.unlink()
    link.symlink_to(next_certificate)
    paths.key_file.write_bytes(pair.key)
    await tls.look()
    assert tls.current.certificate_chain == pair.certificate


async def test_what_a_listener_could_not_take_is_offered_again(paths: TlsPaths, tmp_path: Path) -> None:
    reported: list[TlsMaterial] = []

    async def listener(material: TlsMaterial) -> None:
        reported.append(material)
        if len(reported) == 1:
            raise OSError("disk full")

    tls = WatchedTls(paths)
    tls.on_renewal(listener)
    AUTHORITY.sign("DNS:a.example").write(tmp_path, "server")
    with pytest.raises(OSError, match="disk full"):
        await tls.look()
    await tls.look()
    assert [tls.current] * 2 == reported


async def test_files_that_vanish_change_nothing(paths: TlsPaths) -> None:
    tls = WatchedTls(paths)
    first = tls.current
    paths.key_file.unlink()
    await tls.look()
    assert tls.current == first


@pytest.mark.parametrize("names", [("a", "", ""), ("", "b", ""), ("", "", "c"), ("a", "", "c")])
def test_files_are_named_together_or_not_at_all(names: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match="name"):
        tls_paths(*names)
    assert tls_paths("", "", "") is None
