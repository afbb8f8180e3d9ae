"""A storage SCP that awaits a study from a PACS, without a PACS that was asked for it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address

from radgate_server.adapters.pacs.dimse import StorageScp
from radgate_server.adapters.pacs.dimse.retrieve.intake import Intake
from radgate_server.adapters.pacs.dimse.storage_scp.awaited import Awaited
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import Arrival, ListedInstance
from radgate_server.core.pacs.connections import DimseConnection
from radgate_server.core.pacs.senders import sender_of
from radgate_server.settings.pacs import DimseSettings


@dataclass(frozen=True, slots=True)
class AwaitingScp:
    """`arrivals` is what came, `refused` why associations were refused."""

    scp: StorageScp
    awaited: Awaited
    arrivals: list[Arrival]
    refused: list[str]


@asynccontextmanager
async def awaiting(
    settings: DimseSettings,
    listed: Sequence[ListedInstance],
    *,
    pacs: DimseConnection,
    reached_at: str = "127.0.0.1",
    tls_port: int = 0,
) -> AsyncIterator[AwaitingScp]:
    """Await `listed` of one study from `pacs`, which was reached at that address."""
    arrivals: list[Arrival] = []
    refused: list[str] = []
    scp = StorageScp(
        "RADGATE", host="127.0.0.1", port=0, settings=settings, tls_port=tls_port, on_refusal=refused.append
    )
    await scp.start()
    try:
        study = RetrieveScope(listed[0].ref.study_instance_uid)
        intake = Intake("main", pacs.called_aet, study, listed, arrivals.append)
        sender = sender_of(pacs, ip_address(reached_at), over_tls=scp.has_tls)
        with scp.expect("RADGATE", intake, sender) as awaited:
            yield AwaitingScp(scp, awaited, arrivals, refused)
    finally:
        await scp.close()
