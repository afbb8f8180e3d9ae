"""What asks the PACS of a running server: for matches, lists of instances, and what else is known of studies."""

from dataclasses import dataclass

from radgate_server.lib.clock import Clock
from radgate_server.services.cache.study_states import StudyStates
from radgate_server.services.imaging.pictures.numbered import Numbered
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.query.fan_out import AskLimits
from radgate_server.services.query.known_studies import KnownStudies
from radgate_server.services.query.search import QueryService, RememberLimits
from radgate_server.services.query.study_facts import StudyFactsReader
from radgate_server.services.retrieve.instance_locator import InstancePlaces
from radgate_server.services.retrieve.listing import StudyLister
from radgate_server.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class Asking:
    """Each asks on its own, and remembers the answers for a while."""

    query: QueryService
    lister: StudyLister
    facts: StudyFactsReader
    studies: KnownStudies
    places: InstancePlaces
    numbered: Numbered
    states: StudyStates


def build_asking(settings: Settings, clients: PacsClients, studies: KnownStudies, clock: Clock) -> Asking:
    """Put it together."""
    cache, deadline_s = settings.cache, settings.pacs.query_deadline_s
    listed = AskLimits(settings.retrieve.max_listed_instances, deadline_s)
    states = StudyStates(clock, max_age_s=cache.revalidate_after_s)
    places = InstancePlaces(clients, deadline_s=deadline_s)
    query = QueryService(
        clients,
        AskLimits(settings.retrieve.max_results, deadline_s),
        RememberLimits(cache.query_ttl_s, cache.paging_ttl_s),
        clock,
        studies,
        states.compare,
        places.syntax_of,
    )
    return Asking(
        query,
        StudyLister(clients, listed, ttl_s=cache.listing_ttl_s, route_ttl_s=cache.route_ttl_s, clock=clock),
        StudyFactsReader(clients, listed, ttl_s=settings.auth.study_facts_ttl_s, clock=clock),
        studies,
        places,
        Numbered(query),
        states,
    )
