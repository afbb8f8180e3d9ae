"""Two server processes on one PostgreSQL behind one Envoy: one is killed and started again while clients continue."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import NamedTuple

import pytest

from radgate import Client
from radgate_server.core.access.tenancy import Role
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.studies import EAST, Original
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port
from tests.integration.postgres import running_postgres

CALLS = "radgate_rpc_total"


class Processes(NamedTuple):
    """`first` runs Envoy; `second` is reached through it alone."""

    first: RadgateProcess
    second: RadgateProcess


@pytest.fixture
def processes(tmp_path: Path, orthanc: OrthancServer) -> Iterator[Processes]:
    with ExitStack() as running:
        url = running.enter_context(running.enter_context(running_postgres()).database(tmp_path.name))
        port = free_port()
        common = {"RADGATE_DATABASE_URL": url, "RADGATE_GATEWAY__SHARED_SECRET": "s" * 32}
        with_envoy = {"RADGATE_GATEWAY__SERVERS": f'["127.0.0.1:{port}"]', "RADGATE_DICOM_AET": "RADGATE"}
        alone = {"RADGATE_GATEWAY__ENABLED": "false", "RADGATE_GRPC_PORT": str(port), "RADGATE_DICOM_AET": "RADGATE2"}
        first = RadgateProcess(tmp_path / "first", common | with_envoy).tenant(EAST, dimse(orthanc), Role.OPERATOR)
        second = first.beside(tmp_path / "second", common | alone)
        for server in (second, first):
            running.enter_context(server)
        yield Processes(first, second)


def test_one_is_killed_and_started_again_while_clients_continue(
    processes: Processes, originals: list[Original]
) -> None:
    first, second = processes
    studies = sorted({original.dataset.StudyInstanceUID for original in originals})
    with first.client(EAST) as web, Client(first.endpoints["http"], first.keys[EAST]) as client:

        def all_answered() -> None:
            for study in studies:
                series = [each.series_instance_uid for each in client.search_series(study)]
                answer = web.get(f"/dicom-web/studies/{study}/series")
                assert answer.status_code == 200, answer.text
                assert sorted(series) == sorted(item["0020000E"]["Value"][0] for item in answer.json())

        def asked_second() -> bool:
            before = second.metric(CALLS)
            all_answered()
            return second.metric(CALLS) > before

        assert asked_second()
        second.kill()
        all_answered()
        second.start()
        wait_for(asked_second, "Envoy asks the second process again")
        with under_load(first, studies) as answers:
            second.stop()
            second.start()
            wait_for(asked_second, "Envoy asks the second process again")
        assert set(answers) == {200}, answers


@contextmanager
def under_load(server: RadgateProcess, studies: Sequence[str]) -> Iterator[Counter[int]]:
    """Ask four times at once, for all studies in turn, until the block ends; yields how often each status came."""
    answers, ended = Counter[int](), Event()

    def ask() -> Counter[int]:
        found = Counter[int]()
        with server.client(EAST) as web:
            while not ended.is_set():
                found.update(web.get(f"/dicom-web/studies/{study}/series").status_code for study in studies)
        return found

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask) for _ in range(4)]
        try:
            yield answers
        finally:
            ended.set()
            for each in asking:
                answers.update(each.result())
