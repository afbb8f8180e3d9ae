"""StudyHolders in memory."""

from radgate_server.core.errors import DatabaseUnavailableError
from tests.fakes.members import MemoryMembers


class MemoryHolders:
    """StudyHolders among the members of a registry; it can't be reached while that is `away`."""

    def __init__(self, members: MemoryMembers) -> None:
        self._members = members
        self.claims: dict[tuple[str, str], str] = {}
        self.asked = 0

    async def claim(self, tenant_id: str, study_instance_uid: str, own: str, *, instead_of: str = "") -> str:
        self.asked += 1
        there = {member.member_id for member in await self._members.list_members()} - {instead_of}
        place = tenant_id, study_instance_uid
        if self.claims.get(place) not in there:
            self.claims[place] = own
        return self.claims[place]

    async def release(self, tenant_id: str, study_instance_uid: str | None) -> None:
        if self._members.away:
            raise DatabaseUnavailableError("the database can't be reached")
        for place in list(self.claims):
            if place[0] == tenant_id and study_instance_uid in (None, place[1]):
                del self.claims[place]
