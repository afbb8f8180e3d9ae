"""A study that arrives at a real Orthanc has its priors fetched; what is copied there from another archive has not."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from radgate_server.adapters.clock import SystemClock
from radgate_server.app import build_app
from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.pacs.connections import OrthancConnection, PacsConfig
from radgate_server.core.prefetch.batch import PrefetchedStudy, PrefetchOutcome
from radgate_server.core.prefetch.priors import PriorRule, Trigger
from radgate_server.installation.gate import Purpose
from radgate_server.installation.opening import Directories, open_installation
from radgate_server.settings.pacs import PacsSettings
from tests.fakes.instances import make_instance
from tests.integration.orthanc import OrthancServer
from tests.integration.settings_of_one import settings_of_one

START = datetime(2020, 1, 1, tzinfo=UTC)
TODAY = f"{datetime.now(UTC):%Y%m%d}"
RULE = PriorRule("priors", enabled=True, triggers=frozenset({Trigger.ARRIVAL}))
NEW, OLD, COPIED, OTHER = (f"2.25.60{number}" for number in range(4))


def instance(study: str, day: str, patient: str, number: int) -> bytes:
    return make_instance(study, f"{study}.1", f"{study}.1.{number}", PatientID=patient, StudyDate=day, Modality="CT")


@pytest.fixture
async def directories(tmp_path: Path, orthanc: OrthancServer) -> AsyncIterator[Directories]:
    """Of a running server that asks for news all the time."""
    settings = settings_of_one(tmp_path, pacs=PacsSettings(changes_interval_s=0.1))
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        installation = await open_installation(stack, settings, clock, purpose=Purpose.BEGIN)
        await installation.directories.tenants.create_tenant(Tenant("east", clock.now()))
        config = PacsConfig("east", "main", OrthancConnection(orthanc.url), clock.now())
        await installation.directories.pacs.create_pacs(config)
        await installation.directories.prior_rules.put("east", RULE)
        await stack.enter_async_context(build_app(settings))
        yield installation.directories


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path / "orthanc") as orthanc:
        yield orthanc


async def test_priors_of_what_arrives_are_fetched_unless_it_is_old(
    directories: Directories, orthanc: OrthancServer
) -> None:
    async def store(study: str, day: str, patient: str, number: int = 1) -> None:
        await asyncio.to_thread(orthanc.request, "POST", "/instances", instance(study, day, patient, number))

    await store(OLD, "20200101", "P-7")
    await store(OTHER, "20180101", "P-8")
    rows: list[PrefetchedStudy] = []
    async with asyncio.timeout(30):
        for number in range(100):  # what arrives before the server follows the feed is reported by no one
            await store(COPIED, "20190101", "P-8", number)
            await store(NEW, TODAY, "P-7", number)
            await asyncio.sleep(0.3)
            if rows := list(await directories.prefetched.fetched_since("east", START)):
                break
    assert [(row.study_instance_uid, row.source, row.outcome) for row in rows] == [
        (OLD, "arrival", PrefetchOutcome.FETCHED)
    ]
