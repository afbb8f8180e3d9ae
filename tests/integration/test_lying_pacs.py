"""What of a lying PACS gets through each adapter's door: the tee's view, with nothing but the adapter in between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from radgate_server.adapters.pacs.dicomweb import build_dicomweb_pacs
from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance, ReceivedInstance
from radgate_server.core.errors import reason_of
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    PacsConfig,
    PacsConnection,
    RetrieveMethod,
)
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.quarantine.refused_instance import QuarantineLimits, RefusedInstance
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.quarantine.storing import QuarantineWriter
from radgate_server.services.query.fan_out import AskLimits
from radgate_server.services.retrieve.listing import StudyLister
from radgate_server.services.retrieve.study_doubts import StudyDoubts
from radgate_server.settings.pacs import DimseSettings, WebPacsSettings
from tests.conformance.pacs_suite import config_of, fetch
from tests.fakes.clock import FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.quarantine import MemoryQuarantine
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.lying_pacs import HONEST, LIES, OTHER, LyingPacs, slices

TENANT = "tenant"
ENDPOINTS = ("C-GET", "C-MOVE", "DICOMweb")
SERIES = f"{HONEST}.1"
LIED = f"{SERIES}.2"
OTHERS_SLICE = (OTHER, f"{OTHER}.1", f"{OTHER}.1.2")
SCOPES = {
    QueryLevel.STUDY: RetrieveScope(HONEST),
    QueryLevel.SERIES: RetrieveScope(HONEST, SERIES),
    QueryLevel.IMAGE: RetrieveScope(HONEST, SERIES, LIED),
}
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@asynccontextmanager
async def reached(pacs: LyingPacs, endpoint: str, doubts: StudyDoubts) -> AsyncIterator[PacsClients]:
    """The PACS as services reach it, by that door."""
    settings, telemetry = DimseSettings(), RecordingTelemetry()
    scp = StorageScp("RADGATE", host="127.0.0.1", port=0, settings=settings)
    await scp.start()
    pacs.destinations["RADGATE"] = ("127.0.0.1", scp.port)
    connection: PacsConnection = DicomWebConnection(f"http://127.0.0.1:{pacs.web_port}")
    if endpoint != "DICOMweb":
        method = RetrieveMethod.GET if endpoint == "C-GET" else RetrieveMethod.MOVE
        connection = DimseConnection("127.0.0.1", pacs.dicom_port, "FAULTY", "RADGATE", method)

    def dimse(config: PacsConfig) -> PacsClient:
        return build_dimse_pacs(config, settings=settings, storage_scp=scp, telemetry=telemetry)

    def dicomweb(config: PacsConfig) -> PacsClient:
        return build_dicomweb_pacs(config, settings=WebPacsSettings(), telemetry=telemetry)

    clock = FakeClock()
    directory = MemoryDirectory(clock.now)
    await directory.create_tenant(Tenant(TENANT, clock.now()))
    await directory.create_pacs(config_of(connection))
    clients = PacsClients(directory, {"dimse": dimse, "dicomweb": dicomweb}, observer=doubts)
    try:
        yield clients
    finally:
        await clients.close()
        await scp.close()


async def brought(
    lie: str,
    endpoint: str,
    level: QueryLevel,
    telemetry: RecordingTelemetry,
    quarantine: QuarantineWriter | None = None,
) -> tuple[dict[str, bytes], dict[str, str], str]:
    """What was taken by SOP Instance UID, why others were not, and what has to be said of the study."""
    doubts = StudyDoubts(telemetry, quarantine=quarantine)
    with LyingPacs(lie) as pacs:
        async with reached(pacs, endpoint, doubts) as clients:
            lister = StudyLister(clients, AskLimits(100, 60), ttl_s=30, route_ttl_s=30, clock=FakeClock())
            (part,) = (await lister.list(TENANT, SCOPES[level])).parts
            arrivals = await fetch(part.client, SCOPES[level], part.listed)
    taken = {
        one.ref.sop_instance_uid: b"".join(one.content.pieces(1 << 20))
        for one in arrivals
        if isinstance(one, ReceivedInstance)
    }
    failed = {one.ref.sop_instance_uid: reason_of(one.error) for one in arrivals if isinstance(one, FailedInstance)}
    return taken, failed, doubts.warning_of(TENANT, HONEST)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("lie", "reason", "level"),
    [
        *(("swapped", "INSTANCE_MISMATCH", level) for level in QueryLevel),
        ("cut", "INSTANCE_MALFORMED", QueryLevel.STUDY),
        ("random", "INSTANCE_MALFORMED", QueryLevel.STUDY),
    ],
)
async def test_what_is_not_the_listed_instance_is_not_taken(
    lie: str, reason: str, endpoint: str, level: QueryLevel
) -> None:
    telemetry = RecordingTelemetry()
    taken, failed, _ = await brought(lie, endpoint, level, telemetry)
    assert failed == {LIED: reason}
    assert set(taken) == (set() if level is QueryLevel.IMAGE else {f"{SERIES}.1", f"{SERIES}.3"})
    assert not any(b"WRONG" in file for file in taken.values())
    assert [refused[2] for refused in telemetry.instances_refused] == [reason]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("level", [QueryLevel.STUDY, QueryLevel.IMAGE])
@pytest.mark.parametrize("lie", ["swapped", "cut", "random"])
async def test_the_bytes_of_what_is_not_taken_are_stored_as_they_came(
    lie: str, endpoint: str, level: QueryLevel
) -> None:
    clock = FakeClock()
    quarantine = MemoryQuarantine(clock)
    writer = QuarantineWriter(quarantine, QuarantineLimits(1 << 30, 100, 1 << 20, 60), RecordingTelemetry())
    await brought(lie, endpoint, level, RecordingTelemetry(), writer)
    await writer.settle()
    ((entry, stored),) = quarantine.stored
    (asked,) = (one for one in slices() if one.SOPInstanceUID == LIED)
    (other,) = (one for one in slices() if one.SOPInstanceUID == OTHERS_SLICE[2])
    assert stored.endswith(LIES[lie](asked, other))
    is_stranger = (
        lie == "swapped" and endpoint == "DICOMweb" and level is QueryLevel.STUDY
    )  # it stands for nothing listed
    asked_for = (SCOPES[QueryLevel.STUDY], "") if is_stranger else (SCOPES[QueryLevel.IMAGE], "RIGHT")
    assert entry.refused == (
        RefusedInstance(TENANT, "main", "INSTANCE_MISMATCH", *asked_for, InstanceRef(*OTHERS_SLICE), "WRONG")
        if lie == "swapped"
        else RefusedInstance(TENANT, "main", "INSTANCE_MALFORMED", *asked_for)
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_another_patient_id_alone_is_warned_of(endpoint: str) -> None:
    telemetry = RecordingTelemetry()
    taken, failed, warning = await brought("patient", endpoint, QueryLevel.STUDY, telemetry)
    assert LIED in taken
    assert failed == {}
    assert "another patient" in warning
    assert telemetry.patients_differing


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_an_honest_pacs_is_believed(endpoint: str) -> None:
    telemetry = RecordingTelemetry()
    taken, failed, warning = await brought("honest", endpoint, QueryLevel.STUDY, telemetry)
    assert (len(taken), failed, warning, telemetry.instances_refused) == (3, {}, "", [])
