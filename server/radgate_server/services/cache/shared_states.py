"""What vouches for instances that servers share: each is stored with the state of its study under which it was fetched.

A server serves what another has fetched only if its own state of the study, which it has confirmed or will, is of the
same content. Its own state alone would not do: it may be of a correction that came after the other had fetched.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from radgate_server.core.cache.ports.tiers import CacheKey, HotCache, TierUsage
from radgate_server.core.cache.study_state import StudyState, Verdict, compare
from radgate_server.core.retention.ports.erasure import StudyTier
from radgate_server.services.cache.study_states import StudyStates, decode_record, encode_record
from radgate_server.services.retrieve.study_doubts import StudyDoubts

_VOUCHED = frozenset({Verdict.SAME, Verdict.GROWN})


class AppliedChanges(Protocol):
    """Whoever follows the feed of changes."""

    @property
    def seen(self) -> int:
        """The number of the last change that has been applied."""
        ...


class SharedStateSource(Protocol):
    """Where the states of shared instances lie."""

    async def state(self, tenant_id: str, study_instance_uid: str) -> bytes | None:
        """The state under which instances of the study were fetched last; None: there are none."""
        ...


class StudyVouching:
    """PackVouching by the states that this server has."""

    def __init__(self, states: StudyStates, doubts: StudyDoubts, changes: AppliedChanges) -> None:
        self._states = states
        self._doubts = doubts
        self._changes = changes

    @property
    def seen(self) -> int:
        """The number of the last change of the feed that has been applied."""
        return self._changes.seen

    def state(self, tenant_id: str, study_instance_uid: str, pacs: str) -> bytes | None:
        """The study's record, if it is of the PACS that sent the instance and nothing about the study is in doubt."""
        known = self._states.get(tenant_id, study_instance_uid)
        if known is None or self._doubts.warning_of(tenant_id, study_instance_uid):
            return None
        present = [state for state in known.state.values() if state is not None and state.present]
        if any(state.mixed for state in present) or (pacs and pacs not in {state.member for state in present}):
            return None
        return encode_record(known, patients_differ=False)

    def vouches(self, tenant_id: str, study_instance_uid: str, state: bytes) -> bool:
        """Whether the study, as it was then, is still what this server knows; it may have grown."""
        known, recorded = self._states.get(tenant_id, study_instance_uid), _recorded(state)
        return known is not None and recorded is not None and compare(recorded, known.state) in _VOUCHED


class SharedStates:
    """HotCache of the states that outlive a process, `own`; of a study that only others have fetched it is theirs.

    As long as one of the tiers `near` holds something of a study, a state of others would vouch for what they have not
    fetched.
    """

    def __init__(self, own: HotCache, shared: SharedStateSource, near: Sequence[StudyTier]) -> None:
        self._own = own
        self._shared = shared
        self._near = near
        self.mark = own.mark
        self.put = own.put
        self.invalidate = own.invalidate

    async def get(self, key: CacheKey) -> bytes | None:
        """The own state, or that of shared instances."""
        own = await self._own.get(key)
        if own is not None:
            return own
        for tier in self._near:
            if (await tier.held(key.tenant_id, key.study_instance_uid)).entries:
                return None
        return await self._shared.state(key.tenant_id, key.study_instance_uid)

    async def usage(self, tenant_id: str) -> TierUsage:
        """What is stored of its own for the tenant."""
        return await self._own.usage(tenant_id)


@lru_cache(maxsize=256)
def _recorded(state: bytes) -> StudyState | None:
    """A pack's instances all have the same one."""
    record = decode_record(state)
    return None if record is None else record[0].state
