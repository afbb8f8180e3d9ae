"""The keys of cached data: one for each study, wrapped by its tenant's, which is sealed as PACS's credentials are."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from threading import Lock
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from radgate_server.adapters.secrets.files.key_file import KEY_BYTES
from radgate_server.core.cache.ports.keys import CacheKeyRecords, StudyKey, WrappedStudyKey
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.secrets.ports import SecretBox
from radgate_server.core.secrets.secret import Secret, SecretContext, cache_key_context
from radgate_server.lib.answer_cache import AnswerCache, AnswerLoad

_ID_BYTES = 16
_NONCE_BYTES = 12
_MAX_KNOWN = 10_000
_PATIENCE_S = 30.0


type _StudyKeyId = tuple[str, str]
"""Tenant and study, as StudyKeys has them."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A key in memory, and whether it is written down whose study it is."""

    key: StudyKey
    has_patient: bool


class StudyKeyChain:
    """StudyKeys. Make it in the event loop that talks to the database; call it from threads other than the loop's."""

    def __init__(self, records: CacheKeyRecords, box: SecretBox) -> None:
        self._records = records
        self._box = box
        self._loop = asyncio.get_running_loop()
        self._making = asyncio.Lock()
        self._lock = Lock()
        self._known: AnswerCache[_StudyKeyId, _Known] = AnswerCache(_MAX_KNOWN)
        self._tenants: AnswerCache[str, AESGCM] = AnswerCache(_MAX_KNOWN)

    def find(self, tenant_id: str, study: str) -> StudyKey | None:
        """The study's key, None when it has none (any more)."""
        known = self._in_memory(tenant_id, study)
        return known.key if known else self._wait(self._find(tenant_id, study))

    def find_or_make(
        self, tenant_id: str, study: str, study_instance_uid: str, patient_id: Callable[[], str]
    ) -> StudyKey:
        """The study's key, made now if it has none."""
        known = self._in_memory(tenant_id, study)
        if known and known.has_patient:
            return known.key
        patient = patient_id()
        if known and not patient:
            return known.key
        return self._wait(self._make(tenant_id, study, study_instance_uid, patient))

    def forget(self, tenant_id: str, study: str | None) -> None:
        """Keep the key in memory no more."""
        with self._lock:
            self._known.invalidate(lambda key: key[0] == tenant_id and study in (None, key[1]))
            if study is None:  # the tenant may have been deleted, and its key with it
                self._tenants.invalidate(lambda key: key == tenant_id)

    def _in_memory(self, tenant_id: str, study: str) -> _Known | None:
        with self._lock:
            return self._known.get((tenant_id, study))

    def _wait[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    async def _find(self, tenant_id: str, study: str) -> StudyKey | None:
        with self._known.loading() as load:
            stored = await self._records.study_key(tenant_id, study)
            return None if stored is None else await self._unwrapped(stored, load)

    async def _make(self, tenant_id: str, study: str, study_instance_uid: str, patient_id: str) -> StudyKey:
        async with self._making:
            with self._known.loading() as load:
                key_id, secret = os.urandom(_ID_BYTES).hex(), os.urandom(KEY_BYTES)
                cipher, nonce = await self._cipher(tenant_id), os.urandom(_NONCE_BYTES)
                wrapped = nonce + cipher.encrypt(nonce, secret, _bound(tenant_id, study, key_id))
                new = WrappedStudyKey(tenant_id, study, study_instance_uid, patient_id, key_id, wrapped)
                return await self._unwrapped(await self._records.add_study_key(new), load)

    async def _unwrapped(self, stored: WrappedStudyKey, load: AnswerLoad[_StudyKeyId, _Known]) -> StudyKey:
        cipher = await self._cipher(stored.tenant_id)
        nonce, sealed = stored.wrapped[:_NONCE_BYTES], stored.wrapped[_NONCE_BYTES:]
        try:
            secret = cipher.decrypt(nonce, sealed, _bound(stored.tenant_id, stored.study, stored.key_id))
        except InvalidTag:
            with self._lock:  # another process may have made the tenant a new one
                self._tenants.invalidate(lambda key: key == stored.tenant_id)
            raise ConfigurationError("the key of a study's cached data does not open under its tenant's") from None
        key = StudyKey(bytes.fromhex(stored.key_id), secret)
        with self._lock:
            load.put((stored.tenant_id, stored.study), _Known(key, bool(stored.patient_id)))
        return key

    async def _cipher(self, tenant_id: str) -> AESGCM:
        """The tenant's key, made now if it has none."""
        with self._lock:
            cipher = self._tenants.get(tenant_id)
        if cipher is not None:
            return cipher
        with self._tenants.loading() as load:
            context = cache_key_context(tenant_id)
            sealed = await self._records.tenant_key(tenant_id) or await self._new_tenant_key(context)
            secret = await self._box.open(self._box.known(context, sealed))
            cipher = AESGCM(bytes.fromhex(secret.reveal()))
            with self._lock:
                load.put(tenant_id, cipher)
        return cipher

    async def _new_tenant_key(self, context: SecretContext) -> bytes:
        sealed = await self._box.seal(Secret(os.urandom(KEY_BYTES).hex()), context)
        return await self._records.add_tenant_key(context.tenant_id, sealed.sealed)


def _bound(tenant_id: str, study: str, key_id: str) -> bytes:
    return f"radgate study key 1/{tenant_id}/{study}/{key_id}".encode()
