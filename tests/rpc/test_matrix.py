"""Every rpc x role x tenant x names of others' things: refused, or answered as if there were no such thing."""

import grpc
import pytest

import radgate
from radgate.v1 import job_service_pb2 as jobs
from radgate_server.core.access.tenancy import Role
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import MemoryContent
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from radgate_server.core.quarantine.refused_instance import RefusedInstance
from radgate_server.rpc.access.authorization import METHODS, Reach
from tests.fakes.clock import START
from tests.fakes.instances import make_study
from tests.rpc.calls import RPCS, invoke
from tests.rpc.matrix import NEVER_STUDY, OF_A_VIEW, Matrix, visitors, walk
from tests.rpc.named_requests import REQUESTS, Ids
from tests.rpc.rig import EAST_STUDY, WEST_STUDY, Rig

OUTSIDE_STUDY = "2.25.3000"
PROTECTED = {name: access for name, access in METHODS.items() if not access.is_public}
MINIMUM = 2800


@pytest.fixture
async def of_west(rig: Rig, channel: grpc.aio.Channel) -> Ids:
    """Things of tenant west."""
    await rig.directory.create_pacs(PacsConfig("west", "archive", FolderConnection("/west"), START))
    key, operator = await rig.key("west"), await rig.key("west", role=Role.OPERATOR)
    job = jobs.CreateJobRequest(make_thumbnails=jobs.MakeThumbnailsJob(study_instance_uid=WEST_STUDY))
    answer = await invoke(channel, "radgate.v1.JobService/CreateJob", job.SerializeToString(), token=operator)
    await rig.quarantine.store(
        RefusedInstance("west", "archive", "INSTANCE_MALFORMED", RetrieveScope(WEST_STUDY)), MemoryContent((b"bytes",))
    )
    (entry,) = await rig.quarantine.list_entries("west")
    job_id = jobs.CreateJobResponse.FromString(answer[0]).job.job_id
    return Ids(WEST_STUDY, key.split("_")[1], "archive", job_id, entry.entry_id)


async def test_every_rpc_with_every_caller_tenant_and_name(rig: Rig, channel: grpc.aio.Channel, of_west: Ids) -> None:
    rig.east.add(*make_study(2, study=OUTSIDE_STUDY, PatientID="P-2"))
    matrix, callers = Matrix(channel), await visitors(rig)
    await walk(matrix, callers, PROTECTED, OUTSIDE_STUDY, of_west)
    print(f"\n{matrix.count} combinations of {len(PROTECTED)} rpcs, {len(callers)} callers, tenants and names")
    assert matrix.count >= MINIMUM


def test_every_rpc_that_reaches_studies_is_walked() -> None:
    named = {name for name, access in PROTECTED.items() if access.reach in (Reach.STUDY, Reach.SEARCH)}
    assert named - OF_A_VIEW <= set(REQUESTS) <= set(RPCS)


async def test_a_job_for_others_study_ends_as_one_for_a_study_that_is_not_there(rig: Rig) -> None:
    ends = []
    async with radgate.aio.Client(rig.target, await rig.key("east", role=Role.OPERATOR)) as client:
        for study in (WEST_STUDY, NEVER_STUDY, EAST_STUDY):
            job = await client.jobs.make_thumbnails(study)
            *_, end = [step async for step in client.jobs.watch(job.job_id)]
            end.ClearField("job_id")
            end.make_thumbnails.ClearField("study_instance_uid")
            ends.append(end)
    assert ends[0] == ends[1] != ends[2]
