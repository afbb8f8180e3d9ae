"""Every rpc x role x tenant x names of others' things: refused, or answered as if there were no such thing."""

from collections.abc import Sequence

import grpc
import pytest

from radgate.v1 import job_service_pb2 as jobs
from radgate_server.core.pacs import FolderConnection, PacsConfig
from radgate_server.core.tenancy import Role
from radgate_server.rpc.authz import Reach
from tests.fakes.clock import START
from tests.fakes.instances import make_study
from tests.rpc.matrix import PROTECTED, REQUESTS, RPCS, Answer, Ids, Matrix, Visitor, visitors
from tests.rpc.rig import EAST_STUDY, WEST_STUDY, Rig, invoke

OUTSIDE_STUDY, NEVER_STUDY = "2.25.3000", "2.25.9000"
NEVER = Ids(NEVER_STUDY, "0" * 12, "nowhere", "0" * 16)
TENANTS = ("", "east", "west", "nowhere")

STATUS = {
    "UNAUTHENTICATED": grpc.StatusCode.UNAUTHENTICATED,
    "TENANT_NOT_ALLOWED": grpc.StatusCode.PERMISSION_DENIED,
    "ROLE_NOT_ALLOWED": grpc.StatusCode.PERMISSION_DENIED,
    "RESTRICTED_CREDENTIAL": grpc.StatusCode.PERMISSION_DENIED,
    "INVALID_ARGUMENT": grpc.StatusCode.INVALID_ARGUMENT,
}
ENDLESS = {"radgate.v1.QueryService/WatchStudies"}
MINIMUM = 3000


@pytest.fixture
async def of_west(rig: Rig, channel: grpc.aio.Channel) -> Ids:
    """Things of tenant west."""
    await rig.directory.create_pacs(PacsConfig("west", "archive", FolderConnection("/west"), START))
    key = await rig.key("west")
    job = jobs.CreateJobRequest(make_thumbnails=jobs.MakeThumbnailsJob(study_instance_uid=WEST_STUDY))
    answer = await invoke(
        channel,
        "radgate.v1.JobService/CreateJob",
        job.SerializeToString(),
        token=await rig.key("west", role=Role.OPERATOR),
    )
    return Ids(WEST_STUDY, key.split("_")[1], "archive", jobs.CreateJobResponse.FromString(answer[0]).job.job_id)


def told(answer: Answer, reason: str) -> bool:
    """Whether the answer is this refusal, and holds nothing else."""
    status = dict(answer.trailers).get("grpc-status-details-bin", b"")
    return answer.code is STATUS[reason] and isinstance(status, bytes) and reason.encode() in status


async def test_every_rpc_with_every_caller_tenant_and_name(rig: Rig, channel: grpc.aio.Channel, of_west: Ids) -> None:
    rig.east.add(*make_study(2, study=OUTSIDE_STUDY, PatientID="P-2"))
    matrix, callers = Matrix(channel), await visitors(rig)
    never = NEVER._replace(job="0" * len(of_west.job))
    await warm(matrix, next(visitor for visitor in callers if visitor.name == "viewer of east"))
    for name, access in PROTECTED.items():
        for visitor in callers:
            for tenant in TENANTS:
                reason = visitor.refusal(access, tenant)
                if reason:
                    await refused(matrix, name, visitor, tenant, reason, (of_west, never))
            if visitor.refusal(access, "east") == "" and name in REQUESTS:
                await hidden(matrix, name, visitor, of_west, never)
    print(f"\n{matrix.count} combinations of {len(PROTECTED)} rpcs, {len(callers)} callers, tenants and names")
    assert matrix.count >= MINIMUM


async def warm(matrix: Matrix, viewer: Visitor) -> None:
    """Let somebody who may see it have everything of the study that others may not: every cache holds its answer."""
    for name, access in PROTECTED.items():
        if access.reach in (Reach.STUDY, Reach.SEARCH):
            answer = await matrix.ask(name, viewer, "east", NEVER._replace(study=OUTSIDE_STUDY))
            assert (answer.code, bool(answer.messages)) == (grpc.StatusCode.OK, True), (name, answer)


async def refused(matrix: Matrix, name: str, visitor: Visitor, tenant: str, reason: str, owners: Sequence[Ids]) -> None:
    """A caller who may not call is told so, whatever is named."""
    answers = [await matrix.ask(name, visitor, tenant, ids) for ids in (owners if name in REQUESTS else owners[:1])]
    assert told(answers[0], reason), (name, visitor, tenant, reason, answers[0])
    assert len(set(answers)) == 1, (name, visitor, tenant)
    assert not any(answer.messages for answer in answers)


async def hidden(matrix: Matrix, name: str, visitor: Visitor, of_west: Ids, never: Ids) -> None:
    """A caller who may call is told of what it may not see what is told of what was never there."""
    expected = await matrix.ask(name, visitor, "east", never)
    others = [of_west, *([never._replace(study=OUTSIDE_STUDY)] if visitor.restricted else [])]
    for ids in (*others, *others):  # twice: what is remembered of the first time tells no more
        answer = await matrix.ask(name, visitor, "east", ids)
        assert answer == expected, (name, visitor, ids, answer, expected)
    if PROTECTED[name].reach is Reach.STUDY:
        assert expected.code is grpc.StatusCode.NOT_FOUND, (name, visitor, expected)
        mine = await matrix.ask(name, visitor, "east", never._replace(study=EAST_STUDY))
        assert (mine.code, bool(mine.messages)) == (grpc.StatusCode.OK, True), (name, visitor, mine)
    if PROTECTED[name].reach is Reach.SEARCH:
        assert await matrix.ask(name, visitor, "east", never._replace(study=EAST_STUDY)) != expected


def test_every_rpc_is_walked() -> None:
    named = {name for name, access in PROTECTED.items() if access.reach in (Reach.STUDY, Reach.SEARCH)}
    assert named <= set(REQUESTS) <= set(RPCS)
