"""The PACS as a running server reaches them, and what asks them."""

from collections.abc import Mapping
from dataclasses import dataclass

from radgate_server.adapters.pacs.dimse import StorageScp
from radgate_server.app.foundation import Foundation
from radgate_server.core.pacs.ports import PacsFactory
from radgate_server.core.quarantine.ports import RefusedBytes
from radgate_server.installation.opening import pacs_factories
from radgate_server.services.administration.detection import impatient
from radgate_server.services.cache.study_states import StudyStates
from radgate_server.services.imaging.pictures.ordered_contents import OrderedContents
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.pacs.failover.tracker import FailoverTracker
from radgate_server.services.pacs.resilience import PacsGuard
from radgate_server.services.query.fan_out import AskLimits
from radgate_server.services.query.known_studies import KnownStudies
from radgate_server.services.query.search import QueryService, RememberLimits
from radgate_server.services.query.study_facts import StudyFactsReader
from radgate_server.services.retrieve.instance_locator import InstanceLocator
from radgate_server.services.retrieve.listing import StudyLister
from radgate_server.services.retrieve.study_doubts import StudyDoubts
from radgate_server.services.servers.membership import Membership
from radgate_server.services.telemetry.certificates import ObservedCertificates


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
    observed_certificates: ObservedCertificates
    dicom_port: int


async def open_pacs_side(
    base: Foundation, overrides: Mapping[str, PacsFactory], refused: RefusedBytes, membership: Membership
) -> PacsSide:
    """Open the storage SCP; PACS are connected to when they are first used. `overrides` stand in for kinds of PACS.

    What they send and is not taken goes to `refused`. Their limits are shared with the other servers.

    Raises:
        ConfigurationError: a port of the storage SCP, or its certificate, is not usable.
    """
    settings, telemetry, installation = base.settings, base.telemetry, base.installation
    scp = await _open_storage_scp(base)
    observed_certificates, reader = ObservedCertificates(), installation.secrets.reader
    factories = {
        **pacs_factories(settings, lambda: scp, lambda: telemetry, reader, observed_certificates.observe),
        **overrides,
    }
    probes = {**pacs_factories(impatient(settings), lambda: scp, lambda: telemetry, reader), **overrides}
    guard = PacsGuard(settings.pacs, base.clock, telemetry)
    membership.subscribe(guard.share)
    tracker = FailoverTracker(installation.directories.failover, base.clock, telemetry)
    base.stack.push_async_callback(tracker.close)
    doubts = StudyDoubts(telemetry, quarantine=refused)
    clients = PacsClients(installation.directories.pacs, factories, guard.wrap, tracker, doubts)
    base.stack.push_async_callback(clients.close)
    dicom_port = scp.port if settings.dicom_listens else 0
    return PacsSide(clients, doubts, factories, probes, guard, tracker, observed_certificates, dicom_port)


async def _open_storage_scp(base: Foundation) -> StorageScp:
    """The ports to which PACS send what C-MOVE asked for; it is not started where another server listens."""
    settings = base.settings
    scp = StorageScp(
        settings.dicom_aet,
        host=settings.dicom_host or settings.host,
        port=settings.dicom_port,
        settings=settings.dimse,
        tls_port=settings.dicom_tls_port,
        on_refusal=base.telemetry.association_refused,
    )
    if settings.dicom_listens:
        await base.run_slow(scp)
    return scp


@dataclass(frozen=True, slots=True)
class PacsQueries:
    """Each asks on its own, and remembers the answers for a while."""

    query: QueryService
    lister: StudyLister
    facts: StudyFactsReader
    studies: KnownStudies
    places: InstanceLocator
    ordered_contents: OrderedContents
    states: StudyStates


def build_pacs_queries(base: Foundation, clients: PacsClients, studies: KnownStudies) -> PacsQueries:
    """Put it together."""
    settings, clock = base.settings, base.clock
    cache, deadline_s = settings.cache, settings.pacs.query_deadline_s
    listed = AskLimits(settings.retrieve.max_listed_instances, deadline_s)
    states = StudyStates(clock, max_age_s=cache.revalidate_after_s)
    places = InstanceLocator(clients, deadline_s=deadline_s)
    query = QueryService(
        clients,
        AskLimits(settings.retrieve.max_results, deadline_s),
        RememberLimits(cache.query_ttl_s, cache.paging_ttl_s),
        clock,
        studies,
        states.compare,
        places.syntax_of,
    )
    return PacsQueries(
        query,
        StudyLister(clients, listed, ttl_s=cache.listing_ttl_s, route_ttl_s=cache.route_ttl_s, clock=clock),
        StudyFactsReader(clients, listed, ttl_s=settings.auth.study_facts_ttl_s, clock=clock),
        studies,
        places,
        OrderedContents(query),
        states,
    )
