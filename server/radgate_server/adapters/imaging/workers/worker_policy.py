"""What a worker may use, and when it is replaced, made of the settings."""

import os
from dataclasses import dataclass

from radgate_server.adapters.imaging.worker.confinement import Limits
from radgate_server.settings.imaging import ImagingSettings
from radgate_server.settings.shared.table import MIB

RECYCLED_AFTER_JOBS = 100_000
RESIDENT_BYTES = 384 * MIB
_ANSWER_SLACK_BYTES = 64 * MIB
_BYTES_PER_RENDERED_PIXEL = 4


@dataclass(frozen=True, slots=True)
class WorkerPolicy:
    """What one worker may take, and when it has to make room for a fresh one.

    `resident_bytes` is what it may hold between two rounds, `jobs` how many jobs it may do in all.
    """

    limits: Limits
    job_timeout_s: float
    resident_bytes: int
    jobs: int


def worker_policy(settings: ImagingSettings) -> WorkerPolicy:
    """The policy that the settings ask for.

    A result may be twice as large as what is allowed for a decoded frame or a picture: encoders that find nothing to
    save write more than they read.
    """
    largest = max(settings.max_frame_bytes, settings.max_rendered_pixels * _BYTES_PER_RENDERED_PIXEL)
    return WorkerPolicy(
        limits=Limits(settings.worker_memory_bytes, 2 * largest + _ANSWER_SLACK_BYTES),
        job_timeout_s=settings.job_timeout_s,
        resident_bytes=min(RESIDENT_BYTES, settings.worker_memory_bytes // 2),
        jobs=RECYCLED_AFTER_JOBS,
    )


def number_of_workers(settings: ImagingSettings) -> int:
    """As many as the operator says, or else as there are processors that this process may use."""
    return settings.workers or len(os.sched_getaffinity(0))
