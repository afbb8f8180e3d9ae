"""The key that secrets are sealed under: rotated, looked at, pruned, and all secrets wrapped again under the newest."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.secrets.ports import KeyRing, KeyVersion, SealedRecords, SecretBox
from radgate_server.core.secrets.secret import SealedSecret
from radgate_server.lib.clock import Clock
from radgate_server.services.acting import insist_on_every_tenant
from radgate_server.services.audit.recording import Auditor

_log = logging.getLogger(__name__)

SETTLING = timedelta(minutes=5)
"""A process may be about to store what it sealed just before a rotation; its key is not pruned until then."""


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """A version of the key, and how many secrets are under it. `create_time` None: unknown."""

    version: str
    create_time: datetime | None
    current: bool
    secrets: int


@dataclass(frozen=True, slots=True)
class RewrapProgress:
    """Of `total` secrets that were under another key than the current one, how many are done and how many failed."""

    done: int
    failed: int
    total: int


type ProgressListener = Callable[[RewrapProgress], None]


class SecretAdmin:
    """What operators of the installation do about the key; and, in the background, the server itself."""

    def __init__(self, ring: KeyRing, box: SecretBox, records: SealedRecords, auditor: Auditor, clock: Clock) -> None:
        self._ring = ring
        self._box = box
        self._records = records
        self._auditor = auditor
        self._clock = clock

    async def status(self, caller: Caller) -> Sequence[VersionStatus]:
        """All versions, the oldest first, those of former providers before."""
        insist_on_every_tenant(caller, "look at the keys of secrets")
        counts = await self._counts()
        known = await self._ring.versions()
        former = sorted(counts.keys() - {found.version for found in known})
        return (
            *(VersionStatus(version, None, False, counts[version]) for version in former),
            *(VersionStatus(found.version, found.create_time, found.current, counts[found.version]) for found in known),
        )

    async def rotate(self, caller: Caller) -> str:
        """Make a new version of the key, or have the provider make one; return it. What is sealed stays readable."""
        insist_on_every_tenant(caller, "rotate the key of secrets")
        await self._record(caller, "rotate the key of secrets")
        return await self._ring.rotate()

    async def rewrap(self, on_progress: ProgressListener | None = None) -> RewrapProgress:
        """Wrap the data key of each secret again that is under another key than the current one.

        One that fails, or that somebody changes meanwhile, is left for the next time.
        """
        current = await self._ring.current()
        old = [sealed for sealed in await self._records.list_sealed() if self._box.key_of(sealed) != current]
        progress = RewrapProgress(0, 0, len(old))
        for sealed in old:
            try:
                await self._records.replace_sealed(sealed, await self._box.rewrap(sealed))
                progress = RewrapProgress(progress.done + 1, progress.failed, progress.total)
            except ConfigurationError as error:
                _log.error("a secret can't be wrapped again: %s", error.message, extra=_where(sealed))
                progress = RewrapProgress(progress.done, progress.failed + 1, progress.total)
            if on_progress is not None:
                on_progress(progress)
        return progress

    async def prune(self, caller: Caller) -> Sequence[str]:
        """Remove permanently the versions that no secret is under, and that were replaced a while ago; return them."""
        insist_on_every_tenant(caller, "prune the keys of secrets")
        await self._record(caller, "prune the keys of secrets")
        versions = await self._ring.versions()
        used = {*(await self._counts()), *_settling(versions, self._clock.now())}
        return await self._ring.prune(used)

    async def _counts(self) -> Counter[str]:
        return Counter(map(self._box.key_of, await self._records.list_sealed()))

    async def _record(self, caller: Caller, detail: str) -> None:
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=detail)


def _where(sealed: SealedSecret) -> dict[str, str]:
    return {"tenant": sealed.context.tenant_id}


def _settling(versions: Sequence[KeyVersion], now: datetime) -> set[str]:
    """The versions whose successor is so young that something may still be stored under them."""
    return {
        old.version
        for old, new in pairwise(versions)
        if new.create_time is not None and now - new.create_time < SETTLING
    }
