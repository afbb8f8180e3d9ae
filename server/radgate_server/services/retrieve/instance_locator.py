"""Finding an instance whose study and series are not known: by its SOP Instance UID alone."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.errors import ObjectNotFoundError, PacsError
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import FindResult, MatchingKey, Query
from radgate_server.lib.answer_cache import Loads
from radgate_server.lib.lru_cache import LruCache
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.query.fan_out import AskLimits, PacsAnswer, ask_all
from radgate_server.services.retrieve.listing import listed_instance

MAX_REMEMBERED = 200_000
_FEW = 10
"""Nobody holds an instance more often than that; more matches are not worth reading."""


class _Located(NamedTuple):
    """Where an instance lies, and the transfer syntax in which it came by, "" when it has not."""

    ref: InstanceRef
    transfer_syntax_uid: str = ""


type AskServers = Callable[[str, str], Awaitable[InstanceRef | None]]
"""(tenant, SOP Instance UID): where the instance lies that came by at another server."""


async def _ask_nobody(_tenant_id: str, _sop_instance_uid: str) -> InstanceRef | None:
    return None


class InstanceLocator:
    """Remembers where instances lie that came by; asks the PACS that can report others, and then the other servers.

    A PACS of the hierarchical model (PS3.4 C.4.1.2.2) finds no instance without its study: all of its studies would
    have to be walked through. Such PACS are not asked.
    """

    def __init__(self, clients: PacsClients, *, deadline_s: float) -> None:
        self._clients = clients
        self._limits = AskLimits(_FEW, deadline_s)
        self._known: LruCache[tuple[str, str], _Located] = LruCache(MAX_REMEMBERED)
        self._loads: Loads[tuple[str, str]] = Loads()  # by tenant and study
        self._ask_servers: AskServers = _ask_nobody

    def ask_also(self, servers: AskServers) -> None:
        """Ask the other servers for what no PACS reports."""
        self._ask_servers = servers

    def learn(self, tenant_id: str, handle: InstanceHandle) -> None:
        """An instance came by."""
        located = _Located(handle.ref, sys.intern(str(handle.transfer_syntax_uid)))
        self._known.put((tenant_id, handle.ref.sop_instance_uid), located)

    def remember(self, tenant_id: str, ref: InstanceRef) -> None:
        """An instance lies here, in whatever transfer syntax."""
        if self.known(tenant_id, ref.sop_instance_uid) != ref:
            self._known.put((tenant_id, ref.sop_instance_uid), _Located(ref))

    def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Drop the locations of the instances of the study, or of all of the tenant."""
        self._loads.invalidate(lambda key: key[0] == tenant_id and study_instance_uid in (None, key[1]))
        for key in [key for key in self._known if key[0] == tenant_id]:
            known = self.known(*key)
            if known is not None and study_instance_uid in (None, known.study_instance_uid):
                self._known.drop(key)

    def known(self, tenant_id: str, sop_instance_uid: str) -> InstanceRef | None:
        """Where the instance lay when it came by, None when it has not."""
        known = self._known.get((tenant_id, sop_instance_uid))
        return known and known.ref

    def syntax_of(self, tenant_id: str, ref: InstanceRef) -> str:
        """The transfer syntax in which the instance came by, "" when it has not."""
        known = self._known.get((tenant_id, ref.sop_instance_uid))
        return known.transfer_syntax_uid if known is not None and known.ref == ref else ""

    async def find(self, tenant_id: str, sop_instance_uid: str) -> InstanceRef:
        """Where the instance lies, or lay when it came by.

        Raises:
            ObjectNotFoundError: it has come by at no server, and no PACS that can be asked for it has it.
            PacsError: it can't be determined, because a PACS failed.
        """
        if known := self.known(tenant_id, sop_instance_uid):
            return known
        clients = await self._clients.of_tenant(tenant_id)
        with self._loads.begin() as load:
            found, failure = await self._ask([one for one in clients if not one.hierarchical], sop_instance_uid)
            found = found or await self._ask_servers(tenant_id, sop_instance_uid)
            if found and load.is_current((tenant_id, found.study_instance_uid)):
                self.remember(tenant_id, found)
        if found:
            return found
        if failure:
            raise failure
        raise ObjectNotFoundError(_remedy([client.name for client in clients if client.hierarchical]), kind="instance")

    async def _ask(
        self, clients: Sequence[PacsClient], sop_instance_uid: str
    ) -> tuple[InstanceRef | None, PacsError | None]:
        """Where a PACS reports it, and the failure of one that might have."""
        if not clients:
            return None, None
        query = Query(QueryLevel.IMAGE, (MatchingKey(("00080018",), sop_instance_uid),), only_included=True)
        try:
            answers = await ask_all(clients, query, self._limits)
        except PacsError as error:
            return None, error
        located = filter(None, (_located_by(answer, sop_instance_uid) for answer in answers))
        failures = (answer.result for answer in answers if isinstance(answer.result, PacsError))
        return next(located, None), next(failures, None)


def _located_by(answer: PacsAnswer, sop_instance_uid: str) -> InstanceRef | None:
    if not isinstance(answer.result, FindResult):
        return None
    listed = (listed_instance(match, RetrieveScope("")) for match in answer.result.matches)
    refs = (entry.ref for entry in listed if entry is not None)
    return next((ref for ref in refs if ref.study_instance_uid and ref.sop_instance_uid == sop_instance_uid), None)


def _remedy(not_asked: Sequence[str]) -> str:
    if not not_asked:
        return "no PACS of the tenant has this instance"
    names = ", ".join(not_asked)
    text = f"the instance came by at no server since its start, and PACS {names} can't be asked for it"
    return f"{text} without its study; use /dicom-web/studies/…/series/…/instances/…/thumbnail"
