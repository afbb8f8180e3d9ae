"""Asking the other servers where an instance lies that came by at one of them."""

import asyncio
import logging

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.servers.member import Member, reaches
from radgate_server.core.servers.peers import PeerFailedError, Peers
from radgate_server.services.servers.membership import Membership

_log = logging.getLogger(__name__)


class InstanceSearch:
    """Asks all other members that can be reached, at the same time."""

    def __init__(self, membership: Membership, peers: Peers) -> None:
        self._membership = membership
        self._peers = peers

    async def find(self, tenant_id: str, sop_instance_uid: str) -> InstanceRef | None:
        """Where the instance lies as the first says that knows it; None when none does.

        One that fails is taken not to know it: what it remembered is lost when it has ended.
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
