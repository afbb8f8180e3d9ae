"""The keys that cached data is encrypted under, one for each study: erasing one makes all its files unreadable."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StudyKey:
    """A study's data key: 32 random bytes and the name by which files say what they are encrypted under (16 bytes)."""

    key_id: bytes
    secret: bytes = field(repr=False)


class StudyKeys(Protocol):
    """Hands out the keys of studies, which are given by the hash of their UID. Methods block: call them from threads.

    Raises DatabaseUnavailableError, KeyProviderUnavailableError, ConfigurationError: a key is unavailable.
    """

    def find(self, tenant_id: str, study: str) -> StudyKey | None:
        """The study's key, None when it has none (any more)."""
        ...

    def find_or_make(
        self, tenant_id: str, study: str, study_instance_uid: str, patient_id: Callable[[], str]
    ) -> StudyKey:
        """The study's key, made now if it has none. `patient_id` is whose study it is, "" when that is unknown."""
        ...

    def forget(self, tenant_id: str, study: str | None) -> None:
        """Keep the key (None: all of the tenant) in memory no more. It may have been erased. Does not block."""
        ...


@dataclass(frozen=True, slots=True)
class WrappedStudyKey:
    """A study's key as it is stored: wrapped by its tenant's. `patient_id` is "" when it is unknown."""

    tenant_id: str
    study: str
    study_instance_uid: str
    patient_id: str
    key_id: str
    wrapped: bytes = field(repr=False)


class CacheKeyRecords(Protocol):
    """Where the keys are stored. Raises DatabaseUnavailableError."""

    async def tenant_key(self, tenant_id: str) -> bytes | None:
        """The tenant's key, sealed."""
        ...

    async def add_tenant_key(self, tenant_id: str, sealed: bytes) -> bytes:
        """Store the tenant's key unless it has one; return the one that it has then."""
        ...

    async def study_key(self, tenant_id: str, study: str) -> WrappedStudyKey | None:
        """The study's key."""
        ...

    async def add_study_key(self, key: WrappedStudyKey) -> WrappedStudyKey:
        """Store the study's key unless it has one, and whose study it is unless that is known; return what is there."""
        ...

    async def keys_of_patient(self, tenant_id: str, patient_id: str) -> Sequence[WrappedStudyKey]:
        """Those of all studies that are known to be the patient's."""
        ...

    async def keys_of_study(self, tenant_id: str, study_instance_uid: str) -> Sequence[WrappedStudyKey]:
        """The study's, if it has one."""
        ...

    async def remove_study_keys(self, tenant_id: str, studies: Collection[str]) -> None:
        """Erase the keys permanently."""
        ...
