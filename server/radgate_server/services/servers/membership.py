"""Announces this server to the others of its database, and notices who comes and goes."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.servers.member import Member, MemberRegistry, same_title
from radgate_server.services.repeating import Repeating, Sleep

_log = logging.getLogger(__name__)

INTERVAL_S = 5.0
LEASE_S = 15.0
"""A server that has not announced itself for so long is gone."""


class Membership(Repeating):
    """Announces `own` by a first look, and from `start` until it is closed.

    Subscribers hear how many servers there are, when that changes.
    While the database is away, the others are taken to be there still.
    """

    def __init__(self, own: Member, registry: MemberRegistry, *, sleep: Sleep = asyncio.sleep) -> None:
        super().__init__(
            "membership",
            interval_s=INTERVAL_S,
            trouble="this server can't be announced to the others",
            wait_first=True,  # whoever starts it has looked
            sleep=sleep,
        )
        self._own = own
        self._registry = registry
        self._subscribers: list[Callable[[int], None]] = []
        self._members: Sequence[Member] = (own,)

    @property
    def members(self) -> Sequence[Member]:
        """Who is there, this server included, as it was seen last."""
        return self._members

    @property
    def own(self) -> Member:
        """This server."""
        return self._own

    async def list_now(self) -> Sequence[Member]:
        """Who is there now, as far as the database can be asked."""
        try:
            return await self._registry.list_members()
        except DatabaseUnavailableError:
            return self._members

    async def find(self, member_id: str) -> Member | None:
        """The member of this ID, None when it is not there. Raises DatabaseUnavailableError."""
        found = _named(member_id, self._members)
        if found is None:  # it may have come since the last look
            found = _named(member_id, await self._registry.list_members())
        return found

    def subscribe(self, heard: Callable[[int], None]) -> None:
        """Report how many servers there are, now and whenever that changes."""
        self._subscribers.append(heard)
        heard(len(self._members))

    async def look(self) -> None:
        """Announce it, and see who is there."""
        before = len(self._members)
        self._members = await self._registry.announce(self._own, LEASE_S)
        if len(self._members) != before:
            _log.info("%d servers share the database", len(self._members))
            for heard in self._subscribers:
                heard(len(self._members))

    async def close(self) -> None:
        """Announce it no more, and withdraw."""
        await super().close()
        try:
            await self._registry.withdraw(self._own.member_id)
        except DatabaseUnavailableError as error:  # then the lease ends
            _log.warning("this server can't be withdrawn: %s", error.message)

    async def problem(self) -> str:
        """What is wrong with how the servers are set up, "" when all is well."""
        others = same_title(self._own, self._members)
        if not others:
            return ""
        names = ", ".join(sorted({member.name for member in others}))
        return (
            f"another server ({names}) has the AE title {self._own.dicom_aet} too: what a PACS sends after a C-MOVE may"
            " arrive there; let one of them listen (dicom_listens), or give each its own"
            " dicom_aet, and each PACS all of them"
        )


def _named(member_id: str, members: Sequence[Member]) -> Member | None:
    return next((member for member in members if member.member_id == member_id), None)
