"""A PACS that sends other instances than it lists, damaged ones, or those of another patient: what of it is served."""

import json
from typing import Any

import grpc
import pytest

from radgate_server.core.access.restriction import RestrictedPatient, make_restriction
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.errors import PacsUnreachableError
from tests.fakes.instances import make_instance
from tests.rpc.calls import error_info_of, reason_of
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_STUDY, Rig
from tests.rpc.test_retrieve import Viewer

SERIES = f"{EAST_STUDY}.1"
LISTED = f"{SERIES}.2"
OTHERS = (f"{SERIES}.1", f"{SERIES}.3")
URL = f"/studies/{EAST_STUDY}/series/{SERIES}"
STRANGER = make_instance("2.25.7", "2.25.7.1", "2.25.7.1.1", PatientName="Stranger", PatientID="S")
WHOLE = make_instance(EAST_STUDY, SERIES, LISTED)

REFUSED = {
    "another patient's": (STRANGER, "INSTANCE_MISMATCH"),
    "of another study": (make_instance("2.25.7", SERIES, LISTED), "INSTANCE_MISMATCH"),
    "of another series": (make_instance(EAST_STUDY, f"{EAST_STUDY}.2", LISTED), "INSTANCE_MISMATCH"),
    "its neighbour": (make_instance(EAST_STUDY, SERIES, OTHERS[0]), "INSTANCE_MISMATCH"),
    "cut in Pixel Data": (WHOLE[:-1], "INSTANCE_MALFORMED"),
    "cut in the header": (WHOLE[:500], "INSTANCE_MALFORMED"),
    "random bytes": (b"\x93\x11\xfe" * 300, "INSTANCE_MALFORMED"),
    "nothing": (b"", "INSTANCE_MALFORMED"),
}
OF_THE_INSTANCE = ("", "/metadata", "/frames/1", "/rendered", "/thumbnail", "/bulkdata/7FE00010")


@pytest.fixture(params=REFUSED)
def lie(rig: Rig, request: pytest.FixtureRequest) -> str:
    rig.east.replaced[LISTED], reason = REFUSED[request.param]
    return reason


@pytest.mark.parametrize("route", OF_THE_INSTANCE)
async def test_nothing_is_served_of_an_instance_that_is_not_the_listed_one(
    rig: Rig, web: Web, lie: str, route: str
) -> None:
    answer = await web.get(f"{URL}/instances/{LISTED}{route}")
    assert (answer.error and reason_of(answer.error), answer.body) == (lie, b"")
    assert await rig.store.get("east", InstanceRef(EAST_STUDY, SERIES, LISTED)) is None


@pytest.mark.parametrize("route", ["", "/metadata"])
@pytest.mark.parametrize("url", [URL, f"/studies/{EAST_STUDY}"])
async def test_the_others_of_the_study_are_served_and_the_answer_does_not_look_whole(
    web: Web, lie: str, url: str, route: str
) -> None:
    answer = await web.get(url + route)
    assert answer.error
    assert reason_of(answer.error) == lie
    assert all(uid.encode() in answer.body for uid in OTHERS)
    assert b"Stranger" not in answer.body


@pytest.mark.parametrize("route", ["", "/metadata"])
async def test_once_it_is_known_the_answer_says_so_beforehand_and_is_whole(
    rig: Rig, web: Web, lie: str, route: str
) -> None:
    await web.get(URL + route)
    asked = rig.east.sent
    answer = await web.get(URL + route)
    assert answer.error is None
    assert answer.header("warning") == [
        '299 radgate "1 instance is left out: the PACS sends others in their place, or damaged ones"'
    ]
    assert len(json.loads(answer.body) if route else answer.parts) == 2
    assert rig.east.sent == asked, "the PACS would send the same again"


async def test_the_completeness_record_names_it(rig: Rig, viewer: Viewer, lie: str) -> None:
    found, record = await viewer.instances(study_instance_uid=EAST_STUDY, series_instance_uid=SERIES)
    assert {header.ref.sop_instance_uid for header, _, _ in found} == set(OTHERS)
    (failed,) = record.failed
    assert failed.ref.sop_instance_uid == LISTED
    assert lie.encode() in failed.status.SerializeToString()
    assert rig.telemetry.instances_refused == [("east", "main", lie)]
    assert rig.telemetry.breakers == []


async def test_its_bytes_are_stored_for_an_administrator(rig: Rig, web: Web, lie: str) -> None:
    await web.get(URL)
    await rig.quarantine_writer.settle()
    ((entry, stored),) = rig.quarantine.stored
    assert stored == rig.east.replaced[LISTED]
    assert (entry.refused.tenant_id, entry.refused.pacs, entry.refused.reason) == ("east", "main", lie)
    assert entry.refused.asked == RetrieveScope(EAST_STUDY, SERIES, LISTED)
    assert (entry.refused.stated is None) == (lie == "INSTANCE_MALFORMED")


async def test_what_is_refused_can_be_had_once_the_pacs_is_mended(rig: Rig, web: Web, lie: str) -> None:
    await web.get(URL)
    rig.east.replaced.clear()
    rig.clock.advance(301)
    answer = await web.get(URL)
    assert (answer.error, len(answer.parts), answer.header("warning")) == (None, 3, [])


@pytest.fixture
async def viewer(rig: Rig, channel: Any) -> Viewer:
    return Viewer(channel, await rig.key("east"))


@pytest.mark.parametrize("route", ["", "/metadata", *(f"/instances/{LISTED}{one}" for one in OF_THE_INSTANCE)])
async def test_an_instance_of_another_patient_comes_with_a_warning(rig: Rig, web: Web, route: str) -> None:
    rig.east.replaced[LISTED] = make_instance(EAST_STUDY, SERIES, LISTED, PatientID="another")
    await web.get(URL)  # in a stream, headers may have left before it came
    for _ in range(2):  # as it is made, and as it is cached
        answer = await web.get(URL + route)
        assert answer.error is None
        assert len(answer.header("warning")) == 1
        assert "another patient" in answer.header("warning")[0]
    assert set(rig.telemetry.patients_differing) == {("east", "main")}


@pytest.mark.parametrize("refuses", [False, True])
async def test_after_a_restart_what_is_cached_of_another_patient_still_comes_with_a_warning(
    rig: Rig, web: Web, refuses: bool
) -> None:
    rig.east.replaced[LISTED] = make_instance(EAST_STUDY, SERIES, LISTED, PatientID="another")
    await web.get(URL)
    asked = rig.east.sent
    rig.doubts.invalidate("east", None)  # as a new process knows of none
    rig.known_states.invalidate("east", None)
    rig.east.refuse_with = PacsUnreachableError("no answer", pacs="main") if refuses else None
    warnings = (await web.get(f"{URL}/instances/{LISTED}/metadata")).header("warning")
    assert any("another patient" in text for text in warnings)
    assert any("s ago" in text for text in warnings) is refuses
    assert rig.east.sent == asked


async def test_the_first_answer_warns_where_its_only_instance_names_another_patient(rig: Rig, web: Web) -> None:
    rig.east.replaced[LISTED] = make_instance(EAST_STUDY, SERIES, LISTED, PatientID="another")
    answer = await web.get(f"{URL}/instances/{LISTED}/metadata")
    assert ["another patient" in text for text in answer.header("warning")] == [True]


async def test_the_completeness_record_warns_of_another_patient(rig: Rig, viewer: Viewer) -> None:
    rig.east.replaced[LISTED] = make_instance(EAST_STUDY, SERIES, LISTED, PatientID="another")
    found, record = await viewer.instances(study_instance_uid=EAST_STUDY)
    assert len(found) == 6
    assert ["another patient" in text for text in record.warnings] == [True]


async def test_nothing_is_said_where_all_agree(rig: Rig, web: Web, viewer: Viewer) -> None:
    answer = await web.get(URL)
    _, record = await viewer.instances(study_instance_uid=EAST_STUDY)
    assert (answer.header("warning"), list(record.warnings)) == ([], [])
    assert rig.telemetry.patients_differing == []


async def test_the_error_names_the_pacs(web: Web, lie: str) -> None:
    answer = await web.get(f"{URL}/instances/{LISTED}")
    assert answer.error
    assert error_info_of(answer.error).metadata["pacs"] == "main"


@pytest.fixture
async def restricted(rig: Rig, channel: Any) -> tuple[Web, Viewer]:
    token = await rig.key("east", restriction=make_restriction(patients=[RestrictedPatient("P-1")]))
    return Web(channel, token), Viewer(channel, token)


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("route", OF_THE_INSTANCE)
async def test_who_may_see_one_patient_gets_no_instance_of_another(
    rig: Rig, web: Web, restricted: tuple[Web, Viewer], route: str, cached: bool
) -> None:
    url = f"{URL}/instances/{LISTED}{route}"
    assert (await restricted[0].get(f"{URL}/instances/{OTHERS[0]}")).error is None
    rig.east.replaced[LISTED] = make_instance(EAST_STUDY, SERIES, LISTED, PatientID="another", PatientName="Stranger")
    if cached:
        assert (await web.get(url)).error is None, "others get it with a warning"
    answer = await restricted[0].get(url)
    assert (answer.error and reason_of(answer.error), answer.body) == ("OBJECT_NOT_FOUND", b"")
    assert answer.header("warning") == []


@pytest.mark.parametrize("route", ["", "/metadata"])
@pytest.mark.parametrize("url", [URL, f"/studies/{EAST_STUDY}"])
async def test_nor_within_a_stream_of_the_study(rig: Rig, restricted: tuple[Web, Viewer], url: str, route: str) -> None:
    rig.east.replaced[LISTED] = make_instance(EAST_STUDY, SERIES, LISTED, PatientID="another", PatientName="Stranger")
    for _ in range(2):  # as it comes, and as it is cached
        answer = await restricted[0].get(url + route)
        assert answer.error
        assert reason_of(answer.error) == "OBJECT_NOT_FOUND"
        assert b"Stranger" not in answer.body


async def test_nor_over_grpc(rig: Rig, restricted: tuple[Web, Viewer]) -> None:
    rig.east.replaced[LISTED] = make_instance(EAST_STUDY, SERIES, LISTED, PatientID="another")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await restricted[1].instances(study_instance_uid=EAST_STUDY)
    assert reason_of(caught.value) == "OBJECT_NOT_FOUND"
