"""The use cases of a running server, each with what it stands on."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from radgate_server.adapters.imaging.workers import ImageWorkers
from radgate_server.adapters.imaging.workers.worker_policy import number_of_workers
from radgate_server.app.foundation import Foundation, Tiers, open_spool
from radgate_server.app.jobs import open_jobs
from radgate_server.app.pacs import PacsQueries, PacsSide, build_pacs_queries
from radgate_server.app.prefetch import build_prefetcher, open_prefetch_events
from radgate_server.core.imaging.ports import FrameWorkers, Priority
from radgate_server.core.jobs.job import JobKind
from radgate_server.core.jobs.ports import JobQueue
from radgate_server.services.access.authentication import Authenticator
from radgate_server.services.access.caller_search import CallerSearch
from radgate_server.services.access.refusals import RefusalLog
from radgate_server.services.access.restrictions import Restrictions
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.audit.streams import StreamLog
from radgate_server.services.cache.access_recorder import AccessRecorder
from radgate_server.services.cache.invalidation import SharedInvalidation
from radgate_server.services.cache.study_states import StudyStates
from radgate_server.services.cache.watching import StudyChangePublisher
from radgate_server.services.imaging.derived_instances import DerivedInstances
from radgate_server.services.imaging.frame_budget import BUDGET_BYTES, FrameBudget
from radgate_server.services.imaging.pictures.background_thumbnails import BackgroundThumbnails
from radgate_server.services.imaging.pictures.representative import Representatives
from radgate_server.services.imaging.pictures.toolset import Pictures, build_pictures
from radgate_server.services.imaging.standalone import StandaloneImages
from radgate_server.services.imaging.streaming.open_views import OpenViews
from radgate_server.services.imaging.streaming.opening import FrameStreams
from radgate_server.services.imaging.streaming.previews import Previews
from radgate_server.services.imaging.transcode import Transcoder
from radgate_server.services.imaging.uploads import UploadTranscoder
from radgate_server.services.jobs.handlers import job_handlers
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.prefetch.administration import PrefetchAdmin
from radgate_server.services.prefetch.events import PrefetchEvents
from radgate_server.services.query.known_studies import KnownStudies
from radgate_server.services.query.search import QueryService
from radgate_server.services.query.study_facts import StudyFactsReader
from radgate_server.services.repeating import Sleep
from radgate_server.services.retrieve.arrivals import AnnouncingStore, ArrivalListener
from radgate_server.services.retrieve.fetch import FetchLimits
from radgate_server.services.retrieve.instance_locator import InstanceLocator
from radgate_server.services.retrieve.instances import InstanceReader
from radgate_server.services.retrieve.listing import StudyLister
from radgate_server.services.retrieve.retrieval import RetrieveService
from radgate_server.services.retrieve.study_doubts import RefusedInstances, StudyDoubts
from radgate_server.services.store.storage import StoreService
from radgate_server.settings.shared.table import MIB

INDEX_THREADS = 2
TRANSCODING_MEMORY_BYTES = 256 * MIB  # for frames that are put together to instances; large instances use the disk
BUDGET_BYTES_PER_WORKER = 64 * MIB  # of stored frames that wait, so that no worker does
DERIVED_INSTANCE_BYTES = 64 * MIB  # larger transcoded instances are not kept


async def open_workers(base: Foundation) -> ImageWorkers:
    """The pool of image workers; they start meanwhile, so that the first image need not wait for them."""
    workers, telemetry = ImageWorkers(base.settings.imaging, base.telemetry), base.telemetry
    base.stack.push_async_callback(workers.close)
    await workers.start()
    telemetry.watch_image_workers(lambda: workers.ready)
    for priority in Priority:
        waiting, oldest_s = partial(workers.waiting, priority), partial(workers.oldest_waiting_s, priority)
        telemetry.watch_image_queue(priority.name.lower(), waiting, oldest_s)
    base.readiness.add("image-workers", partial(_workers_problem, workers))
    return workers


async def _workers_problem(workers: ImageWorkers) -> str:
    return "" if workers.ready else "no worker for images runs; the server's log says why"


@dataclass(frozen=True, slots=True)
class Images:
    """Of cached instances, and of those that clients send."""

    instances: InstanceReader
    pictures: Pictures
    transcoder: Transcoder
    uploads: UploadTranscoder


def build_images(
    base: Foundation, tiers: Tiers, workers: FrameWorkers, queries: PacsQueries, auditor: Auditor
) -> Images:
    """Put it together."""
    settings = base.settings
    executor = ThreadPoolExecutor(INDEX_THREADS, thread_name_prefix="index")
    base.stack.callback(executor.shutdown)
    instances = InstanceReader(tiers.store, executor, queries.places.learn)
    max_pixels = settings.imaging.max_rendered_pixels
    parallel = number_of_workers(settings.imaging)
    room = FrameBudget(max(BUDGET_BYTES, parallel * BUDGET_BYTES_PER_WORKER), settings.imaging.max_waiting)
    pictures = build_pictures(
        instances,
        workers,
        tiers.derived,
        Representatives(queries.ordered_contents, queries.lister),
        queries.places,
        max_pixels=max_pixels,
        room=room,
    )
    spool = open_spool(settings, TRANSCODING_MEMORY_BYTES)
    kept = DerivedInstances(tiers.derived, max_bytes=DERIVED_INSTANCE_BYTES)
    standalone_images = StandaloneImages(executor, workers, spool, parallel=parallel, max_pixels=max_pixels, room=room)
    return Images(
        instances,
        pictures,
        Transcoder(instances, pictures.frames, workers, spool, kept, parallel=parallel),
        UploadTranscoder(standalone_images, spool, auditor, max_instance_bytes=settings.store.max_instance_bytes),
    )


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
    doubts: StudyDoubts
    states: StudyStates
    places: InstanceLocator
    retrieve: RetrieveService
    instances: InstanceReader
    pictures: Pictures
    transcoder: Transcoder
    streams: FrameStreams
    uploads: UploadTranscoder
    jobs: JobQueue
    prefetch: PrefetchAdmin
    prefetch_events: PrefetchEvents
    refusals: RefusalLog
    sent: StreamLog
    accesses: AccessRecorder
    study_changes: StudyChangePublisher


def build_services(
    base: Foundation,
    tiers: Tiers,
    workers: FrameWorkers,
    pacs: PacsSide,
    authenticator: Authenticator,
    views: OpenViews,
    *,
    job_sleep: Sleep = asyncio.sleep,
) -> Services:
    """Put the use cases together, from the inside outwards. `job_sleep` stands in for the real one."""
    settings, clock, doubts = base.settings, base.clock, pacs.doubts
    queries = build_pacs_queries(base, pacs.clients, doubts.studies)
    auditor = Auditor(base.installation.audit.sink, clock, queries.studies)
    images = build_images(base, tiers, workers, queries, auditor)
    pictures, transcoder = images.pictures, images.transcoder
    store = AnnouncingStore(tiers.store, _arrival_listeners(base, tiers, pictures))
    fetching = FetchLimits(settings.retrieve.window_bytes, settings.retrieve.stall_s)
    retrieve = RetrieveService(queries.lister, store, fetching, doubts, RefusedInstances(clock))
    base.stack.push_async_callback(retrieve.close)
    sent = StreamLog(auditor)
    base.stack.push_async_callback(sent.close)
    refusals = RefusalLog(base.installation.audit.sink, clock)
    base.run(refusals)
    restrictions = Restrictions(queries.facts, queries.places, auditor, clock, doubts)
    kinds = job_handlers(retrieve, transcoder.instance, pictures.thumbnails.make)
    prefetching = {JobKind.PREFETCH_STUDIES: build_prefetcher(base, retrieve).run}
    jobs = open_jobs(base, {**kinds, **prefetching}, job_sleep)
    prefetch = PrefetchAdmin(jobs, base.installation.directories.prefetched, auditor)
    return Services(
        authenticator=authenticator,
        auditor=auditor,
        query=queries.query,
        search=CallerSearch(queries.query, restrictions),
        restrictions=restrictions,
        facts=queries.facts,
        lister=queries.lister,
        studies=queries.studies,
        doubts=doubts,
        states=queries.states,
        places=queries.places,
        retrieve=retrieve,
        instances=images.instances,
        pictures=pictures,
        transcoder=transcoder,
        streams=_frame_streams(base, queries, retrieve, images, workers, views),
        uploads=images.uploads,
        jobs=jobs,
        prefetch=prefetch,
        prefetch_events=open_prefetch_events(base, pacs.clients, prefetch, job_sleep),
        refusals=refusals,
        sent=sent,
        accesses=_open_accesses(base, queries.studies),
        study_changes=StudyChangePublisher(),
    )


def _frame_streams(
    base: Foundation,
    queries: PacsQueries,
    retrieve: RetrieveService,
    images: Images,
    workers: FrameWorkers,
    views: OpenViews,
) -> FrameStreams:
    """What streams the frames of a view, prepared ahead by twice as many as there are workers."""
    frames = images.pictures.frames
    previews, ahead = Previews(frames, workers), 2 * number_of_workers(base.settings.imaging)
    lister, contents = queries.lister, queries.ordered_contents
    return FrameStreams(lister, contents, retrieve, frames, images.transcoder, previews, views, ahead=ahead)


def _open_accesses(base: Foundation, studies: KnownStudies) -> AccessRecorder:
    """What counts accesses to studies, and keeps a history of them unless the settings want none."""
    cache, installation = base.settings.cache, base.installation
    recorder = AccessRecorder(
        installation.directories.accesses,
        studies.of_study,
        installation.secrets.box,
        base.clock,
        base.telemetry,
        days=cache.access_history_days,
        interval_s=cache.access_history_interval_s,
    )
    base.run(recorder)
    return recorder


def _arrival_listeners(base: Foundation, tiers: Tiers, pictures: Pictures) -> Sequence[ArrivalListener]:
    """Who is notified of each instance that a PACS delivers."""
    if not base.settings.imaging.background_thumbnails:
        return (pictures.places.learn,)
    background = BackgroundThumbnails(tiers.store, pictures.thumbnails.make)
    base.run(background)
    return (pictures.places.learn, background.offer)


def build_store(base: Foundation, clients: PacsClients, auditor: Auditor, caches: SharedInvalidation) -> StoreService:
    """Storing, with its own spool."""
    limits = base.settings.store
    store = StoreService(
        clients,
        open_spool(base.settings, limits.memory_bytes),
        auditor,
        caches,
        max_instance_bytes=limits.max_instance_bytes,
        parallel=limits.parallel,
    )
    base.stack.push_async_callback(store.close)
    return store
