"""Two servers on one PostgreSQL, and what a client gets of them of a study in a PACS that counts."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from email import message_from_bytes
from io import BytesIO
from pathlib import Path

import httpx
from pydicom import dcmread
from pydicom.dataset import Dataset

from radgate_server.core.access.tenancy import Role
from radgate_server.core.pacs.connections import DimseConnection
from tests.e2e.counting_pacs import SLICES, STUDY, CountingPacs
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import EAST
from tests.e2e.waiting import wait_for
from tests.integration.postgres import running_postgres


@contextmanager
def two_servers(
    tmp_path: Path, pacs: CountingPacs, settings: Mapping[str, str] | None = None, role: Role = Role.VIEWER
) -> Iterator[list[RadgateProcess]]:
    """Both, with the same keys and settings, and caches of their own; `role` is that of their client."""
    with running_postgres() as postgres, postgres.database(tmp_path.name) as url, ExitStack() as running:
        common = {"RADGATE_DATABASE_URL": url, **(settings or {})}
        archive = DimseConnection("127.0.0.1", pacs.dicom_port, "FAULTY", "RADGATE")
        first = RadgateProcess(tmp_path / "first", common).tenant(EAST, archive, role)
        second = first.beside(tmp_path / "second", common)
        for server in (first, second):
            running.enter_context(server)
        wait_for(lambda: all(map(knows_the_other, (first, second))), "they know of each other")
        yield [first, second]


def knows_the_other(server: RadgateProcess) -> bool:
    return "2 servers share the database" in server.log()


def read(server: RadgateProcess, study: str = STUDY) -> dict[str, bytes]:
    """Pixel data by SOP Instance UID, as a client gets it."""
    return {str(one.SOPInstanceUID): one.PixelData for one in files_from(server, study)}


def files_from(server: RadgateProcess, study: str = STUDY) -> list[Dataset]:
    """A study as a client gets it."""
    with server.client(EAST) as client:
        answer = client.get(
            f"/dicom-web/studies/{study}", headers={"accept": 'multipart/related; type="application/dicom"'}
        )
    files = files_of(answer)
    assert len(files) == SLICES
    return files


def files_of(answer: httpx.Response) -> list[Dataset]:
    """The DICOM files of a multipart answer (PS3.18 8.7.3)."""
    answer.raise_for_status()
    head = f"content-type: {answer.headers['content-type']}\r\n\r\n".encode()
    parts = message_from_bytes(head + answer.content).get_payload()
    return [dcmread(BytesIO(part.get_payload(decode=True))) for part in parts]
