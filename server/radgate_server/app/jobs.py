"""The queue of jobs of a running server."""

from collections.abc import Mapping

from radgate_server.adapters.jobs.nats import NatsAccess, NatsJobNotices, StreamSetup, open_nats_notices
from radgate_server.app.foundation import Foundation
from radgate_server.core.jobs.job import JobKind
from radgate_server.core.jobs.ports import JobHandler, JobQueue
from radgate_server.services.jobs.queue import JobLimits, StoredJobQueue
from radgate_server.services.jobs.traced import traced
from radgate_server.services.repeating import Sleep


def open_jobs(base: Foundation, handlers: Mapping[JobKind, JobHandler], sleep: Sleep) -> JobQueue:
    """Begin to run jobs, woken by NATS where it is configured.

    Raises:
        ConfigurationError: what NATS needs is not installed, or a file is not usable.
    """
    limits, telemetry = base.settings.imaging, base.telemetry
    jobs = StoredJobQueue(
        base.installation.directories.jobs,
        handlers if base.tracer is None else traced(handlers, base.tracer),
        JobLimits(limits.max_running_jobs, limits.max_waiting_jobs, limits.max_background_jobs),
        ended=lambda job: telemetry.job_ended(job.request.kind.value, job.state.value),
        notices=_open_notices(base),
        poll_interval_s=base.settings.jobs.nats.poll_interval_s,
        sleep=sleep,
    )
    base.stack.push_async_callback(jobs.close)
    jobs.start()
    telemetry.watch_jobs(jobs.load)
    return jobs


def _open_notices(base: Foundation) -> NatsJobNotices | None:
    nats = base.settings.jobs.nats
    url = nats.url.get_secret_value()
    if not url:
        return None
    access = NatsAccess(
        url=url,
        credentials_file=nats.credentials_file,
        ca_file=nats.ca_file,
        certificate_file=nats.certificate_file,
        key_file=nats.key_file,
    )
    notices = open_nats_notices(access, StreamSetup(nats.stream, nats.replicas), base.telemetry.job_notice)
    base.stack.push_async_callback(notices.close)
    notices.start()
    base.readiness.add("nats", notices.problem, advisory=True)
    return notices
