"""Old servers behind one Envoy, a new one joins them and changes the schema, and they are drained, under load."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from radgate import Client, UnavailableError
from radgate_server.adapters.database.schema_revision import revision_of
from tests.drill.machines.clients import Answer, Clients, Outcome
from tests.drill.machines.studies import Study, make_studies, pixel_data
from tests.e2e.counting_pacs import CountingPacs, slices
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port
from tests.integration.postgres import running_postgres

TENANT = "east"
STUDIES, INSTANCES = 6, 6
LONG_STUDIES = [f"2.25.1500{number}" for number in range(1, 7)]
LONG_PAUSE_S = 0.5
"""The PACS takes so long for each of their instances, so that a stream of one outlasts the drain."""
BEGUN = 3
"""So many are being sent before servers are drained: one by each server, and two of the four are drained."""
DRAIN_S = 5


@dataclass(frozen=True)
class Replacement:
    """What was seen: schemas before and after, calls answered by the new server, and what clients met.

    `cut` counts the streams that a drained server ended, each of which continued elsewhere by its resume token.
    """

    schema_before: str
    schema_after: str
    answered_by_new: float
    answers: Sequence[Answer]
    cut: int

    @property
    def outcomes(self) -> Counter[Outcome]:
        """Of all answers."""
        return Counter(one.outcome for one in self.answers)

    @property
    def failures(self) -> Counter[str]:
        """Of whatever was not right: what was asked for, and what came."""
        return Counter(f"{one.act}: {one.why}" for one in self.answers if one.outcome is not Outcome.RIGHT)


@dataclass(frozen=True)
class Versions:
    """`front` runs Envoy. It and the other `old` ones run from the start, `new` does not yet."""

    front: RadgateProcess
    old: Sequence[RadgateProcess]
    new: RadgateProcess
    pacs: CountingPacs


def replace_servers(folder: Path, program: Mapping[str, str], *, clients: int, seconds: float) -> Replacement:
    """Have clients read for so many seconds before the new server comes, beside it, and after old ones were drained."""
    studies = make_studies(STUDIES, INSTANCES)
    with _running(folder, program, studies) as versions:
        front, new = versions.front, versions.new
        before = revision_of(front.database_url)
        with Clients([front.url], front.keys[TENANT], studies, clients) as reading:
            time.sleep(seconds)
            new.start()
            wait_for(lambda: _answered(new), "the new server answers beside the old ones", 60)
            time.sleep(seconds)
            cut = _drain(versions)
            time.sleep(seconds)
        answered = _answered(new)
        found = Replacement(before, revision_of(front.database_url), answered, reading.answers, cut)
        new.cli("audit", "verify", "--tenant", TENANT)
        return found


def _answered(server: RadgateProcess) -> float:
    return server.metric("radgate_rpc_total")


def _drain(versions: Versions) -> int:
    """Stop the old servers but the front one while long studies are read; how often a stream of one was cut."""
    front = versions.front
    with (
        Client(front.endpoints["http"], front.keys[TENANT]) as client,
        ThreadPoolExecutor(len(LONG_STUDIES)) as threads,
    ):
        reading = [threads.submit(_read, client, study) for study in LONG_STUDIES]
        wait_for(lambda: _begun(versions.pacs) >= BEGUN, "the PACS sends long studies", 60)
        for server in versions.old:
            server.stop()
        return sum(read.result() for read in reading)


def _begun(pacs: CountingPacs) -> int:
    """How many of the long studies it sends, or has sent."""
    return sum(any(uid.startswith(f"{study}.") for uid in list(pacs.gets)) for study in LONG_STUDIES)


def _read(client: Client, study: str) -> int:
    """Read the study, from a resume token when a stream ends early; how often that was."""
    held = {str(one.SOPInstanceUID): one.PixelData for one in slices(study)}
    came, token, cut = dict[str, bytes](), b"", 0
    while True:
        retrieval = client.retrieve_study(study, resume_token=token, max_resumes=0)
        try:
            for one in retrieval:
                assert one.sop_instance_uid not in came, "an instance came twice"
                came[one.sop_instance_uid] = pixel_data(one.data)
        except UnavailableError:
            token = retrieval.resume_token
            if came and not token:
                raise  # what came would come again
            cut += bool(token)
        else:
            assert came == held, "a stream that continued elsewhere had other bytes"
            return cut


@contextmanager
def _running(folder: Path, program: Mapping[str, str], studies: Sequence[Study]) -> Iterator[Versions]:
    with (
        OrthancServer(folder / "orthanc") as orthanc,
        CountingPacs(held=[one for study in LONG_STUDIES for one in slices(study)], pause_s=LONG_PAUSE_S) as pacs,
        running_postgres() as postgres,
        postgres.database("versions") as url,
        ExitStack() as running,
    ):
        for instance in (instance for study in studies for instance in study.instances):
            orthanc.request("POST", "/instances", instance.file)
        versions = _installed(folder, program, url, orthanc, pacs)
        running.callback(versions.new.stop)
        old = (*versions.old, versions.front)
        for server in old:
            running.callback(server.stop)
        with ThreadPoolExecutor(len(old)) as threads:
            list(threads.map(RadgateProcess.start, old))
        yield versions


def _installed(
    folder: Path, program: Mapping[str, str], url: str, orthanc: OrthancServer, pacs: CountingPacs
) -> Versions:
    """Servers of one installation, which the old version made."""
    ports = [free_port() for _ in range(3)]
    common = {
        "RADGATE_DATABASE_URL": url,
        "RADGATE_GATEWAY__SHARED_SECRET": token_hex(32),
        "RADGATE_GATEWAY__ACCESS_LOG": "false",
        "RADGATE_IMAGING__WORKERS": "1",
        "RADGATE_DRAIN_S": str(DRAIN_S),
    }
    behind = {"RADGATE_GATEWAY__ENABLED": "false", "RADGATE_DICOM_LISTENS": "false"}
    with_envoy = {"RADGATE_GATEWAY__SERVERS": json.dumps([f"127.0.0.1:{port}" for port in ports])}
    front = RadgateProcess(folder / "front", {**common, **with_envoy, **program})
    _make_tenant(front, orthanc, pacs)
    own = [{**common, **behind, "RADGATE_GRPC_PORT": str(port)} for port in ports]
    old = [front.beside(folder / f"old{number}", {**own[number], **program}) for number in (0, 1)]
    return Versions(front, old, front.beside(folder / "new", own[2]), pacs)


def _make_tenant(server: RadgateProcess, orthanc: OrthancServer, pacs: CountingPacs) -> None:
    """By the server's own command line: what this version would make would have its schema already."""
    server.cli("tenant", "create", TENANT)
    add = ("pacs", "add", "dimse", "--tenant", TENANT, "--host", "127.0.0.1", "--calling-aet", "RADGATE")
    server.cli(*add, "--name", "archive", "--port", str(orthanc.dicom_port), "--called-aet", orthanc.ae_title)
    server.cli(*add, "--name", "slow", "--port", str(pacs.dicom_port), "--called-aet", "FAULTY")
    server.keys[TENANT] = server.cli("key", "create", "--tenant", TENANT, "--role", "operator").strip()
