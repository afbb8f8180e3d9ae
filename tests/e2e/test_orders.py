"""Orders by HL7 v2 at a running server: whose priors are fetched, and whose are not whatever a sender says."""

import json
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from radgate_server.adapters.prefetch.hl7.blocks import as_block
from radgate_server.core.access.tenancy import ANY_TENANT, Caller, Principal, Role
from radgate_server.core.pacs.connections import FolderConnection
from radgate_server.core.pacs.setup import PacsSetup
from radgate_server.core.prefetch.priors import PriorRule, Trigger
from radgate_server.services.administration.tenants import AdminService
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.waiting import wait_for
from tests.fakes.hl7_messages import RAD_4
from tests.fakes.instances import make_instance
from tests.integration.ports import free_port

NORTH, SOUTH = "127.0.0.1", "127.0.0.2"
PRIOR, KNEE, OTHER, FOREIGN = (f"2.25.71{number}" for number in range(4))
SENDERS = [
    {"tenant": "north", "networks": [f"{NORTH}/32"], "sending_facility": "NORTH"},
    {"tenant": "south", "networks": [f"{SOUTH}/32"], "sending_facility": "SOUTH"},
    {"tenant": "nowhere", "networks": [f"{SOUTH}/32"], "sending_facility": "NOWHERE"},
]
RULE = PriorRule("ct", same_modality=True, enabled=True, triggers=frozenset({Trigger.ORDER}))


def write(folder: Path, study: str, patient: str, modality: str = "CT") -> None:
    folder.mkdir(exist_ok=True)
    file = make_instance(
        study, f"{study}.1", f"{study}.1.1", PatientID=patient, StudyDate="20250301", Modality=modality
    )
    (folder / f"{study}.dcm").write_bytes(file)


@pytest.fixture
def radgate(tmp_path: Path) -> Iterator[RadgateProcess]:
    """Two tenants whose patients have the same Patient ID, each with its sender; one more sender is of nobody."""
    for study, patient, modality in ((PRIOR, "PAT-7", "CT"), (KNEE, "PAT-7", "MR"), (OTHER, "PAT-70", "CT")):
        write(tmp_path / "north", study, patient, modality)
    write(tmp_path / "south", FOREIGN, "PAT-7")
    settings = {"RADGATE_PREFETCH__ORDERS__PORT": str(free_port())}
    settings["RADGATE_PREFETCH__ORDERS__SENDERS"] = json.dumps(SENDERS)
    process = RadgateProcess(tmp_path, settings)

    async def prepare(admin: AdminService) -> None:
        for tenant in ("north", "south"):
            caller = Caller(Principal("e2e", (ANY_TENANT,), Role.ADMIN), tenant, "local", "e2e", "e2e")
            await admin.create_tenant(caller, tenant)
            connection = FolderConnection(str(tmp_path / tenant))
            await admin.pacs.create(caller, "archive", PacsSetup(connection), skip_validation=True)
            await admin.priors.set_rule(caller, RULE)
            process.keys[tenant] = (await admin.create_key(caller, Role.OPERATOR, "e2e"))[1]

    process.administer(prepare)
    with process:
        yield process


def send(radgate: RadgateProcess, message: bytes, address: str = NORTH) -> str:
    """The code of the answer (MSA-1)."""
    port = int(radgate.settings["RADGATE_PREFETCH__ORDERS__PORT"])
    with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(address, 0)) as connection:
        connection.sendall(as_block(message))
        with connection.makefile("rb") as answers:
            return b"".join(iter(lambda: answers.read(1), b"\x1c")).split(b"\rMSA|")[1][:2].decode()


def events(radgate: RadgateProcess) -> dict[str, float]:
    """Events of orders so far, by outcome."""
    lines = httpx.get(radgate.metrics_url, timeout=30, trust_env=False).text.splitlines()
    mark = 'radgate_prefetch_events_total{outcome="'
    found = (line.removeprefix(mark).split('",source="order"} ') for line in lines if line.startswith(mark))
    return {parts[0]: float(parts[1]) for parts in found if len(parts) > 1}


def prefetched(radgate: RadgateProcess, tenant: str) -> list[str]:
    """The studies of the tenant's jobs, each with its outcome, once they have ended."""
    found: list[str] = []
    with radgate.client(tenant) as rest:

        def studies(job_id: str) -> list[dict[str, str]] | None:
            return rest.get(f"/api/v1/admin/cache/warm/{job_id}").json().get("studies")  # type: ignore[no-any-return]

        for job in rest.get("/api/v1/jobs").json().get("jobs", []):
            rows = wait_for(partial(studies, job["jobId"]), "what became of the job's studies")
            found += [f"{row['studyInstanceUid']} {row['outcome']}" for row in rows]
    return found


def test_an_order_has_the_priors_of_its_patient_cached_once_and_nobody_elses(radgate: RadgateProcess) -> None:
    assert [send(radgate, RAD_4), send(radgate, RAD_4.replace(b"RIS-1001", b"RIS-1002"))] == ["AA", "AA"]
    of_south = RAD_4.replace(b"|NORTH^1.2.3^ISO|", b"|SOUTH|")
    assert send(radgate, of_south) == "AR"  # north's engine names south's facility
    assert send(radgate, RAD_4, SOUTH) == "AR"
    assert send(radgate, RAD_4.replace(b"PAT-7", b"PAT-7*")) == "AR"
    wait_for(lambda: events(radgate).get("submitted") == 1 or None, "the order is handled")
    assert prefetched(radgate, "north") == [f"{PRIOR} PREFETCH_OUTCOME_FETCHED"]
    assert prefetched(radgate, "south") == []
    assert radgate.metric("radgate_prefetched_studies_total") == 1
    assert send(radgate, of_south, SOUTH) == "AA"
    wait_for(lambda: events(radgate).get("submitted") == 2 or None, "the other order is handled")
    assert prefetched(radgate, "south") == [f"{FOREIGN} PREFETCH_OUTCOME_FETCHED"]
    ready = httpx.get(radgate.metrics_url.replace("/metrics", "/readyz"), timeout=30, trust_env=False)
    assert ready.status_code == 200
    assert "prefetch.orders.senders names tenants that do not exist: nowhere" in ready.text
    metrics = httpx.get(radgate.metrics_url, timeout=30, trust_env=False).text
    for private in ("PAT-7", "Muster", "ORD-55", "RIS-1001"):
        assert private not in radgate.log()
        assert private not in metrics
