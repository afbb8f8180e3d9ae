"""Two servers of one AE title read a PACS by C-MOVE alone; one of them listens, and receives for both."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from radgate_server.core.pacs.capabilities import RetrieveMethod
from radgate_server.core.pacs.connections import DimseConnection
from tests.e2e.audit_trail import granted
from tests.e2e.counting_pacs import SLICES, STUDY, CountingPacs
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import EAST
from tests.e2e.two_servers import files_of
from tests.e2e.waiting import wait_for
from tests.fakes.instances import make_dataset
from tests.integration.ports import free_port
from tests.integration.postgres import running_postgres

# pynetdicom's own server, the PACS here, leaves sockets to the garbage collector when the peer was faster.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]

OTHER, BROKEN, REFUSED = (f"{STUDY}.{n}" for n in (7, 8, 9))


@pytest.fixture
def pacs() -> Iterator[CountingPacs]:
    pacs = CountingPacs(destinations={"RADGATE": ("127.0.0.1", free_port())})
    pacs.held += [
        make_dataset(study, f"{study}.1", f"{study}.1.{n}", number=n, rows=64, columns=64, PatientID=study[-1])
        for study in (OTHER, BROKEN, REFUSED)
        for n in range(1, SLICES + 1)
    ]
    with pacs:
        yield pacs


@pytest.fixture
def servers(tmp_path: Path, pacs: CountingPacs) -> Iterator[list[RadgateProcess]]:
    """The one that listens, and the one that does not."""
    with running_postgres() as postgres, postgres.database(tmp_path.name) as url, ExitStack() as running:
        common = {"RADGATE_DATABASE_URL": url}
        archive = DimseConnection(
            "127.0.0.1", pacs.dicom_port, "FAULTY", "RADGATE", retrieve_method=RetrieveMethod.MOVE, sender_aets=("*",)
        )
        port = str(pacs.destinations["RADGATE"][1])
        listening = RadgateProcess(tmp_path / "first", {**common, "RADGATE_DICOM_PORT": port}).tenant(EAST, archive)
        folders = json.dumps([str(listening.data_dir)])
        deaf = {"RADGATE_DICOM_LISTENS": "false", "RADGATE_AUDIT__OTHER_DATA_DIRS": folders}
        other = listening.beside(tmp_path / "second", {**common, **deaf})
        for server in (listening, other):
            running.enter_context(server)
        yield [listening, other]


def ask(server: RadgateProcess, study: str) -> httpx.Response:
    with server.client(EAST) as client:
        return client.get(
            f"/dicom-web/studies/{study}", headers={"accept": 'multipart/related; type="application/dicom"'}
        )


def read(server: RadgateProcess, study: str) -> dict[str, bytes]:
    """Pixel data by SOP Instance UID."""
    return {str(one.SOPInstanceUID): one.PixelData for one in files_of(ask(server, study))}


def test_both_read_by_c_move_until_nobody_listens_and_no_record_is_lost(
    servers: list[RadgateProcess], pacs: CountingPacs
) -> None:
    listening, other = servers
    held = {
        study: {str(one.SOPInstanceUID): one.PixelData for one in pacs.held if study == one.StudyInstanceUID}
        for study in (STUDY, OTHER, BROKEN)
    }
    with ThreadPoolExecutor(2) as threads:
        answers = [threads.submit(read, *each) for each in ((listening, STUDY), (other, OTHER))]
        assert [answer.result() for answer in answers] == [held[STUDY], held[OTHER]]
    assert read(other, STUDY) == held[STUDY]
    assert Counter(pacs.gets.values()) == {1: 2 * SLICES}

    pacs.pause_s = 0.1
    with ThreadPoolExecutor(1) as threads:
        broken = threads.submit(ask, other, BROKEN)
        wait_for(lambda: other.metric("radgate_peer_instances_total") >= 2 * SLICES + 3, "some of it has come")
        listening.kill()
        with pytest.raises(httpx.HTTPError):
            broken.result()
    refused = ask(other, REFUSED)
    assert refused.status_code == 503
    assert "no server that receives what C-MOVE asks for can be reached" in refused.text
    assert "dicom_listens" in refused.text

    pacs.pause_s = 0.0
    listening.start()
    assert read(other, BROKEN) == held[BROKEN]

    with listening.client(EAST) as client:
        asked = [client.get("/dicom-web/studies?limit=1") for _ in range(20)]
    listening.kill()
    assert [granted(other, answer).tenant_id for answer in asked] == [EAST] * 20
    other.cli("audit", "verify")
