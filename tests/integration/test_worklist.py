"""Modality worklists: DCMTK's, those that misbehave, and what comes of a step in a running server."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import service_class
from pynetdicom.dsutils import encode
from pynetdicom.events import Event
from pynetdicom.sop_class import ModalityWorklistInformationFind

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.pacs.dimse.find import query
from radgate_server.adapters.pacs.dimse.worklist import MAX_STEP_BYTES, DimseWorklist, build_dimse_worklist
from radgate_server.app import build_app
from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.errors import PacsNoContextError, PacsUnreachableError
from radgate_server.core.pacs.connections import DimseConnection, FolderConnection, PacsConfig
from radgate_server.core.prefetch.batch import PrefetchedStudy, PrefetchOutcome
from radgate_server.core.prefetch.expected import ExpectedStudy
from radgate_server.core.prefetch.priors import PriorRule, Trigger
from radgate_server.core.prefetch.worklist import expected_studies
from radgate_server.installation.gate import Purpose
from radgate_server.installation.opening import open_installation
from radgate_server.settings.prefetch import PrefetchSettings
from radgate_server.settings.shared.worklists import WorklistSettings, WorklistTls
from tests.fakes.instances import make_instance
from tests.integration.faulty_scp import FaultyScp, identifier
from tests.integration.hospital import PLAIN, Hospital, server_of
from tests.integration.ports import free_port
from tests.integration.settings_of_one import settings_of_one
from tests.integration.waiting import until
from tests.integration.worklist_server import AE_TITLE, scheduled_step, worklist_server

TODAY = datetime.now(UTC).date()
TOMORROW = TODAY + timedelta(days=1)
MODELS = (ModalityWorklistInformationFind,)

# pynetdicom's own server, our counterpart here, leaves sockets to the garbage collector when the peer was faster.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <(ssl.SSLS|s)ocket:pytest.PytestUnraisableExceptionWarning"
    ),
]


@asynccontextmanager
async def connected(port: int, called_aet: str = AE_TITLE, **options: Any) -> AsyncIterator[DimseWorklist]:
    connection = DimseConnection("127.0.0.1", port, called_aet, "RADGATE", **options)
    worklist = build_dimse_worklist("ris", connection, PLAIN)
    try:
        yield worklist
    finally:
        await worklist.close()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_dcmtks_worklist_gives_the_steps_of_the_days_that_are_asked_for(tmp_path: Path) -> None:
    steps = [
        scheduled_step("P-1", "A-1", TODAY, study="2.25.7"),
        scheduled_step("P-2", "A-2", TOMORROW, modality="MR"),
        scheduled_step("P-3", "A-3", TODAY - timedelta(days=1)),
        scheduled_step("P-4", "A-4", TODAY + timedelta(days=2)),
    ]
    with worklist_server(tmp_path, steps) as port:
        await until(lambda: listens(port))
        async with connected(port) as worklist:
            answer = await worklist.find_steps(TODAY, TOMORROW, max_results=10)
            cut = await worklist.find_steps(TODAY, TOMORROW, max_results=1)
    studies, left_out = expected_studies(answer.steps, TODAY, TOMORROW)
    assert (len(answer.steps), left_out, answer.truncated, answer.malformed) == (2, 0, False, 0)
    first, second = sorted(studies, key=lambda study: study.event_id)
    ct, mr = frozenset({"CT"}), frozenset({"MR"})
    assert first == ExpectedStudy("P-1", "A-1", TODAY, ct, frozenset(), "CT chest", "2.25.7")
    assert (second.patient_id, second.study_date, second.modalities) == ("P-2", TOMORROW, mr)
    assert all("00100010" not in step for step in answer.steps)  # nobody's name was asked for
    assert (len(cut.steps), cut.truncated) == (1, True)


def pending(*answers: Dataset | None) -> Callable[[Event], Iterator[Any]]:
    def on_find(_: Event) -> Iterator[Any]:
        for answer in answers:
            yield 0xFF00, answer

    return on_find


async def test_a_worklist_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "_DRAIN_S", 0.5)
    sent: list[int] = []

    def endless(_: Event) -> Iterator[Any]:
        while True:  # it hears of no C-CANCEL
            sent.append(1)
            yield 0xFF00, scheduled_step(f"P-{len(sent)}", f"A-{len(sent)}", TODAY)

    with FaultyScp(on_find=endless, models=MODELS) as ris:
        async with connected(ris.port) as worklist:
            answer = await worklist.find_steps(TODAY, TOMORROW, max_results=5)
        await until(ris.aborted.is_set)
    assert (len(answer.steps), answer.truncated) == (5, True)


async def test_a_worklist_whose_caller_gives_up_is_cut_off() -> None:
    def slow(_: Event) -> Iterator[Any]:
        while True:
            time.sleep(0.05)
            yield 0xFF00, scheduled_step("P-1", "A-1", TODAY)

    with FaultyScp(on_find=slow, models=MODELS) as ris:
        async with connected(ris.port) as worklist:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await worklist.find_steps(TODAY, TOMORROW, max_results=2000)
        await until(ris.aborted.is_set)


async def test_a_step_that_is_broken_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = scheduled_step("P-9", "A-9", TODAY)

    def cut_off(data_set: Dataset, *options: Any) -> bytes | None:
        encoded = encode(data_set, *options)
        return encoded[:-7] if encoded and data_set is broken else encoded

    monkeypatch.setattr(service_class, "encode", cut_off)
    steps = (scheduled_step("P-1", "A-1", TODAY), broken, scheduled_step("P-2", "A-2", TODAY))
    with FaultyScp(on_find=pending(*steps), models=MODELS) as ris:
        async with connected(ris.port) as worklist:
            answer = await worklist.find_steps(TODAY, TOMORROW, max_results=10)
    studies, _ = expected_studies(answer.steps, TODAY, TOMORROW)
    assert [study.patient_id for study in studies] == ["P-1", "P-2"]
    assert answer.malformed == 1


async def test_a_step_that_is_too_large_is_left_out() -> None:
    huge = scheduled_step("P-9", "A-9", TODAY)
    huge.add_new(0x7FE00010, "OB", bytes(2 * MAX_STEP_BYTES))
    with FaultyScp(on_find=pending(huge, scheduled_step("P-1", "A-1", TODAY)), models=MODELS) as ris:
        async with connected(ris.port) as worklist:
            answer = await worklist.find_steps(TODAY, TOMORROW, max_results=10)
    studies, _ = expected_studies(answer.steps, TODAY, TOMORROW)
    assert [study.patient_id for study in studies] == ["P-1"]
    assert answer.malformed == 1


async def test_steps_of_other_patients_and_days_set_nothing_off() -> None:
    yesterday = TODAY - timedelta(days=1)
    lies = (
        scheduled_step("*", "A-1", TODAY),
        scheduled_step("P-?", "A-2", TODAY),
        scheduled_step("P-1", "A-3", yesterday),
        scheduled_step("", "A-4", TODAY),
        identifier(PatientID="P-1"),
    )
    with FaultyScp(on_find=pending(*lies), models=MODELS) as ris:
        async with connected(ris.port) as worklist:
            answer = await worklist.find_steps(TODAY, TOMORROW, max_results=10)
    assert expected_studies(answer.steps, TODAY, TOMORROW) == ((), len(lies))


async def test_what_is_no_worklist_says_so() -> None:
    with FaultyScp() as pacs:
        async with connected(pacs.port) as worklist:
            with pytest.raises(PacsNoContextError):
                await worklist.find_steps(TODAY, TOMORROW, max_results=10)
    async with connected(free_port()) as nobody:
        with pytest.raises(PacsUnreachableError):
            await nobody.find_steps(TODAY, TOMORROW, max_results=10)


async def test_a_worklist_over_tls(tmp_path: Path) -> None:
    hospital = Hospital(tmp_path)
    certificate, key = map(str, hospital.gateway)
    tls = WorklistTls(ca_file=str(hospital.ca), certificate_file=certificate, private_key_file=key)
    server = server_of(hospital.pacs, hospital.ca)
    on_find = pending(scheduled_step("P-1", "A-1", TODAY))
    with FaultyScp(on_find=on_find, models=MODELS, tls=server) as ris:
        settings = WorklistSettings(
            name="ris", tenant="east", host="127.0.0.1", port=ris.port, called_aet=AE_TITLE, tls=tls
        )
        worklist = build_dimse_worklist("ris", settings.connection("RADGATE"), PLAIN)
        answer = await worklist.find_steps(TODAY, TOMORROW, max_results=10)
        await worklist.close()
    assert len(answer.steps) == 1


async def test_who_is_scheduled_has_priors_in_the_cache(tmp_path: Path) -> None:
    (tmp_path / "pacs").mkdir()
    for number, patient in ((1, "P-7"), (2, "P-70")):
        prior = make_instance(
            f"2.25.5{number}",
            f"2.25.5{number}.1",
            f"2.25.5{number}.1.1",
            PatientID=patient,
            StudyDate="20200101",
            Modality="CT",
        )
        (tmp_path / "pacs" / f"{number}.dcm").write_bytes(prior)
    with worklist_server(tmp_path / "worklist", [scheduled_step("P-7", "A-1", TODAY)]) as port:
        await until(lambda: listens(port))
        rows = await prefetched_by(tmp_path, port)
    assert [(row.study_instance_uid, row.source, row.outcome) for row in rows] == [
        ("2.25.51", "worklist", PrefetchOutcome.FETCHED)
    ]


async def prefetched_by(folder: Path, port: int) -> list[PrefetchedStudy]:
    """Run a server with the worklist and a rule for it until it has fetched something."""
    ris = WorklistSettings(name="ris", tenant="east", host="127.0.0.1", port=port, called_aet=AE_TITLE)
    settings = settings_of_one(folder, prefetch=PrefetchSettings(worklists=(ris,)))
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        installation = await open_installation(stack, settings, clock, purpose=Purpose.BEGIN)
        directories = installation.directories
        await directories.tenants.create_tenant(Tenant("east", clock.now()))
        pacs = PacsConfig("east", "main", FolderConnection(str(folder / "pacs")), clock.now())
        await directories.pacs.create_pacs(pacs)
        rule = PriorRule("ct", same_modality=True, enabled=True, triggers=frozenset({Trigger.WORKLIST}))
        await directories.prior_rules.put("east", rule)
        await stack.enter_async_context(build_app(settings))
        async with asyncio.timeout(30):
            while not (rows := await directories.prefetched.fetched_since("east", datetime(2020, 1, 1, tzinfo=UTC))):
                await asyncio.sleep(0.02)
        return list(rows)
