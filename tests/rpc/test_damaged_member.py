"""One instance of a study is damaged, or is another one: streams of frames, jobs and transcoding do without it."""

from collections.abc import AsyncIterable, AsyncIterator, Callable

import imagecodecs
import pytest
from pydicom.encaps import encapsulate

import radgate
from radgate.v1 import job_service_pb2 as jobs
from radgate.v1.error_reason_pb2 import ErrorReason
from radgate_server.core.access.tenancy import Role
from tests.fakes.instances import make_instance
from tests.rpc.dicomweb.test_damaged_member import DAMAGE, DAMAGED, SERIES
from tests.rpc.rig import EAST_STUDY, Rig
from tests.rpc.test_jobs import ended
from tests.rpc.test_stream_frames import SIZE, pixels

INSTANCES = 6
JPEG_LS = "1.2.840.10008.1.2.4.80"

WORSE: dict[str, Callable[[], bytes]] = {
    "cut off within its pixels": lambda: make_instance(EAST_STUDY, SERIES, DAMAGED, number=2)[:-40],
    "cut off within its header": lambda: make_instance(EAST_STUDY, SERIES, DAMAGED, number=2)[:700],
    "no DICOM": lambda: b"\x93" * 5000,
}
"""What is refused as it arrives; in DAMAGE the header is sound."""
OTHERS: dict[str, Callable[[], bytes]] = {
    "of another study": lambda: make_instance("2.25.7001", SERIES, DAMAGED, PatientID="another"),
    "another instance": lambda: make_instance(EAST_STUDY, SERIES, "2.25.7002", PatientID="another"),
}
"""Sound, and not what was listed."""
REASONS = {**dict.fromkeys([*DAMAGE, *WORSE], "INSTANCE_MALFORMED"), **dict.fromkeys(OTHERS, "INSTANCE_MISMATCH")}


@pytest.fixture(params=REASONS)
def reason(rig: Rig, request: pytest.FixtureRequest) -> str:
    """Why an instance of the study fails."""
    rig.east.replaced[DAMAGED] = {**DAMAGE, **WORSE, **OTHERS}[request.param]()
    return REASONS[request.param]


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[radgate.aio.Client]:
    async with radgate.aio.Client(rig.target, await rig.key("east", role=Role.OPERATOR)) as client:
        yield client


async def collect[Item](stream: AsyncIterable[Item], came: list[Item]) -> None:
    """Keep what comes, also when the stream then fails."""
    async for item in stream:
        came.append(item)  # noqa: PERF401 - a comprehension would lose it


@pytest.mark.parametrize("call", ["view", "view_frames"])
@pytest.mark.parametrize("first_size", [(0, 0), (4, 4)])
async def test_a_view_shows_the_others_and_names_it(
    client: radgate.aio.Client, reason: str, call: str, first_size: tuple[int, int]
) -> None:
    frames: list[radgate.ViewedFrame] = []
    with pytest.raises(radgate.IncompleteStudyError) as caught:
        await collect(getattr(client, call)(EAST_STUDY, first_size=first_size), frames)
    whole = {frame.sop_instance_uid for frame in frames if frame.complete}
    assert (len(whole), DAMAGED in whole) == (INSTANCES - 1, False)
    assert [(one.sop_instance_uid, one.reason) for one in caught.value.missing] == [(DAMAGED, reason)]
    assert (caught.value.expected, caught.value.delivered) == (INSTANCES, INSTANCES - 1)
    partial = [frame async for frame in getattr(client, call)(EAST_STUDY, first_size=first_size, allow_partial=True)]
    assert {frame.sop_instance_uid for frame in partial if frame.complete} == whole


async def test_a_job_that_transcodes_does_the_others(client: radgate.aio.Client, reason: str) -> None:
    job = await ended(client, await client.jobs.transcode_study(EAST_STUDY, JPEG_LS))
    assert (job.state, job.done, job.failed, job.total) == (jobs.JOB_STATE_SUCCEEDED, INSTANCES - 1, 1, INSTANCES)
    assert [(ErrorReason.Name(each.reason), each.instances) for each in job.failures] == [(f"ERROR_REASON_{reason}", 1)]


async def test_a_job_that_makes_thumbnails_does_the_others(client: radgate.aio.Client, reason: str) -> None:
    job = await ended(client, await client.jobs.make_thumbnails(EAST_STUDY))
    assert (job.state, job.done, job.failed, job.total) == (jobs.JOB_STATE_SUCCEEDED, INSTANCES - 1, 1, INSTANCES)
    assert [(ErrorReason.Name(each.reason), each.instances) for each in job.failures] == [(f"ERROR_REASON_{reason}", 1)]


async def test_a_study_in_another_transfer_syntax_comes_without_it(client: radgate.aio.Client, reason: str) -> None:
    came: list[radgate.RetrievedInstance] = []
    with pytest.raises(radgate.IncompleteStudyError) as caught:
        await collect(client.retrieve_study(EAST_STUDY, transfer_syntaxes=[JPEG_LS]), came)
    assert {instance.transfer_syntax_uid for instance in came} == {JPEG_LS}
    assert len(came) == INSTANCES - 1
    assert [(one.sop_instance_uid, one.reason) for one in caught.value.missing] == [(DAMAGED, reason)]


@pytest.mark.parametrize("call", ["view", "view_frames"])
@pytest.mark.parametrize("broken", [1, 2, 3])
async def test_a_frame_that_can_not_be_decoded_costs_its_instance(
    rig: Rig, client: radgate.aio.Client, call: str, broken: int
) -> None:
    """Low resolutions of its other frames may have come by then."""
    codestreams = [
        imagecodecs.jpeg2k_encode(pixels(number), codecformat="J2K", reversible=True) for number in (1, 2, 3)
    ]
    codestreams[broken - 1] = codestreams[broken - 1][:60] + b"\xff\x4f" * 40
    rig.east.replaced[DAMAGED] = make_instance(
        EAST_STUDY,
        SERIES,
        DAMAGED,
        rows=SIZE,
        columns=SIZE,
        frames=3,
        transfer_syntax_uid="1.2.840.10008.1.2.4.90",
        PixelData=encapsulate(codestreams),
    )
    frames: list[radgate.ViewedFrame] = []
    with pytest.raises(radgate.IncompleteStudyError) as caught:
        await collect(getattr(client, call)(EAST_STUDY, first_size=(60, 60)), frames)
    assert [one.sop_instance_uid for one in caught.value.missing] == [DAMAGED]
    partial = [frame async for frame in getattr(client, call)(EAST_STUDY, first_size=(60, 60), allow_partial=True)]
    assert len({frame.sop_instance_uid for frame in partial if frame.complete} - {DAMAGED}) == INSTANCES - 1
