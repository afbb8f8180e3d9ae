"""A primary goes away, and its backup holds the same study otherwise: patients are never mixed in silence."""

import json
from collections.abc import AsyncIterator
from io import BytesIO

import pydicom
import pytest

import radgate
from radgate_server.core.errors import PacsUnreachableError
from radgate_server.core.pacs.connections import FailoverPolicy, FolderConnection, PacsConfig
from tests.fakes.clock import START
from tests.fakes.instances import make_study
from tests.rpc.composition import REVALIDATE_AFTER_S
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_STUDY, Rig

LISTED_S = 31
"""From then on the study is listed again."""
GONE = PacsUnreachableError("the PACS can't be reached", pacs="main")
POLICY = FailoverPolicy(failback_after_s=60)
STUDY = f"/studies/{EAST_STUDY}"
ONE = f"{STUDY}/series/{EAST_STUDY}.1/instances/{EAST_STUDY}.1.1"
DIFFERS = "A backup answers"


@pytest.fixture(autouse=True)
async def backup(rig: Rig) -> None:
    """The backup has the study as it was before the patient was corrected in the primary."""
    rig.east.replace(*files("RIGHT"))
    rig.second.replace(*files("WRONG"))
    config = PacsConfig("east", "second", FolderConnection("/second"), START, "main", POLICY)
    await rig.directory.create_pacs(config)


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[radgate.aio.Client]:
    async with radgate.aio.Client(rig.target, await rig.key("east")) as client:
        yield client


def files(patient_id: str, count: int = 3) -> list[bytes]:
    return make_study(count, study=EAST_STUDY, series=2, PatientID=patient_id)


async def come_back(rig: Rig) -> None:
    """The primary answers again, and does so for as long as the policy wants before it gets its work back."""
    rig.east.refuse_with = None
    for _ in range(2):
        rig.clock.advance(POLICY.failback_after_s)
        rig.tracker.observe("east", "main", "echo", None)
    await rig.tracker.settle()
    assert rig.tracker.active("east", "main") == "main"


async def patients_of(web: Web, url: str = STUDY) -> tuple[list[str], list[str]]:
    """The patients of the instances, and the warnings of the answer."""
    answer = await web.get(f"{url}/metadata")
    assert answer.error is None
    return [one["00100020"]["Value"][0] for one in json.loads(answer.body)], answer.header("warning")


async def test_what_is_cached_of_the_primary_is_served_with_a_warning_until_it_answers(rig: Rig, web: Web) -> None:
    assert await patients_of(web) == (["RIGHT"] * 6, [])
    rig.east.refuse_with = GONE
    for passed_s in (LISTED_S, REVALIDATE_AFTER_S):  # while it is trusted, and in doubt
        rig.clock.advance(passed_s)
        patients, warnings = await patients_of(web)
        assert patients == ["RIGHT"] * 6
        assert any(DIFFERS in warning for warning in warnings)
    assert rig.second.sent == 0
    await come_back(rig)
    assert await patients_of(web) == (["RIGHT"] * 6, [])


async def test_two_patients_in_one_answer_come_with_a_warning_and_only_until_the_primary_answers(
    rig: Rig, web: Web
) -> None:
    assert await patients_of(web, ONE) == (["RIGHT"], [])
    rig.east.refuse_with = GONE
    rig.clock.advance(LISTED_S)
    patients, warnings = await patients_of(web)
    assert set(patients) == {"RIGHT", "WRONG"}
    assert any(DIFFERS in warning for warning in warnings)
    await come_back(rig)
    assert await patients_of(web) == (["RIGHT"] * 6, [])
    assert await patients_of(web, ONE) == (["RIGHT"], [])


async def test_that_instances_of_a_backup_are_cached_outlives_the_process(rig: Rig, web: Web) -> None:
    await patients_of(web, ONE)
    rig.east.refuse_with = GONE
    rig.clock.advance(LISTED_S)
    await patients_of(web)
    rig.known_states.invalidate("east", None)
    await come_back(rig)
    assert await patients_of(web) == (["RIGHT"] * 6, [])


async def test_the_completeness_record_warns_of_a_backup_that_lacks_instances(
    rig: Rig, client: radgate.aio.Client
) -> None:
    rig.second.replace(*files("RIGHT")[:4])
    assert len([found async for found in client.retrieve_study(EAST_STUDY)]) == 6
    rig.east.refuse_with = GONE
    rig.clock.advance(LISTED_S)
    with pytest.warns(radgate.DoubtfulAnswerWarning, match=DIFFERS):
        assert len([found async for found in client.retrieve_study(EAST_STUDY)]) == 4
    await come_back(rig)
    assert len([found async for found in client.retrieve_study(EAST_STUDY)]) == 6


async def test_a_backup_that_agrees_confirms(rig: Rig, web: Web) -> None:
    rig.second.replace(*files("RIGHT"))
    assert await patients_of(web, ONE) == (["RIGHT"], [])
    rig.east.refuse_with = GONE
    for passed_s in (LISTED_S, REVALIDATE_AFTER_S):
        rig.clock.advance(passed_s)
        assert await patients_of(web) == (["RIGHT"] * 6, [])
    sent = rig.east.sent, rig.second.sent
    await come_back(rig)
    rig.clock.advance(REVALIDATE_AFTER_S)
    assert await patients_of(web) == (["RIGHT"] * 6, [])
    assert (rig.east.sent, rig.second.sent) == sent


async def test_what_a_backup_sends_in_the_middle_of_a_stream_is_fetched_again_from_the_primary(
    rig: Rig, client: radgate.aio.Client
) -> None:
    rig.east.abort_after = 1
    with pytest.warns(radgate.DoubtfulAnswerWarning, match="another patient"):
        assert await patients_by_sdk(client) == {"RIGHT", "WRONG"}
    rig.east.abort_after = None
    rig.clock.advance(REVALIDATE_AFTER_S)
    assert await patients_by_sdk(client) == {"RIGHT"}


async def patients_by_sdk(client: radgate.aio.Client) -> set[str]:
    return {str(pydicom.dcmread(BytesIO(found.data)).PatientID) async for found in client.retrieve_study(EAST_STUDY)}
