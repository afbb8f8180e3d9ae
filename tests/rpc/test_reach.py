"""No rpc can forget those who may see some studies alone: what its messages name decides what its row may say."""

import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, MethodDescriptor

import radgate_server.rpc
from radgate.v1.query_service_pb2 import WatchStudiesRequest
from radgate.v1.query_service_pb2_grpc import QueryServiceStub
from radgate_server.core.access.restriction import RestrictedPatient, make_restriction
from radgate_server.rpc.access.authorization import METHODS, Access, Reach
from radgate_server.rpc.access.studies_named import STUDIES_NAMED
from radgate_server.rpc.access.study_admission import admission, left_out
from radgate_server.services.cache.watching import StudyEvent
from tests.fakes.instances import make_study
from tests.rpc.callers import bearer
from tests.rpc.calls import RPCS
from tests.rpc.rig import EAST_STUDY, Rig

OF_STUDIES = re.compile(r"(.*_)?(study|series|instance|patient|ref|study_instance_uid|sop_instance_uid|patient_id)")
"""Names of fields that name a study, or what lies in one."""

OWN_UPLOAD = "radgate.v1.TranscodeService/TranscodeUpload"
"""Answers with the instance that the caller itself sent."""


def fields_of(message: Descriptor, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """The names of all fields of a message and of the messages in it."""
    if message.full_name in seen:
        return
    for field in message.fields:
        yield field.name
        if field.message_type is not None:
            yield from fields_of(field.message_type, seen | {message.full_name})


def names_studies(message: Descriptor) -> bool:
    return any(OF_STUDIES.fullmatch(name) for name in fields_of(message))


@pytest.mark.parametrize("name", sorted(RPCS))
def test_a_method_that_names_studies_keeps_to_those_of_the_caller(name: str) -> None:
    method, reach = RPCS[name], METHODS[name].reach
    if reach is Reach.OPEN:
        assert not names_studies(method.input_type), f"{name} names a study: its row must say how it is kept to"
        assert name == OWN_UPLOAD or not names_studies(method.output_type)
    if reach is Reach.STUDY:
        assert method.input_type.full_name in STUDIES_NAMED
    if reach is Reach.FEED:
        assert method.output_type.full_name in STUDIES_NAMED
        assert not names_studies(method.input_type)


def test_whoever_says_nothing_has_closed_it() -> None:
    assert Access(frozenset()).reach is Reach.CLOSED


def test_every_row_that_reports_studies_is_used() -> None:
    reached = {method.input_type.full_name for name, method in RPCS.items() if METHODS[name].reach is Reach.STUDY}
    fed = {method.output_type.full_name for name, method in RPCS.items() if METHODS[name].reach is Reach.FEED}
    assert set(STUDIES_NAMED) == reached | fed


def test_a_method_that_does_not_say_how_it_names_studies_can_not_be_served(rig: Rig) -> None:
    method: MethodDescriptor = RPCS["radgate.v1.AdminService/InvalidateCache"]
    with pytest.raises(KeyError):
        admission(Reach.STUDY, method, None, None, None)  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        left_out(None, Reach.FEED, method, None)  # type: ignore[arg-type]


def test_servicers_search_on_behalf_of_their_callers_alone() -> None:
    text = "\n".join(source.read_text() for source in Path(radgate_server.rpc.__file__).parent.rglob("*.py"))
    imported = re.findall(r"^from radgate_server\.services\.\S+ import (.+)$", text, flags=re.MULTILINE)
    names = {name.strip() for line in imported for name in line.split(",")}
    assert "CallerSearch" in names
    assert not names & {"QueryService", "StudyLister", "Numbered"}


async def test_news_of_studies_outside_is_left_out(rig: Rig, channel: grpc.aio.Channel) -> None:
    rig.east.add(*make_study(1, study="2.25.3000", PatientID="P-2"))
    token = await rig.key("east", restriction=make_restriction(patients=[RestrictedPatient("P-1")]))
    watch = QueryServiceStub(channel).WatchStudies(WatchStudiesRequest(), metadata=tuple(bearer(token).items()))
    assert (await watch.read()).WhichOneof("news") == "begun"
    for study in ("2.25.3000", "2.25.9000", EAST_STUDY, ""):
        rig.study_changes.publish("east", StudyEvent(study, "main", removed=False))
    assert [(await watch.read()).changed.study_instance_uid for _ in range(2)] == [EAST_STUDY, ""]
    watch.cancel()
