"""WADO-RS Retrieve Metadata against the running server."""

import json

import pytest

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.errors import PacsFailedError
from radgate_server.services.retrieve.instances import InstanceReader
from radgate_server.settings.cache import CacheSettings
from tests.fakes.instances import make_instance
from tests.rpc.calls import reason_of
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_STUDY, WEST_STUDY, Rig

SERIES = f"{EAST_STUDY}.1"
BULK = f"http://pacs.example/dicom-web/studies/{EAST_STUDY}/series/{SERIES}/instances/{SERIES}.1/bulkdata/7FE00010"


@pytest.mark.parametrize(
    ("url", "count"),
    [
        (f"/studies/{EAST_STUDY}/metadata", 6),
        (f"/studies/{EAST_STUDY}/series/{SERIES}/metadata", 3),
        (f"/studies/{EAST_STUDY}/series/{SERIES}/instances/{SERIES}.1/metadata", 1),
    ],
)
async def test_every_level_comes_whole_cold_and_from_memory(rig: Rig, web: Web, url: str, count: int) -> None:
    cold, kept = await web.get(url), await web.get(url)
    assert cold.body == kept.body
    assert kept.messages == 1
    assert kept.content_type == cold.content_type == "application/dicom+json"
    headers = json.loads(cold.body)
    assert len(headers) == count
    assert headers[0]["7FE00010"]["BulkDataURI"] == BULK
    assert headers[0]["00100010"]["Value"] == [{"Alphabetic": "Müller^Jürgen"}]
    assert rig.audit.actions == [AuditAction.RETRIEVE_METADATA] * 2


async def test_bulk_data_is_where_the_uri_says(rig: Rig, web: Web) -> None:
    await web.get(f"/studies/{EAST_STUDY}/series/{SERIES}/instances/{SERIES}.1/metadata")
    answer = await web.get(BULK.partition("/dicom-web")[2], "application/octet-stream")
    assert (len(answer.body), answer.error) == (128, None)


async def test_uris_follow_the_address_that_was_asked(rig: Rig, web: Web) -> None:
    url = f"/studies/{EAST_STUDY}/metadata"
    await web.get(url)
    answer = await web.get(url, forwarded='host="imaging.example:8443";proto=https')
    assert b'"https://imaging.example:8443/dicom-web/studies/' in answer.body
    assert b"pacs.example" not in answer.body


async def test_an_incomplete_answer_is_no_json_and_is_not_kept(rig: Rig, web: Web) -> None:
    url = f"/studies/{EAST_STUDY}/series/{SERIES}/metadata"
    rig.east.failing[f"{SERIES}.2"] = PacsFailedError("the PACS could not send it", pacs="main")
    answer = await web.get(url)
    assert answer.error is not None
    assert reason_of(answer.error) == "PACS_FAILED"
    assert len(json.loads(answer.body + b"]")) == 2
    rig.east.failing.clear()
    assert len(json.loads((await web.get(url)).body)) == 3


async def test_what_was_erased_while_the_answer_was_made_is_not_kept(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    async def is_gone(*_: object) -> bool:
        return False

    url = f"/studies/{EAST_STUDY}/metadata"
    with monkeypatch.context() as patch:
        patch.setattr(InstanceReader, "is_current", is_gone)
        await web.get(url)
    assert (await web.get(url)).messages > 1  # made again
    assert (await web.get(url)).messages == 1


async def test_what_is_kept_is_of_one_tenant(rig: Rig, web: Web) -> None:
    west = Web(web.channel, await rig.key("west"))
    assert (await west.get(f"/studies/{WEST_STUDY}/metadata")).error is None
    answer = await web.get(f"/studies/{WEST_STUDY}/metadata")
    assert answer.error is not None
    assert reason_of(answer.error) == "OBJECT_NOT_FOUND"


async def test_what_is_kept_is_not_served_when_it_can_not_be_recorded(rig: Rig, web: Web) -> None:
    url = f"/studies/{EAST_STUDY}/metadata"
    await web.get(url)
    rig.audit.broken = True
    answer = await web.get(url)
    assert answer.error is not None
    assert (reason_of(answer.error), answer.messages) == ("AUDIT_UNAVAILABLE", 0)


@pytest.mark.parametrize("accept", ["application/dicom+xml", 'multipart/related; type="application/dicom+xml"'])
async def test_xml_is_not_acceptable(rig: Rig, web: Web, accept: str) -> None:
    answer = await web.get(f"/studies/{EAST_STUDY}/metadata", accept)
    assert answer.error is not None
    assert reason_of(answer.error) == "NOT_ACCEPTABLE"
    assert not rig.east.calls


async def test_a_kept_answer_ages_since_a_series_may_grow(rig: Rig, web: Web) -> None:
    url = f"/studies/{EAST_STUDY}/series/{SERIES}/metadata"
    assert len(json.loads((await web.get(url)).body)) == 3
    rig.east.add(make_instance(EAST_STUDY, SERIES, f"{SERIES}.99", number=99))
    assert len(json.loads((await web.get(url)).body)) == 3
    rig.clock.advance(CacheSettings().listing_ttl_s)
    assert len(json.loads((await web.get(url)).body)) == 4
