"""Which study a message names: of requests before they are served, of answers before they leave."""

from collections.abc import Callable, Mapping
from typing import Any

from radgate_server.core.dicom.identifiers import RetrieveScope, parse_scope, parse_uid
from radgate_server.rpc.dicomweb.wado_uri.query import parse_wado_uri
from radgate_server.rpc.pipeline.call import Call
from radgate_server.services.access.restrictions import LoneInstance

type Named = RetrieveScope | LoneInstance | None
"""None: the message names no study, as those that come after the first one of a stream."""

type NameOf = Callable[[Any, Call], Named]
"""Reads a decoded message. Raises InvalidArgumentError for what is malformed."""


def _by_uids(message: Any, _call: Call) -> Named:
    return parse_scope(message.study_instance_uid, message.series_instance_uid, message.sop_instance_uid)


def _by_ref(message: Any, call: Call) -> Named:
    return _by_uids(message.ref, call)


def _by_open(message: Any, call: Call) -> Named:
    return _by_uids(message.open, call) if message.WhichOneof("message") == "open" else None


def _by_opened_view(message: Any, call: Call) -> Named:
    return _by_uids(message.open, call)


def _of_own_view(_message: Any, _call: Call) -> Named:
    """Whatever it names is of a view of the caller's own, whose study was looked at when it was opened."""
    return None


def _by_path(message: Any, _call: Call) -> Named:
    return parse_scope(message.study, message.series, message.instance)


def _by_instance(message: Any, _call: Call) -> Named:
    return LoneInstance(parse_uid(message.instance, "sop_instance_uid"))


def _by_query_string(_message: Any, call: Call) -> Named:
    return parse_wado_uri(call.header("x-envoy-original-path"), call.header("accept")).scope


def _by_change(message: Any, _call: Call) -> Named:
    study = message.changed.study_instance_uid  # "" when the PACS can't determine which
    return RetrieveScope(study) if study else None


STUDIES_NAMED: Mapping[str, NameOf] = {
    "radgate.v1.RetrieveInstancesRequest": _by_uids,
    "radgate.v1.RetrieveMetadataRequest": _by_uids,
    "radgate.v1.RetrieveFramesRequest": _by_ref,
    "radgate.v1.StreamFramesRequest": _by_open,
    "radgate.v1.ViewFramesRequest": _by_opened_view,
    "radgate.v1.PrioritizeFramesRequest": _of_own_view,
    "radgate.v1.TranscodeFramesRequest": _by_ref,
    "radgate.v1.TranscodeInstanceRequest": _by_ref,
    "radgate.v1.WatchStudiesResponse": _by_change,
    "radgate.dicomweb.v1.RetrieveRequest": _by_path,
    "radgate.dicomweb.v1.RetrieveBulkdataRequest": _by_path,
    "radgate.dicomweb.v1.RetrieveFramesRequest": _by_path,
    "radgate.dicomweb.v1.RetrieveRenderedRequest": _by_path,
    "radgate.dicomweb.v1.RetrieveInstanceThumbnailRequest": _by_instance,
    "radgate.dicomweb.v1.RetrieveWadoUriRequest": _by_query_string,
}
"""By the message's full name. A method that says STUDY or FEED of itself can't be served without a row."""
