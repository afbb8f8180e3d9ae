"""Images in another form, and jobs, by both clients of the SDK against the running server."""

import asyncio
from pathlib import Path

import pytest

import radgate
from radgate.v1.job_service_pb2 import JOB_STATE_SUCCEEDED
from radgate_server.core.access.tenancy import Role
from radgate_server.core.dicom.transfer_syntaxes import HTJ2K_LOSSLESS_RPCL, RLE_LOSSLESS
from tests.fakes.instances import make_study
from tests.rpc.rig import EAST_STUDY, Rig

REF = EAST_STUDY, f"{EAST_STUDY}.1", f"{EAST_STUDY}.1.1"
FILE = make_study(1, study="2.25.3000")[0]


async def test_the_client_for_ordinary_code(rig: Rig, tmp_path: Path) -> None:
    token = await rig.key("east", role=Role.OPERATOR)
    (tmp_path / "own.dcm").write_bytes(FILE)

    def use() -> None:
        with radgate.Client(rig.target, token) as client:
            (frame,) = client.transcode.frames(*REF, [1], transfer_syntax=HTJ2K_LOSSLESS_RPCL)
            assert (frame.frame_number, frame.rows, frame.columns, frame.lossy) == (1, 8, 8, False)
            instance = client.transcode.instance(*REF, RLE_LOSSLESS)
            assert instance.save(tmp_path).read_bytes() == instance.data
            own = client.transcode.file(tmp_path / "own.dcm", RLE_LOSSLESS)
            assert (own.study_instance_uid, own.transfer_syntax_uid) == ("2.25.3000", RLE_LOSSLESS)
            with pytest.raises(FileNotFoundError):
                client.transcode.file(tmp_path / "missing.dcm", RLE_LOSSLESS)
            job = client.jobs.transcode_study(EAST_STUDY, RLE_LOSSLESS, series_instance_uid=REF[1])
            *_, job = client.jobs.watch(job.job_id)
            assert (job.state, job.done) == (JOB_STATE_SUCCEEDED, 3)
            assert client.jobs.get(job.job_id) == job == client.jobs.cancel(job.job_id)
            assert client.jobs.make_thumbnails(EAST_STUDY).job_id == client.jobs.list()[0].job_id

    await asyncio.to_thread(use)


async def test_the_client_for_asyncio(rig: Rig) -> None:
    async with radgate.aio.Client(rig.target, await rig.key("east")) as client:
        frames = [frame async for frame in client.transcode.frames(*REF, quality_level="preview")]
        assert [(frame.media_type, max(frame.rows, frame.columns)) for frame in frames] == [("image/jpeg", 768)]
        own = await client.transcode.file(FILE, RLE_LOSSLESS)
        assert (own.sop_instance_uid, own.lossy) == ("2.25.3000.1.1", False)
        with pytest.raises(radgate.NotAcceptableError):
            await client.transcode.instance(*REF, "1.2.840.10008.1.2.4.100")
