"""Sealed secrets as bytes.

Form 2, an envelope: 0x02; length (2, big-endian) and text of the key's version; length (2) and the wrapped data key;
nonce (12); ciphertext with tag (16). Form 1, without a data key of its own: 0x01, nonce (12), ciphertext with tag.
In both the nonce is the secret's identity: it stays when the data key is wrapped again.
"""

from dataclasses import dataclass

from radgate_server.core.errors import ConfigurationError

NONCE_BYTES = 12
_TAG_BYTES = 16
_LENGTH_BYTES = 2
FIRST_FORM, ENVELOPE_FORM = 1, 2


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parts. `version` and `wrapped` are empty in form 1."""

    form: int
    version: str
    wrapped: bytes
    nonce: bytes
    ciphertext: bytes

    def pack(self) -> bytes:
        """As bytes of form 2."""
        parts = (_measured(self.version.encode()), _measured(self.wrapped), self.nonce, self.ciphertext)
        return bytes((ENVELOPE_FORM,)) + b"".join(parts)


def unpack(sealed: bytes) -> Envelope:
    """Take the parts apart. Raises ConfigurationError for a form that is unknown, or bytes that are missing."""
    form, rest = sealed[:1], sealed[1:]
    version, wrapped = b"", b""
    if form == bytes((ENVELOPE_FORM,)):
        version, rest = _take(rest)
        wrapped, rest = _take(rest)
    elif form != bytes((FIRST_FORM,)):
        raise ConfigurationError("a sealed secret is of a form that this version does not know")
    if len(rest) < NONCE_BYTES + _TAG_BYTES or not version.isascii():
        raise _cut_short()
    return Envelope(form[0], version.decode("ascii"), wrapped, rest[:NONCE_BYTES], rest[NONCE_BYTES:])


def _measured(part: bytes) -> bytes:
    return len(part).to_bytes(_LENGTH_BYTES) + part


def _take(rest: bytes) -> tuple[bytes, bytes]:
    end = _LENGTH_BYTES + int.from_bytes(rest[:_LENGTH_BYTES])
    if not _LENGTH_BYTES < end <= len(rest):
        raise _cut_short()
    return rest[_LENGTH_BYTES:end], rest[end:]


def _cut_short() -> ConfigurationError:
    return ConfigurationError("a sealed secret is damaged: bytes are missing")
