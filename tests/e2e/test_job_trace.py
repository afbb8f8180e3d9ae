"""A job is a trace of its own, down to the PACS's messages, with a link to the call that asked for it.

`python -m pytest -s tests/e2e/test_job_trace.py` prints it as a tree.
"""

import json
from pathlib import Path

import pytest

from radgate_server.core.access.tenancy import Role
from radgate_server.core.dicom.transfer_syntaxes import HTJ2K_LOSSLESS_RPCL
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.studies import EAST, real, store
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer
from tests.integration.otlp_collector import collector
from tests.trace_tree import Found, begin, lines, tree_of

CALL, JOB = "radgate.v1.JobService/CreateJob", "job transcode-study"


def test_a_study_that_is_transcoded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    original, own = real("CT_small.dcm"), begin()
    study = original.ref.study_instance_uid
    work = {"studyInstanceUid": study, "transferSyntaxUid": HTJ2K_LOSSLESS_RPCL}
    with collector() as spans, OrthancServer(tmp_path / "archive") as archive:
        store(archive, [original])
        radgate = RadgateProcess(tmp_path, spans.settings()).tenant(EAST, dimse(archive), Role.OPERATOR)
        with radgate, radgate.client(EAST) as client:
            asked = client.post("/api/v1/jobs", json={"transcodeStudy": work}, headers={"traceparent": own.traceparent})
            assert asked.status_code == 201, asked.text

            def named(name: str) -> list[Found]:
                return [found for found in spans.everything() if found.name == name]

            (job,) = wait_for(lambda: named(JOB), "the job's trace")
            (call,) = wait_for(lambda: named(CALL), "the call's trace")
        root = tree_of(spans.trace(job.trace_id), job.span_id)
        reported = json.dumps(spans.everything())
    with capsys.disabled():
        print("", *lines(root), sep="\n")
    assert call.trace_id == own.trace_id
    assert (job.parent_id, job.links) == ("", ((call.trace_id, call.span_id),))
    assert job.trace_id != call.trace_id
    assert (job.attributes["radgate.completed"], job.attributes["radgate.failed"]) == (1, 0)
    assert root.find("PACS find").find("C-FIND").span.attributes["radgate.pacs"] == "archive"
    retrieve = root.find("PACS retrieve")
    assert retrieve.find("C-GET").find("C-STORE").span.attributes["radgate.status"] == 0
    assert root.find("image transcode").span.attributes["radgate.priority"] == "warming"
    for secret in (study, original.ref.sop_instance_uid, str(original.dataset.PatientID)):
        assert secret not in reported
