"""What the clients send with each call."""

import pytest

from radgate.connection import STUDY_HEADER, about_study, metadata_of
from radgate.v1 import query_service_pb2, retrieve_service_pb2, transcode_service_pb2
from radgate.v1.dicom_pb2 import InstanceRef
from radgate.viewing import opening
from radgate_server.adapters.gateway import balancing

STUDY = "1.2.3"
REF = InstanceRef(study_instance_uid=STUDY, series_instance_uid="1.2.4", sop_instance_uid="1.2.5")
OWN = metadata_of("key", "east")


@pytest.mark.parametrize(
    "request_",
    [
        query_service_pb2.SearchSeriesRequest(study_instance_uid=STUDY),
        retrieve_service_pb2.RetrieveInstancesRequest(study_instance_uid=STUDY),
        retrieve_service_pb2.RetrieveFramesRequest(ref=REF),
        transcode_service_pb2.TranscodeInstanceRequest(ref=REF),
        opening(STUDY, "", "", (256, 256)),
    ],
)
def test_a_call_about_one_study_names_it(request_: object) -> None:
    assert about_study(OWN, request_) == (*OWN, (STUDY_HEADER, STUDY))


def test_the_caller_may_name_it_where_the_request_can_not() -> None:
    assert about_study(OWN, iter(()), STUDY) == (*OWN, (STUDY_HEADER, STUDY))


def test_other_calls_name_none() -> None:
    assert about_study(OWN, query_service_pb2.SearchStudiesRequest()) == OWN
    assert about_study(OWN, query_service_pb2.SearchSeriesRequest()) == OWN


def test_the_gateway_looks_for_what_the_sdk_sends() -> None:
    assert balancing.STUDY_HEADER == STUDY_HEADER
