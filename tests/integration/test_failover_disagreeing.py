"""The drill with archives that disagree: a patient was corrected in the primary alone, and its backup lacks instances.

Two real Orthancs, over C-GET, behind the whole server and its gRPC door.
"""

import asyncio
import warnings
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

import radgate
from radgate_server.core.pacs.failover import TransitionCause
from radgate_server.core.pacs.health import Health
from radgate_server.settings.cache import CacheSettings
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.settings import Settings
from tests.fakes.instances import make_study
from tests.integration.orthanc import OrthancServer
from tests.integration.test_failover_drill import WATCHFUL, Hospital, open_hospital

CORRECTED, PARTIAL = "2.25.7801", "2.25.7802"
ONE = (f"{CORRECTED}.1", f"{CORRECTED}.1.1")


def held_by(name: str) -> list[bytes]:
    """What the archive has of both studies."""
    patient_id = "RIGHT" if name == "main" else "WRONG"
    partial = make_study(3, study=PARTIAL)
    return make_study(3, study=CORRECTED, PatientID=patient_id) + (partial if name == "main" else partial[:2])


@pytest.fixture
async def hospital(tmp_path: Path) -> AsyncIterator[Hospital]:
    settings = Settings(
        data_dir=tmp_path / "data",
        grpc_port=0,
        dicom_port=0,
        metrics_port=0,
        pacs=WATCHFUL,
        cache=CacheSettings(query_ttl_s=0, revalidate_after_s=2, revalidate_retry_s=0.5),
        gateway=GatewaySettings(enabled=False),
    )
    servers = {name: OrthancServer(tmp_path / name, ae_title=name.upper()) for name in ("main", "spare")}
    with servers["main"], servers["spare"]:
        for name, server in servers.items():
            for file in held_by(name):
                server.request("POST", "/instances", file)
        async with open_hospital(settings, servers) as hospital:
            yield hospital


async def patients_of(client: radgate.aio.Client, study: str, *below: str) -> tuple[list[str], list[str]]:
    """Whose the instances are, and what the answer warns of."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        stream = client.retrieve_study(study, *below, timeout_s=60)
        patients = [str(pydicom.dcmread(BytesIO(found.data)).PatientID) async for found in stream]
    return sorted(patients), [str(one.message) for one in warned if one.category is radgate.DoubtfulAnswerWarning]


async def test_nothing_of_a_backup_that_differs_is_served_in_silence(hospital: Hospital) -> None:
    main = hospital.orthancs["main"]
    async with hospital.client() as client:
        await hospital.until_health("main", Health.UP)
        await hospital.until_health("spare", Health.UP)
        assert await patients_of(client, CORRECTED, *ONE) == (["RIGHT"], [])
        assert await patients_of(client, PARTIAL, f"{PARTIAL}.1", f"{PARTIAL}.1.1") == (["P-1"], [])

        main.kill()
        patients, warned = await patients_of(client, CORRECTED)
        assert patients == ["RIGHT", "WRONG", "WRONG"]
        assert any("A backup answers" in text for text in warned)
        patients, warned = await patients_of(client, PARTIAL)
        assert patients == ["P-1", "P-1"]
        assert any("A backup answers" in text for text in warned)

        await asyncio.to_thread(main.start)
        await hospital.transition(TransitionCause.AUTOMATIC_FAILBACK)
        async with asyncio.timeout(60):
            while await patients_of(client, CORRECTED) != (["RIGHT"] * 3, []):
                await asyncio.sleep(0.1)
            while await patients_of(client, PARTIAL) != (["P-1"] * 3, []):
                await asyncio.sleep(0.1)
