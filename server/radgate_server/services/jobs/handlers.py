"""The kinds of jobs, and what each does to an instance. Results lie in the caches; the jobs give nothing back."""

from collections.abc import Awaitable, Callable, Mapping

from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import Priority
from radgate_server.core.jobs.job import JobKind, JobRequest
from radgate_server.core.jobs.ports import JobHandler, Report
from radgate_server.services.imaging.pictures.thumbnails import MakeThumbnail
from radgate_server.services.jobs.instances import for_each_instance
from radgate_server.services.retrieve.retrieval import RetrieveService

_TRANSFER_SYNTAX_UID = "transfer_syntax_uid"
_QUALITY = "quality"

type Transcode = Callable[[str, InstanceHandle, EncodeTarget, Priority], Awaitable[object]]
"""`Transcoder.instance`: a tenant's instance, what it is to become, how urgently."""


def job_handlers(
    retrieve: RetrieveService, transcode: Transcode, make_thumbnail: MakeThumbnail
) -> Mapping[JobKind, JobHandler]:
    """One row a kind."""

    async def transcode_study(request: JobRequest, report: Report) -> None:
        target = target_of(request.parameters)

        async def work(handle: InstanceHandle) -> None:
            if handle.transfer_syntax_uid != target.transfer_syntax_uid:  # else it is given as stored
                await transcode(request.tenant_id, handle, target, Priority.WARMING)

        await for_each_instance(retrieve, request, report, work)

    async def thumbnails(request: JobRequest, report: Report) -> None:
        async def work(handle: InstanceHandle) -> None:
            await make_thumbnail(request.tenant_id, handle, Priority.WARMING)

        await for_each_instance(retrieve, request, report, work)

    return {JobKind.TRANSCODE_STUDY: transcode_study, JobKind.MAKE_THUMBNAILS: thumbnails}


def parameters_of(target: EncodeTarget) -> dict[str, str]:
    """What a job of the kind TRANSCODE_STUDY keeps of its target."""
    return {_TRANSFER_SYNTAX_UID: target.transfer_syntax_uid, _QUALITY: str(target.quality)}


def target_of(parameters: Mapping[str, str]) -> EncodeTarget:
    """The target again."""
    return EncodeTarget(parameters[_TRANSFER_SYNTAX_UID], quality=int(parameters[_QUALITY]))
