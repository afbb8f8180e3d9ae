"""Answers in the form in which they lie in Redis: encrypted under the key of their study, bound to their name.

    form (1) | name of the study's key (16) | salt (16) | AES-256-GCM of: terms, CRC-32C of the answer, answer

An answer's key is HMAC-SHA-256 of the salt under the study's key, used once. Answers of no study are encrypted under
the tenant's key of study "", as the tiers on disk do.
"""

import hmac
import os
from struct import Struct

import google_crc32c
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from radgate_server.adapters.cache.disk.layout import study_hash
from radgate_server.core.cache.ports.keys import StudyKey, StudyKeys
from radgate_server.core.cache.ports.shared import DamagedAnswerError, SharedAnswer
from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.secrets.ports import Fingerprints

PREFIX = "radgate:answers:"

_FORM = b"\1"
_ENVELOPE = Struct("1s16s16s")
_TERMS = Struct(">Qdd16sI")
_SALT_BYTES = 16
_NONCE = bytes(12)  # each key is used once
_PURPOSE = b"radgate shared answer 1"
_DIGEST_LENGTH = 32
_NO_STATE = bytes(16)


class AnswerSealer:
    """Names and seals answers. `seal` and `open` block: call them from threads."""

    def __init__(self, fingerprints: Fingerprints, keys: StudyKeys) -> None:
        self._fingerprints = fingerprints
        self._keys = keys

    def name(self, key: CacheKey) -> str:
        """The answer's name: a keyed digest of tenant and study, and one of the rest."""
        study = self._digest(f"{key.tenant_id}\n{key.study_instance_uid}")
        return f"{PREFIX}{study}:{self._digest(f'{key.tenant_id}\n{key.study_instance_uid}\n{key.kind}\n{key.detail}')}"

    def seal(self, key: CacheKey, name: str, answer: SharedAnswer, ttl_s: float) -> bytes | None:
        """The answer, sealed; None when its study has no key. Raises GatewayError and TimeoutError: none is there."""
        study_key = self._key_for(key)
        if study_key is None:
            return None
        salt = os.urandom(_SALT_BYTES)
        terms = _TERMS.pack(
            answer.heard, ttl_s, answer.expires_s, answer.state or _NO_STATE, google_crc32c.value(answer.value)
        )
        sealed = _cipher(study_key, salt).encrypt(_NONCE, terms + answer.value, name.encode())
        return _ENVELOPE.pack(_FORM, study_key.key_id, salt) + sealed

    def open(self, key: CacheKey, name: str, sealed: bytes) -> tuple[SharedAnswer, float] | None:
        """The answer and for how long it was shared; None when its key was erased.

        Raises:
            DamagedAnswerError: it is not what was shared under this name.
            GatewayError, TimeoutError: the key is unavailable.
        """
        if len(sealed) < _ENVELOPE.size or not sealed.startswith(_FORM):
            raise DamagedAnswerError
        _, key_id, salt = _ENVELOPE.unpack_from(sealed)
        study_key = self._keys.find(key.tenant_id, study_hash(key.study_instance_uid))
        if study_key is None or study_key.key_id != key_id:
            return None
        try:
            clear = _cipher(study_key, salt).decrypt(_NONCE, memoryview(sealed)[_ENVELOPE.size :], name.encode())
        except InvalidTag:
            raise DamagedAnswerError from None
        heard, ttl_s, expires_s, state, checksum = _TERMS.unpack_from(clear)
        value = clear[_TERMS.size :]
        if google_crc32c.value(value) != checksum:
            raise DamagedAnswerError
        return SharedAnswer(value, heard, b"" if state == _NO_STATE else state, expires_s), ttl_s

    def _key_for(self, key: CacheKey) -> StudyKey | None:
        """A study's key is made when its instances are stored, and by nobody else: it may have been erased just now."""
        study = study_hash(key.study_instance_uid)
        if key.study_instance_uid:
            return self._keys.find(key.tenant_id, study)
        return self._keys.find_or_make(key.tenant_id, study, "", lambda: "")

    def _digest(self, text: str) -> str:
        return self._fingerprints.fingerprint(f"shared answer\n{text}").hex()[:_DIGEST_LENGTH]


def _cipher(study_key: StudyKey, salt: bytes) -> AESGCM:
    return AESGCM(hmac.digest(study_key.secret, _PURPOSE + salt, "sha256"))
