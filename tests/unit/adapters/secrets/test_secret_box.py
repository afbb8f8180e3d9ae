"""What is sealed at rest: envelopes under key files, the form before them, and the installation's own key."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from radgate_server.adapters.secrets.box import EnvelopeBox
from radgate_server.adapters.secrets.envelope import unpack
from radgate_server.adapters.secrets.files.encryption_keys import FileKeys
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.secrets.secret import SealedSecret, Secret, SecretContext

HERE, THERE = SecretContext("a", "main"), SecretContext("b", "main")
SECRET = Secret("so secret")


def box_in(folder: Path) -> EnvelopeBox:
    return EnvelopeBox(folder, {"file": FileKeys(folder)}, "file")


@pytest.fixture
def box(tmp_path: Path) -> EnvelopeBox:
    return box_in(tmp_path / "data")


def sealed_before(data_dir: Path, secret: str, context: str) -> bytes:
    """As Radgate sealed before there were envelopes: version 1, nonce, AES-256-GCM under the key file."""
    key = bytes.fromhex((data_dir / "secret.key").read_text().strip())
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"radgate seal 1").derive(key)
    nonce = os.urandom(12)
    return b"\x01" + nonce + AESGCM(derived).encrypt(nonce, secret.encode(), b"\x01" + context.encode())


def test_makes_a_folder_and_a_key_that_only_the_owner_can_read(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        box_in(tmp_path / "data")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret.key"]


@pytest.mark.parametrize("text", ["", "pass word", "naïve ☃", "x" * 5000])
async def test_opens_what_it_sealed(box: EnvelopeBox, text: str) -> None:
    sealed = await box.seal(Secret(text), HERE)
    assert (await box.open(sealed)).reveal() == text
    assert box.known(HERE, sealed.sealed) == sealed
    assert box.key_of(sealed) == "file:1"


async def test_seals_the_same_differently_each_time(box: EnvelopeBox) -> None:
    sealed = [await box.seal(SECRET, HERE) for _ in range(50)]
    assert len({one.sealed for one in sealed}) == len({one.identity for one in sealed}) == 50
    assert len({unpack(one.sealed).wrapped for one in sealed}) == 50
    assert not any(b"so secret" in one.sealed for one in sealed)


async def test_does_not_open_in_another_context(box: EnvelopeBox) -> None:
    sealed = await box.seal(SECRET, HERE)
    for context in (THERE, SecretContext("a", "other"), SecretContext("a", "main", "token")):
        with pytest.raises(ConfigurationError):
            await box.open(box.known(context, sealed.sealed))


async def test_a_payload_does_not_open_under_the_data_key_of_another(box: EnvelopeBox) -> None:
    one, other = unpack((await box.seal(SECRET, HERE)).sealed), unpack((await box.seal(SECRET, HERE)).sealed)
    mixed = type(one)(one.form, one.version, other.wrapped, one.nonce, one.ciphertext)
    with pytest.raises(ConfigurationError):
        await box.open(box.known(HERE, mixed.pack()))


async def test_does_not_open_what_was_altered_anywhere(box: EnvelopeBox) -> None:
    sealed = (await box.seal(SECRET, HERE)).sealed
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(ConfigurationError):
            await box.open(box.known(HERE, bytes(altered)))


async def test_does_not_open_what_was_cut_anywhere(box: EnvelopeBox) -> None:
    sealed = (await box.seal(SECRET, HERE)).sealed
    for length in range(len(sealed)):
        with pytest.raises(ConfigurationError):
            await box.open(box.known(HERE, sealed[:length]))


async def test_opens_what_was_sealed_before_there_were_envelopes(box: EnvelopeBox, tmp_path: Path) -> None:
    old = box.known(HERE, sealed_before(tmp_path / "data", "so secret", "a/main/password"))
    assert box.key_of(old) == "secret.key"
    assert await box.open(old) == SECRET
    renewed = await box.rewrap(old)
    assert (renewed, box.key_of(renewed), await box.open(renewed)) == (old, "file:1", SECRET)
    with pytest.raises(ConfigurationError):
        await box.open(box.known(THERE, old.sealed))


async def test_wrapping_again_changes_the_key_and_nothing_else(box: EnvelopeBox, tmp_path: Path) -> None:
    old = await box.seal(SECRET, HERE)
    assert await FileKeys(tmp_path / "data").rotate() == "file:2"
    assert await box.open(old) == SECRET
    new = await box.rewrap(old)
    before, after = unpack(old.sealed), unpack(new.sealed)
    assert (before.version, after.version) == ("file:1", "file:2")
    assert before.wrapped != after.wrapped
    assert (before.nonce, before.ciphertext) == (after.nonce, after.ciphertext)
    assert new == old
    assert await box.open(new) == SECRET


async def test_what_is_damaged_is_known_and_does_not_open(box: EnvelopeBox) -> None:
    damaged = box.known(HERE, b"\x07" + bytes(40))
    assert box.key_of(damaged) == "damaged"
    assert damaged == box.known(HERE, damaged.sealed) != box.known(HERE, b"\x07" + bytes(41))
    for use in (box.open, box.rewrap):
        with pytest.raises(ConfigurationError, match="form"):
            await use(damaged)


async def test_a_secret_of_an_unknown_provider_is_reported(box: EnvelopeBox) -> None:
    envelope = unpack((await box.seal(SECRET, HERE)).sealed)
    foreign = type(envelope)(envelope.form, "enigma:3", envelope.wrapped, envelope.nonce, envelope.ciphertext)
    with pytest.raises(ConfigurationError, match="section `secrets`"):
        await box.open(SealedSecret(HERE, envelope.nonce, foreign.pack()))


async def test_a_later_start_uses_the_same_keys(tmp_path: Path) -> None:
    first, second = box_in(tmp_path), box_in(tmp_path)
    assert await second.open(await first.seal(SECRET, HERE)) == SECRET
    assert second.fingerprint("token") == first.fingerprint("token")


async def test_another_installation_has_other_keys(tmp_path: Path) -> None:
    first, second = box_in(tmp_path / "a"), box_in(tmp_path / "b")
    await second.seal(SECRET, HERE)
    assert first.fingerprint("token") != second.fingerprint("token")
    with pytest.raises(ConfigurationError):
        await second.open(await first.seal(SECRET, HERE))


def test_fingerprints_are_32_bytes_and_distinguish_secrets(box: EnvelopeBox) -> None:
    assert len(box.fingerprint("token")) == 32
    assert box.fingerprint("token") == box.fingerprint("token") != box.fingerprint("tokens")


def test_starts_at_once_end_with_one_key(tmp_path: Path) -> None:
    for number in range(20):
        folder = tmp_path / str(number)
        with ThreadPoolExecutor(8) as pool:
            boxes = list(pool.map(box_in, [folder] * 8))
        assert len({box.fingerprint("token") for box in boxes}) == 1
        assert [path.name for path in folder.iterdir()] == ["secret.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_refuses_a_key_that_others_can_reach(tmp_path: Path, mode: int) -> None:
    box_in(tmp_path)
    (tmp_path / "secret.key").chmod(mode)
    with pytest.raises(ConfigurationError, match=r"chmod 600 secret\.key"):
        box_in(tmp_path)


@pytest.mark.parametrize("content", ["", "abc", "00" * 31, "zz" * 32, "00" * 33])
def test_refuses_a_file_that_holds_no_key(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secret.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match=r"secret\.key in data_dir holds no key"):
        box_in(tmp_path)


def test_refuses_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(bytes(range(200, 232)))
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match=r"secret\.key in data_dir holds no key"):
        box_in(tmp_path)


def test_refuses_a_data_dir_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigurationError, match="data_dir"):
        box_in(tmp_path / "data")
