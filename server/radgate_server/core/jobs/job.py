"""Work that continues after the call that asked for it: its states, and what is reported of it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from radgate_server.core import errors
from radgate_server.core.errors import GatewayError, reason_of

RETRY_DELAYS_S = (2.0, 10.0, 60.0)
"""Seconds until a job that a fault of the server cut short is begun again; after the last attempt it has failed."""

MAX_ATTEMPTS = 1 + len(RETRY_DELAYS_S)


class JobKind(StrEnum):
    """What a job does."""

    TRANSCODE_STUDY = "transcode-study"
    MAKE_THUMBNAILS = "make-thumbnails"
    PREFETCH_STUDIES = "prefetch-studies"


class JobClass(StrEnum):
    """How urgent a job is, most urgent first: those of one class are begun before those of the next."""

    INTERACTIVE = "interactive"
    """Somebody waits for it."""
    NORMAL = "normal"
    BACKGROUND = "background"
    """Nobody waits for it. It gets a part of the slots only."""


def places_for(job_class: JobClass, max_waiting: int) -> int:
    """How many jobs of a tenant may wait before one of this class is refused, of so many places in all.

    Those that nobody waits for leave half of the places to others.
    """
    return (max_waiting + 1) // 2 if job_class is JobClass.BACKGROUND else max_waiting


PROMOTED_AFTER_S = 1800.0
"""A job that has been due for so long is taken for one of the next higher class, so that no class starves."""


class JobState(StrEnum):
    """Where a job is. The last three are final."""

    WAITING = "waiting"
    PAUSED = "paused"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What is to be done. `request_id` makes asking twice the same as asking once; `parameters` are the kind's own.

    `traceparent` names the call that asked and says whether that is recorded, "" without a call
    (core/telemetry/tracing.py).
    """

    tenant_id: str
    kind: JobKind
    study_instance_uid: str
    series_instance_uid: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    request_id: str = ""
    traceparent: str = ""
    job_class: JobClass = JobClass.NORMAL


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far it is, in instances. `total` is 0 until it is known, of a prefetch what was listed so far.

    `fetched_bytes` is what a prefetch has fetched.
    """

    done: int = 0
    failed: int = 0
    total: int = 0
    fetched_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stands. `reason` and `message` say why it failed; `failures` counts reasons of instances."""

    job_id: str
    request: JobRequest
    state: JobState
    progress: JobProgress
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    attempts: int = 0
    reason: str = ""
    message: str = ""
    failures: dict[str, int] = field(default_factory=dict)


class QueueLoad(NamedTuple):
    """What a queue has to do; `oldest_s` is how long ago that job was asked which waits the longest, 0 for none.

    `due` of the waiting may begin now; `overdue` of the running were left by their process; those `paused` do not wait.
    """

    waiting: int
    running: int
    oldest_s: float
    due: int = 0
    overdue: int = 0
    paused: int = 0


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job, or one instance of it, failed: a name of ErrorReason without its prefix, and the same in words.

    Of a `defect`, the words hold nothing that the error says.
    """

    reason: str
    message: str
    defect: bool = False


_OF_THE_INPUT = (
    errors.InvalidArgumentError,
    errors.NotAcceptableError,
    errors.ObjectNotFoundError,
    errors.ObjectRejectedError,
    errors.ResourceNotFoundError,
    errors.NoPacsConfiguredError,
    errors.PacsCannotError,
    errors.InstanceMalformedError,
    errors.ImageTooLargeError,
)
_INWARD = (errors.StorageFullError, errors.CorruptEntryError, errors.ConfigurationError, errors.NotDeliveredError)
LEFT_TOO_OFTEN = JobFailure(
    "INTERNAL", "each server that ran it stopped before the job had ended; the servers' logs say why", defect=True
)
_DEFECT = JobFailure("INTERNAL", "an internal error; the server's log has it under the job's name", defect=True)


def is_of_the_input(error: BaseException) -> bool:
    """Whether the same job would fail in the same way at any other time."""
    return isinstance(error, _OF_THE_INPUT)


def describe_failure(error: BaseException) -> JobFailure:
    """The error as the job reports it; what is not foreseen is a defect."""
    if not isinstance(error, GatewayError) or isinstance(error, _INWARD):
        return _DEFECT
    return JobFailure(reason_of(error), error.message)
