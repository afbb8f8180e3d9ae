"""A rejection note in a real archive hides what it rejects from a tenant that wants it, by each kind of PACS."""

from collections.abc import Iterator

import httpx
import pytest

from radgate_server.core.access.tenancy import Role
from radgate_server.core.pacs.connections import DicomWebConnection, OrthancConnection
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.waiting import wait_for
from tests.fakes.instances import make_study
from tests.fakes.rejection_notes import make_note
from tests.integration.orthanc import OrthancServer

STUDY = "2.25.500"
IMAGE = f"{STUDY}.1.1"
KINDS = ("dimse", "dicomweb", "orthanc")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("archive"), options={"DicomWeb": {"Enable": True}}) as orthanc:
        for file in make_study(2, study=STUDY, series=2):
            orthanc.request("POST", "/instances", file)
        yield orthanc


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory, archive: OrthancServer) -> Iterator[RadgateProcess]:
    """A tenant for each kind of PACS, with its admin; studies are confirmed again after a second."""
    settings = {
        "RADGATE_CACHE__REVALIDATE_AFTER_S": "1",
        "RADGATE_CACHE__QUERY_TTL_S": "1",
        "RADGATE_CACHE__LISTING_TTL_S": "1",
    }
    radgate = RadgateProcess(tmp_path_factory.mktemp("radgate"), settings)
    radgate.tenant("dimse", dimse(archive), Role.ADMIN)
    radgate.tenant("dicomweb", DicomWebConnection(archive.dicomweb_url), Role.ADMIN)
    with radgate.tenant("orthanc", OrthancConnection(archive.url), Role.ADMIN):
        yield radgate


def shown(client: httpx.Client) -> set[str]:
    """SOP Instance UIDs as the study's metadata have them; the search for instances has to agree."""
    by_metadata = {one["00080018"]["Value"][0] for one in client.get(f"/dicom-web/studies/{STUDY}/metadata").json()}
    found = client.get(f"/dicom-web/studies/{STUDY}/instances").raise_for_status().json()
    assert {one["00080018"]["Value"][0] for one in found} == by_metadata
    return by_metadata


def statuses(client: httpx.Client) -> set[int]:
    """What the routes of the rejected instance answer."""
    instance = f"/dicom-web/studies/{STUDY}/series/{STUDY}.1/instances/{IMAGE}"
    paths = (instance, f"{instance}/metadata", f"{instance}/frames/1", f"{instance}/rendered", f"{instance}/thumbnail")
    return {client.get(path).status_code for path in paths}


@pytest.mark.parametrize("kind", KINDS)
def test_a_note_hides_what_it_rejects_until_it_is_withdrawn(
    archive: OrthancServer, hospital: RadgateProcess, kind: str
) -> None:
    everything = {f"{STUDY}.{series}.{number}" for series in (1, 2) for number in (1, 2)}
    setting = f"/api/v1/tenants/{kind}"
    with hospital.client(kind) as client:
        assert (shown(client), statuses(client)) == (everything, {200})
        note = archive.request("POST", "/instances", make_note(STUDY, (IMAGE,)))["ID"]
        try:
            wait_for(lambda: f"{STUDY}.99.1" in shown(client), "the note is there, and hides nothing", 20)
            assert statuses(client) == {200}
            answer = client.patch(setting, json={"hideRejected": True}).raise_for_status()
            assert answer.json()["tenant"]["hideRejected"] is True
            assert (shown(client), statuses(client)) == (everything - {IMAGE}, {404})
            body = client.get(f"/dicom-web/studies/{STUDY}/series/{STUDY}.1/instances/{IMAGE}").text
            assert "OBJECT_REJECTED" in body
        finally:
            archive.request("DELETE", f"/instances/{note}")
        wait_for(lambda: shown(client) == everything, "all is shown again", 20)
        assert statuses(client) == {200}


def test_the_command_line_sets_it_for_a_running_server(archive: OrthancServer, hospital: RadgateProcess) -> None:
    note = archive.request("POST", "/instances", make_note(STUDY, (IMAGE,)))["ID"]
    try:
        with hospital.client("dimse") as client:
            hospital.cli("tenant", "set", "dimse", "--hide-rejected")
            assert '"hide_rejected": true' in hospital.cli("tenant", "list", "--json")
            wait_for(lambda: statuses(client) == {404}, "it is hidden", 20)
            hospital.cli("tenant", "set", "dimse", "--show-rejected")
            wait_for(lambda: statuses(client) == {200}, "it is shown", 20)
    finally:
        archive.request("DELETE", f"/instances/{note}")
