"""How each rpc names a thing, with names of things put in."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from google.api.field_behavior_pb2 import IDENTIFIER, REQUIRED
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from radgate.dicomweb.v1 import dicomweb_service_pb2 as web
from radgate.v1 import admin_service_pb2 as admin
from radgate.v1 import audit_service_pb2 as audit
from radgate.v1 import dicom_pb2 as dicom
from radgate.v1 import job_service_pb2 as jobs
from radgate.v1 import prefetch_service_pb2 as prefetch
from radgate.v1 import quarantine_service_pb2 as quarantine
from radgate.v1 import query_service_pb2 as query
from radgate.v1 import retention_service_pb2 as retention
from radgate.v1 import retrieve_service_pb2 as retrieve
from radgate.v1 import transcode_service_pb2 as transcode
from radgate_server.rpc.access.required_fields import behaviors

NO_ID = ""


class Ids(NamedTuple):
    """Names of things of one kind of owner. Those of different owners are of equal length, so that answers compare."""

    study: str
    key: str = NO_ID
    pacs: str = NO_ID
    job: str = NO_ID
    entry: str = NO_ID


def _frames(ids: Ids) -> Any:
    return web.RetrieveFramesRequest(**_path(ids), frames="1")


def _path(ids: Ids) -> dict[str, str]:
    return {"study": ids.study, "series": f"{ids.study}.1", "instance": f"{ids.study}.1.1"}


def _uids(ids: Ids) -> dict[str, str]:
    study, series, sop = _path(ids).values()
    return {"study_instance_uid": study, "series_instance_uid": series, "sop_instance_uid": sop}


def _of_study(ids: Ids) -> Any:
    return retrieve.RetrieveInstancesRequest(study_instance_uid=ids.study)


REQUESTS_OF: Mapping[str, Any] = {
    f"{service.full_name}/{method.name}": GetMessageClass(method.input_type)
    for module in (admin, audit, jobs, prefetch, quarantine, query, retention, retrieve, transcode, web)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
"""The class of each rpc's request."""

_WEB = "radgate.dicomweb.v1.DicomWebService/"
_V1 = "radgate.v1."
REQUESTS: Mapping[str, Callable[[Ids], Any]] = {
    _V1 + "QueryService/SearchStudies": lambda ids: query.SearchStudiesRequest(
        keys=[dicom.MatchKey(attribute="StudyInstanceUID", value=ids.study)]
    ),
    _V1 + "QueryService/SearchSeries": lambda ids: query.SearchSeriesRequest(study_instance_uid=ids.study),
    _V1 + "QueryService/SearchInstances": lambda ids: query.SearchInstancesRequest(
        study_instance_uid=ids.study, series_instance_uid=f"{ids.study}.1"
    ),
    _V1 + "RetrieveService/RetrieveInstances": _of_study,
    _V1 + "RetrieveService/RetrieveMetadata": lambda ids: retrieve.RetrieveMetadataRequest(**_uids(ids)),
    _V1 + "RetrieveService/RetrieveFrames": lambda ids: retrieve.RetrieveFramesRequest(ref=_uids(ids)),
    _V1 + "RetrieveService/StreamFrames": lambda ids: retrieve.StreamFramesRequest(
        open=retrieve.StreamFramesOpen(study_instance_uid=ids.study)
    ),
    _V1 + "RetrieveService/ViewFrames": lambda ids: retrieve.ViewFramesRequest(
        open=retrieve.StreamFramesOpen(study_instance_uid=ids.study)
    ),
    _V1 + "TranscodeService/TranscodeFrames": lambda ids: transcode.TranscodeFramesRequest(ref=_uids(ids)),
    _V1 + "TranscodeService/TranscodeInstance": lambda ids: transcode.TranscodeInstanceRequest(
        ref=_uids(ids), target=transcode.TranscodeTarget(transfer_syntax_uid="1.2.840.10008.1.2.1")
    ),
    _V1 + "JobService/GetJob": lambda ids: jobs.GetJobRequest(job_id=ids.job),
    _V1 + "JobService/WatchJob": lambda ids: jobs.WatchJobRequest(job_id=ids.job),
    _V1 + "JobService/CancelJob": lambda ids: jobs.CancelJobRequest(job_id=ids.job),
    _V1 + "JobService/PauseJob": lambda ids: jobs.PauseJobRequest(job_id=ids.job),
    _V1 + "JobService/ResumeJob": lambda ids: jobs.ResumeJobRequest(job_id=ids.job),
    _V1 + "AdminService/RevokeApiKey": lambda ids: admin.RevokeApiKeyRequest(key_id=ids.key),
    _V1 + "AdminService/RotateApiKey": lambda ids: admin.RotateApiKeyRequest(key_id=ids.key),
    _V1 + "AdminService/GetPacs": lambda ids: admin.GetPacsRequest(name=ids.pacs),
    _V1 + "AdminService/UpdatePacs": lambda ids: admin.UpdatePacsRequest(
        pacs=admin.Pacs(name=ids.pacs, backup_for="main")
    ),
    _V1 + "AdminService/DeletePacs": lambda ids: admin.DeletePacsRequest(name=ids.pacs),
    _V1 + "AdminService/TestPacs": lambda ids: admin.TestPacsRequest(name=ids.pacs),
    _V1 + "AdminService/ValidatePacs": lambda ids: admin.ValidatePacsRequest(name=ids.pacs),
    _V1 + "AdminService/FailoverPacs": lambda ids: admin.FailoverPacsRequest(name=ids.pacs),
    _V1 + "AdminService/FailbackPacs": lambda ids: admin.FailbackPacsRequest(name=ids.pacs),
    _V1 + "AdminService/ListPacsTransitions": lambda ids: admin.ListPacsTransitionsRequest(name=ids.pacs),
    _V1 + "AdminService/InvalidateCache": lambda ids: admin.InvalidateCacheRequest(study_instance_uid=ids.study),
    _V1 + "PrefetchService/PrefetchPriors": lambda ids: prefetch.PrefetchPriorsRequest(study_instance_uid=ids.study),
    _V1 + "PrefetchService/ListPrefetchedStudies": lambda ids: prefetch.ListPrefetchedStudiesRequest(job_id=ids.job),
    _V1 + "QuarantineService/ReadQuarantinedInstance": lambda ids: quarantine.ReadQuarantinedInstanceRequest(
        entry_id=ids.entry
    ),
    _V1 + "QuarantineService/DeleteQuarantinedInstance": lambda ids: quarantine.DeleteQuarantinedInstanceRequest(
        entry_id=ids.entry
    ),
    _WEB + "SearchStudies": lambda ids: web.SearchRequest(study=ids.study),
    _WEB + "SearchSeries": lambda ids: web.SearchRequest(study=ids.study),
    _WEB + "SearchInstances": lambda ids: web.SearchRequest(study=ids.study, series=f"{ids.study}.1"),
    _WEB + "RetrieveInstances": lambda ids: web.RetrieveRequest(study=ids.study),
    _WEB + "RetrieveMetadata": lambda ids: web.RetrieveRequest(**_path(ids)),
    _WEB + "RetrieveBulkdata": lambda ids: web.RetrieveBulkdataRequest(**_path(ids), path="7FE00010"),
    _WEB + "RetrieveFrames": _frames,
    _WEB + "RetrieveRendered": lambda ids: web.RetrieveRenderedRequest(**_path(ids)),
    _WEB + "RetrieveThumbnail": lambda ids: web.RetrieveRenderedRequest(**_path(ids)),
    _WEB + "RetrieveInstanceThumbnail": lambda ids: web.RetrieveInstanceThumbnailRequest(
        instance=_path(ids)["instance"]
    ),
    _WEB + "RetrieveWadoUri": lambda _: web.RetrieveWadoUriRequest(),
}
"""How an rpc names a thing. All others name none, or make what they name (a tenant, a PACS, a job, an instance)."""


def path_of(name: str, ids: Ids) -> str:
    """The path and query string that the gateway would pass on."""
    study, series, sop = _path(ids).values()
    wado = f"/dicom-web/wado?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={sop}"
    return wado if name.endswith("WadoUri") else "/dicom-web/"


def fill(message: Message) -> None:
    """Give a value to each field that is required, or within what is."""
    for field in message.DESCRIPTOR.fields:
        if behaviors(field) & {REQUIRED, IDENTIFIER}:
            if field.is_repeated:
                getattr(message, field.name).append("1.2.3")
            elif field.message_type:
                getattr(message, field.name).SetInParent()
                fill(getattr(message, field.name))
            else:
                setattr(message, field.name, "1.2.3" if field.cpp_type == field.CPPTYPE_STRING else 1)
