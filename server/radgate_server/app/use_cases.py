"""The use cases of a running server, each with what it stands on."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass

from radgate_server.adapters.imaging.workers.terms import number_of_workers
from radgate_server.adapters.queue import MemoryJobQueue
from radgate_server.adapters.spool import DiskSpool
from radgate_server.adapters.telemetry import PrometheusTelemetry
from radgate_server.app.entrance import build_authenticator
from radgate_server.app.tiers import Tiers
from radgate_server.config import MIB, ImagingSettings, Settings
from radgate_server.core.jobs import JobKind
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.imaging import FrameWorkers
from radgate_server.core.ports.queue import JobHandler, JobQueue
from radgate_server.installation import (
    Installation,
)
from radgate_server.services.arrivals import AnnouncingStore, ArrivalListener
from radgate_server.services.asking import AskLimits
from radgate_server.services.audited_streams import StreamLog
from radgate_server.services.auditing import Auditor
from radgate_server.services.authenticate import Authenticator
from radgate_server.services.caller_search import CallerSearch
from radgate_server.services.fetch import FetchLimits
from radgate_server.services.imaging.background_thumbnails import BackgroundThumbnails
from radgate_server.services.imaging.derived_instances import DerivedInstances
from radgate_server.services.imaging.frame_streams import FrameStreams
from radgate_server.services.imaging.loose import LooseImages
from radgate_server.services.imaging.numbered import Numbered
from radgate_server.services.imaging.pictures import Pictures, build_pictures
from radgate_server.services.imaging.representative import Representatives
from radgate_server.services.imaging.transcode import Transcoder
from radgate_server.services.imaging.uploads import UploadTranscoder
from radgate_server.services.instances import InstanceReader
from radgate_server.services.jobs.handlers import job_handlers
from radgate_server.services.known_studies import KnownStudies
from radgate_server.services.listing import StudyLister
from radgate_server.services.pacs_clients import PacsClients
from radgate_server.services.places import InstancePlaces
from radgate_server.services.query import QueryService, RememberLimits
from radgate_server.services.refusals import RefusalLog
from radgate_server.services.restrictions import Restrictions
from radgate_server.services.retrieve import RetrieveService
from radgate_server.services.store import StoreService
from radgate_server.services.study_facts import StudyFactsReader
from radgate_server.services.tenant_caches import TenantCaches
from radgate_server.services.watching import NewsDesk

INDEX_THREADS = 2
TRANSCODING_MEMORY_BYTES = 256 * MIB  # for frames that are put together to instances; large instances use the disk
DERIVED_INSTANCE_BYTES = 64 * MIB  # larger transcoded instances are not kept


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases."""

    authenticator: Authenticator
    auditor: Auditor
    query: QueryService
    search: CallerSearch
    restrictions: Restrictions
    facts: StudyFactsReader
    lister: StudyLister
    studies: KnownStudies
    retrieve: RetrieveService
    instances: InstanceReader
    pictures: Pictures
    transcoder: Transcoder
    streams: FrameStreams
    uploads: UploadTranscoder
    jobs: JobQueue
    refusals: RefusalLog
    sent: StreamLog
    news: NewsDesk


def build_services(
    stack: AsyncExitStack,
    settings: Settings,
    installation: Installation,
    tiers: Tiers,
    workers: FrameWorkers,
    clients: PacsClients,
    clock: Clock,
    telemetry: PrometheusTelemetry,
) -> Services:
    """Put the use cases together, from the inside outwards."""
    cache, limits = settings.cache, settings.retrieve
    deadline_s = settings.pacs.query_deadline_s
    studies = KnownStudies()
    query = QueryService(
        clients,
        AskLimits(limits.max_results, deadline_s),
        RememberLimits(cache.query_ttl_s, cache.paging_ttl_s),
        clock,
        studies,
    )
    lister = StudyLister(
        clients,
        AskLimits(limits.max_listed_instances, deadline_s),
        ttl_s=cache.listing_ttl_s,
        route_ttl_s=cache.route_ttl_s,
        clock=clock,
    )
    executor = ThreadPoolExecutor(INDEX_THREADS, thread_name_prefix="index")
    stack.callback(executor.shutdown)
    instances = InstanceReader(tiers.store, executor)
    numbered = Numbered(query)
    places = InstancePlaces(clients, deadline_s=deadline_s)
    pictures = build_pictures(
        instances,
        workers,
        tiers.derived,
        Representatives(numbered, lister),
        places,
        max_pixels=settings.imaging.max_rendered_pixels,
    )
    store = AnnouncingStore(tiers.store, _arrival_listeners(stack, settings, tiers, pictures))
    retrieve = RetrieveService(lister, store, FetchLimits(limits.window_bytes, limits.stall_s), studies)
    stack.push_async_callback(retrieve.close)
    spool = DiskSpool(settings.data_dir / "spool", memory_bytes=TRANSCODING_MEMORY_BYTES).open()
    parallel = number_of_workers(settings.imaging)
    kept = DerivedInstances(tiers.derived, max_bytes=DERIVED_INSTANCE_BYTES)
    transcoder = Transcoder(instances, pictures.frames, workers, spool, kept, parallel=parallel)
    loose = LooseImages(executor, workers, spool, parallel=parallel, max_pixels=settings.imaging.max_rendered_pixels)
    handlers = job_handlers(retrieve, transcoder.instance, pictures.thumbnails.make)
    auditor = Auditor(installation.audit, clock, studies)
    sent = StreamLog(auditor)
    stack.push_async_callback(sent.close)
    listed = AskLimits(limits.max_listed_instances, deadline_s)
    facts = StudyFactsReader(clients, listed, ttl_s=settings.auth.study_facts_ttl_s, clock=clock)
    restrictions = Restrictions(facts, places, auditor, clock)
    return Services(
        authenticator=build_authenticator(stack, settings.auth, installation, clock),
        auditor=auditor,
        query=query,
        search=CallerSearch(query, restrictions),
        restrictions=restrictions,
        facts=facts,
        lister=lister,
        studies=studies,
        retrieve=retrieve,
        instances=instances,
        pictures=pictures,
        transcoder=transcoder,
        streams=FrameStreams(lister, numbered, retrieve, pictures.frames, transcoder, ahead=2 * parallel),
        uploads=UploadTranscoder(loose, spool, auditor, max_instance_bytes=settings.store.max_instance_bytes),
        jobs=_open_jobs(stack, settings.imaging, handlers, clock, telemetry),
        refusals=_open_refusals(stack, installation, clock),
        sent=sent,
        news=NewsDesk(),
    )


def _open_refusals(stack: AsyncExitStack, installation: Installation, clock: Clock) -> RefusalLog:
    refusals = RefusalLog(installation.audit, clock)
    refusals.start()
    stack.push_async_callback(refusals.close)
    return refusals


def _open_jobs(
    stack: AsyncExitStack,
    limits: ImagingSettings,
    handlers: Mapping[JobKind, JobHandler],
    clock: Clock,
    telemetry: PrometheusTelemetry,
) -> JobQueue:
    jobs = MemoryJobQueue(
        handlers,
        clock,
        max_running=limits.max_running_jobs,
        max_waiting=limits.max_waiting_jobs,
        ended=lambda job: telemetry.job_ended(job.request.kind.value, job.state.value),
    )
    stack.push_async_callback(jobs.close)
    telemetry.watch_jobs(jobs.load)
    return jobs


def _arrival_listeners(
    stack: AsyncExitStack, settings: Settings, tiers: Tiers, pictures: Pictures
) -> Sequence[ArrivalListener]:
    """Who is told of each instance that a PACS delivers."""
    if not settings.imaging.background_thumbnails:
        return (pictures.places.remember,)
    background = BackgroundThumbnails(tiers.store, pictures.thumbnails.make)
    background.start()
    stack.push_async_callback(background.close)
    return (pictures.places.remember, background.offer)


def build_store(
    stack: AsyncExitStack, settings: Settings, clients: PacsClients, auditor: Auditor, caches: TenantCaches
) -> StoreService:
    """Storing, with its own spool."""
    limits = settings.store
    store = StoreService(
        clients,
        DiskSpool(settings.data_dir / "spool", memory_bytes=limits.memory_bytes).open(),
        auditor,
        caches,
        max_instance_bytes=limits.max_instance_bytes,
        parallel=limits.parallel,
    )
    stack.push_async_callback(store.close)
    return store
