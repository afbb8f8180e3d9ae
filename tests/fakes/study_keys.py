"""Keys of cached data in memory."""

import os
from collections.abc import Callable

from radgate_server.core.cache.ports.keys import StudyKey
from radgate_server.core.errors import KeyProviderUnavailableError


class MemoryStudyKeys:
    """StudyKeys. Take a key out of `keys` to erase it; set `away` to have nobody find any."""

    def __init__(self) -> None:
        self.keys: dict[tuple[str, str], StudyKey] = {}
        self.patients: dict[str, str] = {}
        self.away = False

    def find(self, tenant_id: str, study: str) -> StudyKey | None:
        if self.away:
            raise KeyProviderUnavailableError("away")
        return self.keys.get((tenant_id, study))

    def find_or_make(
        self, tenant_id: str, study: str, study_instance_uid: str, patient_id: Callable[[], str]
    ) -> StudyKey:
        if self.away:
            raise KeyProviderUnavailableError("away")
        if (tenant_id, study) not in self.keys:
            self.patients[study_instance_uid] = patient_id()
        return self.keys.setdefault((tenant_id, study), StudyKey(os.urandom(16), os.urandom(32)))

    def forget(self, tenant_id: str, study: str | None) -> None:
        """Nothing is kept beside `keys`."""
