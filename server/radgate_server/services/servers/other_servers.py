"""Asking the other servers for what one of them alone knows."""

import asyncio
import logging

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.errors import DatabaseUnavailableError, ViewElsewhereError
from radgate_server.core.servers.member import Member, reaches
from radgate_server.core.servers.peers import PeerFailedError, Peers, PriorityOutcome, ViewPriority
from radgate_server.services.servers.membership import Membership

_log = logging.getLogger(__name__)


class OtherServers:
    """The members that can be reached, but this one."""

    def __init__(self, membership: Membership, peers: Peers) -> None:
        self._membership = membership
        self._peers = peers

    async def prioritize(self, member_id: str, priority: ViewPriority) -> PriorityOutcome:
        """Have it done by the member that sends the view.

        Raises:
            ViewElsewhereError: it is not there any more, or can't be reached.
        """
        try:
            member = await self._membership.find(member_id)
            if member is not None and reaches(self._membership.own, member):
                return await self._peers.prioritize(member, priority)
        except (DatabaseUnavailableError, PeerFailedError) as error:
            _log.info("the server that sends a view was not asked: %s", error)
        raise ViewElsewhereError("the view is of another server, which has ended or can't be reached")

    async def locate(self, tenant_id: str, sop_instance_uid: str) -> InstanceRef | None:
        """Where an instance lies that came by at one of them, None if it came by at none.

        All are asked at the same time, and the first answer counts. One that fails is taken not to know it: what it
        remembered is lost when it has ended.
        """
        own = self._membership.own
        others = [member for member in await self._membership.list_now() if reaches(own, member)]
        asked = [asyncio.create_task(self._ask(member, tenant_id, sop_instance_uid)) for member in others]
        try:
            for answer in asyncio.as_completed(asked):
                if (ref := await answer) is not None:
                    return ref
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        return None

    async def _ask(self, member: Member, tenant_id: str, sop_instance_uid: str) -> InstanceRef | None:
        try:
            return await self._peers.locate(member, tenant_id, sop_instance_uid)
        except PeerFailedError as error:
            _log.info("server %s was not asked where an instance lies: %s", member.name, error)
            return None
