"""MemberRegistry in memory."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.servers.member import Member
from tests.fakes.clock import FakeClock


class MemoryMembers:
    """MemberRegistry by a clock that a test moves; it can't be reached while it is `away`."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._members: dict[str, tuple[Member, datetime]] = {}
        self.away = False

    async def announce(self, member: Member, lease_s: float) -> Sequence[Member]:
        self._reach()
        self._members[member.member_id] = member, self._clock.now() + timedelta(seconds=lease_s)
        return await self.list_members()

    async def withdraw(self, member_id: str) -> None:
        self._reach()
        self._members.pop(member_id, None)

    async def list_members(self) -> Sequence[Member]:
        self._reach()
        present = [member for member, until in self._members.values() if until >= self._clock.now()]
        return sorted(present, key=lambda member: (member.start_time, member.member_id))

    def _reach(self) -> None:
        if self.away:
            raise DatabaseUnavailableError("the database can't be reached")
