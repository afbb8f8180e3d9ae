"""The PACS as a running server reaches them: clients, what guards these, and the port that C-MOVE needs."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from radgate_server.adapters.pacs.dimse import StorageScp
from radgate_server.adapters.telemetry import PrometheusTelemetry
from radgate_server.core.pacs.ports import PacsFactory
from radgate_server.core.quarantine.ports import RefusedBytes
from radgate_server.installation.opening import Installation, pacs_factories
from radgate_server.lib.clock import Clock
from radgate_server.services.administration.detection import impatient
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.pacs.failover.tracker import FailoverTracker
from radgate_server.services.pacs.resilience import PacsGuard
from radgate_server.services.retrieve.study_doubts import StudyDoubts
from radgate_server.services.telemetry.certificates import CertificateSightings
from radgate_server.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class PacsSide:
    """What stands between the use cases and the PACS.

    `factories` make clients of PACS that are to be validated, `probes` of hosts that nobody knows yet. `doubts` learns
    what is wrong with what they send.
    """

    clients: PacsClients
    doubts: StudyDoubts
    factories: Mapping[str, PacsFactory]
    probes: Mapping[str, PacsFactory]
    guard: PacsGuard
    tracker: FailoverTracker
    sightings: CertificateSightings
    dicom_port: int


async def open_pacs_side(
    stack: AsyncExitStack,
    settings: Settings,
    installation: Installation,
    overrides: Mapping[str, PacsFactory],
    refused: RefusedBytes,
    clock: Clock,
    telemetry: PrometheusTelemetry,
) -> PacsSide:
    """Open the storage SCP; PACS are connected to when they are first used. `overrides` stand in for kinds of PACS.

    What they send and is not taken goes to `refused`.

    Raises:
        ConfigurationError: a port of the storage SCP, or its certificate, is not usable.
    """
    scp = await _open_storage_scp(stack, settings, telemetry)
    sightings, secrets = CertificateSightings(), installation.secrets
    factories = {**pacs_factories(settings, lambda: scp, lambda: telemetry, secrets, sightings.saw), **overrides}
    probes = {**pacs_factories(impatient(settings), lambda: scp, lambda: telemetry, secrets), **overrides}
    guard = PacsGuard(settings.pacs, clock, telemetry)
    tracker = FailoverTracker(installation.failover, clock, telemetry)
    stack.push_async_callback(tracker.close)
    doubts = StudyDoubts(telemetry, quarantine=refused)
    clients = PacsClients(installation.pacs, factories, guard.wrap, tracker, doubts)
    stack.push_async_callback(clients.close)
    return PacsSide(clients, doubts, factories, probes, guard, tracker, sightings, scp.port)


async def _open_storage_scp(stack: AsyncExitStack, settings: Settings, telemetry: PrometheusTelemetry) -> StorageScp:
    """The ports to which PACS send what C-MOVE asked for."""
    scp = StorageScp(
        settings.dicom_aet,
        host=settings.dicom_host or settings.host,
        port=settings.dicom_port,
        settings=settings.dimse,
        tls_port=settings.dicom_tls_port,
        on_refusal=telemetry.association_refused,
    )
    await scp.start()
    stack.push_async_callback(scp.close)
    return scp
