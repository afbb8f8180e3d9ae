"""The DICOMweb adapter against a server that keeps to the standard in its own ways, or not at all."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from radgate_server.adapters.pacs.destinations import ANYWHERE
from radgate_server.adapters.pacs.dicomweb import build_dicomweb_pacs
from radgate_server.adapters.pacs.dicomweb.entity_tags import ASK_AGAIN_S, EntityTags
from radgate_server.adapters.pacs.http import build_http
from radgate_server.core.cache.study_state import state_query
from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope
from radgate_server.core.dicom.instances import Arrival, FailedInstance, ListedInstance, ReceivedInstance
from radgate_server.core.errors import (
    GatewayError,
    InstanceMalformedError,
    InstanceMismatchError,
    InstanceNotSentError,
    InstanceTooLargeError,
    PacsAbortedError,
    PacsCannotError,
    PacsFailedError,
    PacsTimeoutError,
)
from radgate_server.core.pacs.connections import DicomWebConnection
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import FindResult, MatchingKey, Query
from radgate_server.core.telemetry.certificates import ignore_certificate
from radgate_server.settings.pacs import WebPacsSettings
from radgate_server.settings.shared.table import MIB
from tests.conformance.pacs_suite import config_of, fetch
from tests.fakes.instances import STUDY, make_dataset, make_instance, make_study, received
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.odd_web_server import Asked, OddWebServer, Reply, Script, odd_web_server

PATIENT = WebPacsSettings(connect_timeout_s=30, idle_timeout_s=30, acquire_timeout_s=30, max_instance_bytes=20 * MIB)
IMPATIENT = PATIENT.model_copy(update={"idle_timeout_s": 1})
"""Where it is about silence; elsewhere a busy machine may let some seconds go by."""
SERIES = f"{STUDY}.1"
SCOPE = RetrieveScope(STUDY)
JSON = {"content-type": "application/dicom+json"}


def listed(number: int) -> list[ListedInstance]:
    """What `make_study(number)` makes."""
    refs = (InstanceRef(STUDY, SERIES, f"{SERIES}.{n}") for n in range(1, number + 1))
    return [ListedInstance(ref, "") for ref in refs]


@asynccontextmanager
async def talking(
    script: Script, *, wado_uri: bool = False, settings: WebPacsSettings = PATIENT
) -> AsyncIterator[tuple[OddWebServer, PacsClient]]:
    async with odd_web_server(script) as server:
        connection = DicomWebConnection(
            server.url, wado_uri_url=f"http://127.0.0.1:{server.port}/wado" if wado_uri else ""
        )
        telemetry = RecordingTelemetry()
        client = build_dicomweb_pacs(config_of(connection), settings=settings, telemetry=telemetry)
        try:
            yield server, client
        finally:
            await client.close()


def multipart(
    files: Sequence[bytes], *, boundary: str = "abc", quoted: bool = False, end: str = "--\r\n", head: str = ""
) -> tuple[bytes, dict[str, str]]:
    """A body of WADO-RS and its headers."""
    part = f"--{boundary}\r\n{head or 'Content-Type: application/dicom'}\r\n\r\n".encode()
    body = b"".join(part + file + b"\r\n" for file in files) + f"--{boundary}{end}".encode()
    named = f'"{boundary}"' if quoted else boundary
    return body, {"content-type": f'multipart/related; type="application/dicom"; boundary={named}'}


async def fetched(script: Script, wanted: Sequence[ListedInstance], scope: RetrieveScope = SCOPE) -> list[Arrival]:
    async with talking(script) as (_, client):
        return await fetch(client, scope, wanted)


def bytes_of(arrival: Arrival) -> bytes:
    assert isinstance(arrival, ReceivedInstance)
    return b"".join(arrival.content.pieces(1000))


async def found(reply: Reply | Callable[[Asked], Reply], query: Query | None = None, limit: int = 10) -> FindResult:
    async with talking(reply if callable(reply) else lambda _: reply) as (_, client):
        return await client.query.find(query or Query(QueryLevel.STUDY), max_results=limit)


def study(number: int) -> DicomJson:
    return {"0020000D": {"vr": "UI", "Value": [f"1.2.{number}"]}}


def as_json(*matches: Any, **headers: str) -> Reply:
    return Reply(body=json.dumps(matches).encode(), headers={**JSON, **headers})


def query_of(level: QueryLevel, **keys: str) -> Query:
    return Query(level, tuple(MatchingKey((name[1:].upper(),), text) for name, text in sorted(keys.items())))


# --- answers to queries -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [Reply(204), Reply(200), Reply(200, b" \r\n"), Reply(200, b"[]")])
async def test_no_content_is_no_match(reply: Reply) -> None:
    assert (await found(reply)) == FindResult(())


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain; charset=utf-8", "application/octet-stream", ""]
)
async def test_json_is_json_whatever_it_is_called(content_type: str) -> None:
    result = await found(Reply(body=json.dumps([study(1)]).encode(), headers={"content-type": content_type}))
    assert result.matches == (study(1),)


@pytest.mark.parametrize(
    "body", [b"<html>Login</html>", b"[1]", b'"x"', b'[{"0020000D": 1}]', b'[{"00100010": {"vr": "PN", "Value": [7]}}]']
)
async def test_what_is_not_dicom_json_is_a_failure_that_names_the_pacs(body: bytes) -> None:
    async with talking(lambda _: Reply(body=body)) as (_, client):
        for attempt in (client.query.find(Query(QueryLevel.STUDY), max_results=1), client.echo.echo()):
            with pytest.raises(PacsFailedError) as caught:
                await attempt
            assert caught.value.pacs == "main"
            assert "Login" not in str(caught.value)


async def test_a_root_without_a_service_is_not_an_empty_archive() -> None:
    async with talking(lambda _: Reply(404)) as (_, client):
        for query in (Query(QueryLevel.STUDY), query_of(QueryLevel.SERIES, t0020000d="1.2.3"), Query(QueryLevel.IMAGE)):
            with pytest.raises(PacsFailedError, match="no QIDO-RS"):
                await client.query.find(query, max_results=1)
        with pytest.raises(PacsFailedError, match="no QIDO-RS"):
            await client.echo.echo()


async def test_below_an_unknown_study_not_found_is_no_match() -> None:
    def script(asked: Asked) -> Reply:
        return Reply(404) if asked.path.endswith("/series") else as_json(study(1))

    assert (await found(script, query_of(QueryLevel.SERIES, t0020000d="1.2.3"))).matches == ()


def paging(
    total: int, *, cap: int = 10_000, largest: int = 10_000, warns: bool = False, offsets: bool = True
) -> Script:
    """A server of so many studies that gives at most `cap`, and refuses limits above `largest`."""

    def script(asked: Asked) -> Reply:
        limit, offset = int(asked.query["limit"]), int(asked.query.get("offset", "0")) if offsets else 0
        if limit > largest:
            return Reply(400)
        page = [study(n) for n in range(offset, min(offset + min(limit, cap), total))]
        more = warns and offset + len(page) < total
        warning = {"warning": f"299 qido: There are {total} additional results that can be requested"} if more else {}
        return as_json(*page, **warning)

    return script


@pytest.mark.parametrize(
    ("script", "limit", "count", "truncated"),
    [
        (paging(130), 1000, 130, False),
        (paging(130, cap=50), 1000, 130, False),  # caps in silence
        (paging(130, cap=37, warns=True), 1000, 130, False),
        (paging(130, cap=37, warns=True, offsets=False), 1000, 37, True),
        (paging(130, largest=100), 1000, 130, False),
        (paging(130), 130, 130, False),
        (paging(130), 129, 129, True),
        (paging(2500), 2000, 2000, True),
    ],
)
async def test_pages_are_put_together(script: Script, limit: int, count: int, truncated: bool) -> None:
    result = await found(script, limit=limit)
    assert len({match["0020000D"]["Value"][0] for match in result.matches}) == len(result.matches) == count
    assert result.truncated is truncated


async def test_long_lists_of_uids_are_asked_for_in_parts() -> None:
    def script(asked: Asked) -> Reply:
        uids = asked.query["StudyInstanceUID"].split(",")
        assert len(asked.target) < 4000
        return as_json(*({"0020000D": {"vr": "UI", "Value": [uid]}} for uid in uids))

    uids = "\\".join(f"1.2.{n}" for n in range(100))
    assert len((await found(script, query_of(QueryLevel.STUDY, t0020000d=uids), limit=1000)).matches) == 100


async def test_fuzzy_matching_that_the_server_ignores_is_reported() -> None:
    warning = '299 qido: "The fuzzymatching parameter is not supported. Only literal matching has been performed."'
    query = Query(QueryLevel.STUDY, fuzzy_matching=True)
    assert not (await found(as_json(study(1)), query)).fuzzy_matching_ignored
    assert (await found(as_json(study(1), warning=warning), query)).fuzzy_matching_ignored


class Hierarchical:
    """A server that searches below one study or series only, with keys of that level only."""

    def __call__(self, asked: Asked) -> Reply:
        *above, resource = asked.path.removeprefix("/dicom-web/").split("/")
        if resource == "studies":
            return as_json(study(1), study(2)) if asked.query.get("PatientID") == "P" else as_json(study(3))
        if len(above) != {"series": 2, "instances": 4}[resource] or "PatientID" in asked.query:
            return Reply(400)
        tag = {"series": "0020000E", "instances": "00080018"}[resource]
        return as_json(*({tag: {"vr": "UI", "Value": [f"{above[-1]}.{n}"]}} for n in (1, 2)))


async def test_a_server_that_does_not_search_across_levels_is_walked_down() -> None:
    async with talking(Hierarchical()) as (server, client):
        series = await client.query.find(query_of(QueryLevel.SERIES, t00100020="P"), max_results=10)
        assert [match["0020000E"]["Value"][0] for match in series.matches] == [
            "1.2.1.1",
            "1.2.1.2",
            "1.2.2.1",
            "1.2.2.2",
        ]
        assert [match["0020000D"]["Value"][0] for match in series.matches] == ["1.2.1", "1.2.1", "1.2.2", "1.2.2"]
        images = await client.query.find(query_of(QueryLevel.IMAGE, t0020000d="1.2.1"), max_results=3)
        assert len(images.matches) == 3
        assert images.truncated
        before = len(server.asked)
        await client.query.find(query_of(QueryLevel.SERIES, t00100020="P"), max_results=10)
        assert not any(asked.path == "/dicom-web/series" for asked in server.asked[before:])


# --- retrieves --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "pieces"),
    [
        ({}, 0),
        ({"quoted": True, "boundary": "----=_Part (1);x"}, 0),
        ({"end": ""}, 0),
        ({"end": "--", "head": "Content-Type: application/dicom;transfer-syntax=1.2\r\nContent-Location: /x"}, 50),
        ({"head": "Content-Type: application/octet-stream"}, 1000),
        ({"head": "MIME-Version: 1.0"}, 3),
    ],
)
async def test_files_come_out_of_every_kind_of_multipart(options: Mapping[str, Any], pieces: int) -> None:
    files = make_study(3)
    body, headers = multipart(files, **options)
    arrivals = await fetched(lambda _: Reply(body=body, headers=headers, pieces=pieces), listed(3))
    assert [bytes_of(arrival) for arrival in arrivals] == files
    assert [arrival.ref for arrival in arrivals] == [item.ref for item in listed(3)]


async def test_a_lone_file_instead_of_multipart() -> None:
    (file,) = make_study(1)
    (arrival,) = await fetched(lambda _: Reply(body=file, headers={"content-type": "application/dicom"}), listed(1))
    assert bytes_of(arrival) == file


async def test_a_large_instance_goes_to_a_file_in_transit() -> None:
    file = make_instance(STUDY, SERIES, f"{SERIES}.1", rows=2400, columns=2400)
    assert len(file) > 8 * MIB
    body, headers = multipart([file])
    (arrival,) = await fetched(lambda _: Reply(body=body, headers=headers), listed(1))
    assert bytes_of(arrival) == file


async def test_an_instance_that_is_too_large_is_refused() -> None:
    file = make_instance(STUDY, SERIES, f"{SERIES}.1", rows=4000, columns=4000)
    body, headers = multipart([file])
    (arrival,) = await fetched(lambda _: Reply(body=body, headers=headers), listed(1))
    assert isinstance(arrival, FailedInstance)
    assert isinstance(arrival.error, InstanceTooLargeError)


async def test_what_came_before_the_answer_broke_is_kept() -> None:
    files = make_study(2)
    body, headers = multipart(files)
    cut = Reply(body=body[: len(body) - len(files[1]) // 2], headers=headers, declared=len(body))
    async with talking(lambda _: cut) as (_, client), client.reader.retrieve(SCOPE, listed(2)) as arrivals:
        assert bytes_of(await anext(arrivals)) == files[0]
        with pytest.raises(PacsAbortedError):
            await anext(arrivals)


@pytest.mark.parametrize(
    ("body", "headers", "kind"),
    [
        (multipart(make_study(1), head="Content-Type: image/jpeg")[0], multipart([])[1], PacsFailedError),
        (b"PK\3\4", {"content-type": "application/zip"}, PacsFailedError),
        (multipart(make_study(1))[0], {"content-type": "multipart/related"}, PacsFailedError),
        (multipart(make_study(1))[0][:-200], multipart([])[1], PacsAbortedError),
        (b"x" * 100_000, multipart([])[1], PacsFailedError),
    ],
)
async def test_a_malformed_answer(body: bytes, headers: dict[str, str], kind: type[GatewayError]) -> None:
    with pytest.raises(kind) as caught:
        await fetched(lambda _: Reply(body=body, headers=headers), listed(2))
    assert caught.value.details["pacs"] == "main"


async def test_silence_within_a_study() -> None:
    body, headers = multipart(make_study(2))
    reply = Reply(body=body[:-100], headers=headers, declared=len(body), hangs=True)
    async with (
        talking(lambda _: reply, settings=IMPATIENT) as (_, client),
        client.reader.retrieve(SCOPE, listed(2)) as arrivals,
    ):
        assert await anext(arrivals)
        with pytest.raises(PacsTimeoutError):
            await anext(arrivals)


async def test_leaving_early_hangs_up() -> None:
    body, headers = multipart(make_study(400, rows=200, columns=200))
    async with talking(lambda _: Reply(body=body, headers=headers)) as (server, client):
        async with client.reader.retrieve(SCOPE, listed(400)) as arrivals:
            assert await anext(arrivals)
        await asyncio.wait_for(server.gone.wait(), 30)


async def test_another_instance_than_the_one_asked_for_is_a_failure() -> None:
    other = make_instance("9.9", "9.9.1", "9.9.1.1", PatientID="SOMEBODY ELSE")
    body, headers = multipart([other])
    (arrival,) = await fetched(lambda _: Reply(body=body, headers=headers), listed(1))
    assert isinstance(arrival, FailedInstance)
    assert isinstance(arrival.error, InstanceMismatchError)
    assert arrival.content
    assert b"".join(arrival.content.pieces(1 << 20)) == other


async def test_a_part_that_is_no_dicom_file_fails_the_instance_that_it_was_to_be() -> None:
    good = make_study(3)

    def script(asked: Asked) -> Reply:
        alone = asked.path.rpartition("/instances/")[2] if "/instances/" in asked.path else ""
        body, headers = multipart([b"no DICOM file"] if alone else [good[0], b"no DICOM file", good[2]])
        return Reply(body=body, headers=headers)

    arrivals = await fetched(script, listed(3))
    assert [isinstance(arrival, ReceivedInstance) for arrival in arrivals] == [True, True, False]
    assert arrivals[2].ref == listed(3)[1].ref
    assert isinstance(arrivals[2], FailedInstance)
    assert isinstance(arrivals[2].error, InstanceMalformedError)


class Instances:
    """A server of `make_study(3)` that gives instances one by one, in the ways that it is asked to."""

    def __init__(self, *, rs: int = 200, uri: int = 200, missing: str = "", accepts_star: bool = True) -> None:
        self.files = dict(zip((f"{SERIES}.{n}" for n in (1, 2, 3)), make_study(3), strict=True))
        self.rs, self.uri, self.missing, self.accepts_star = rs, uri, missing, accepts_star

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/wado":
            uid = asked.query["objectUID"]
            file = self.files[uid]
            return Reply(self.uri, file, {"content-type": "application/dicom"}) if self.uri == 200 else Reply(self.uri)
        uid = asked.path.rpartition("/instances/")[2]
        if self.rs != 200 or uid not in self.files or uid == self.missing:
            return Reply(self.rs if self.rs != 200 else 404)
        if not self.accepts_star and "transfer-syntax" in asked.headers["accept"]:
            return Reply(406)
        body, headers = multipart([self.files[uid]])
        return Reply(body=body, headers=headers)


async def test_instance_by_instance_where_studies_are_not_given() -> None:
    async with talking(Instances()) as (server, client):
        for _ in range(2):
            arrivals = await fetch(client, SCOPE, listed(3))
            assert {arrival.ref for arrival in arrivals} == {item.ref for item in listed(3)}
        whole = [asked for asked in server.asked if asked.path == f"/dicom-web/studies/{STUDY}"]
        assert {asked.path for asked in whole[2:]} == set()  # both ways to accept, the first time alone


@pytest.mark.parametrize("status", [404, 405, 406, 501])
async def test_wado_uri_where_wado_rs_is_missing(status: int) -> None:
    script = Instances(rs=status)
    async with talking(script, wado_uri=True) as (server, client):
        first = await fetch(client, SCOPE, listed(3))
        assert sorted(bytes_of(arrival) for arrival in first) == sorted(script.files.values())
        before = len(server.asked)
        await fetch(client, SCOPE, listed(3))
        assert {asked.path for asked in server.asked[before:]} == {"/wado"}
        assert server.asked[-1].query["contentType"] == "application/dicom"


async def test_a_server_that_knows_no_star() -> None:
    async with talking(Instances(accepts_star=False)) as (server, client):
        arrivals = [*(await fetch(client, SCOPE, listed(1))), *(await fetch(client, SCOPE, listed(1)))]
        assert all(isinstance(arrival, ReceivedInstance) for arrival in arrivals)
        assert len(server.asked) == 3


async def test_one_that_is_missing_fails_alone() -> None:
    arrivals = await fetched(Instances(missing=f"{SERIES}.2"), listed(3))
    failed = [arrival for arrival in arrivals if isinstance(arrival, FailedInstance)]
    assert [arrival.ref.sop_instance_uid for arrival in failed] == [f"{SERIES}.2"]
    assert isinstance(failed[0].error, InstanceNotSentError)
    assert len(arrivals) == 3


# --- storing ----------------------------------------------------------------------------------------------------------


def stow_report(tag: str, reason_tag: str, reason: int) -> bytes:
    item = {reason_tag: {"vr": "US", "Value": [reason]}}
    return json.dumps({tag: {"vr": "SQ", "Value": [item]}}).encode()


XML = b'<?xml version="1.0"?><NativeDicomModel><DicomAttribute tag="00081198" vr="SQ"><Item number="1">'
XML += b'<DicomAttribute tag="00081197" vr="US" keyword="FailureReason"><Value number="1">42752</Value>'


@pytest.mark.parametrize(
    ("reply", "warning"),
    [
        (Reply(200), 0),
        (Reply(200, b"{}"), 0),
        (Reply(200, b"<html>"), 0),
        (Reply(202, stow_report("00081199", "00081196", 0xB000)), 0xB000),
        (Reply(409, stow_report("00081198", "00081197", 0x0111)), 0),  # it is there already
        (Reply(409, stow_report("00081198", "00081197", 0xB00E)), 0),
    ],
)
async def test_an_instance_is_stored(reply: Reply, warning: int) -> None:
    instance = received(make_dataset(STUDY, SERIES, f"{SERIES}.1"))
    async with talking(lambda _: reply) as (server, client):
        assert client.store is not None
        assert (await client.store.store(instance)).warning == warning
        (asked,) = server.asked
        assert asked.headers["content-length"] == str(len(asked.body))
        assert bytes_of(instance) in asked.body


@pytest.mark.parametrize(
    ("reply", "kind", "status"),
    [
        (Reply(409, stow_report("00081198", "00081197", 0xA700)), PacsFailedError, "A700"),
        (Reply(202, stow_report("00081198", "00081197", 0x0122)), PacsFailedError, "0122"),
        (Reply(200, json.dumps({"00081198": {"vr": "SQ", "Value": [{}]}}).encode()), PacsFailedError, "0110"),
        (Reply(409, XML), PacsFailedError, "A700"),
        (Reply(409), PacsFailedError, None),
        (Reply(400, b"what?"), PacsFailedError, None),
        (Reply(405), PacsCannotError, None),
    ],
)
async def test_an_instance_is_refused(reply: Reply, kind: type[GatewayError], status: str | None) -> None:
    async with talking(lambda _: reply) as (_, client):
        assert client.store is not None
        with pytest.raises(kind) as caught:
            await client.store.store(received(make_dataset(STUDY, SERIES, f"{SERIES}.1")))
        assert caught.value.details.get("status") == status


# --- capabilities -----------------------------------------------------------------------------------------------------


async def test_a_poor_server_is_described_as_it_is() -> None:
    def script(asked: Asked) -> Reply:
        if asked.path == "/dicom-web/studies" and asked.method == "GET":
            return as_json(study(1), server="Archive/2.1 (Linux)")
        return Reply(404)

    async with talking(script) as (_, client):
        assert client.describer is not None
        reported = await client.describer.describe()
        assert (reported.vendor, reported.version) == ("Archive", "2.1")
        assert reported.services == ("QIDO-RS",)
        assert reported.query_levels == (QueryLevel.STUDY,)
        assert not reported.can_store
        assert (await client.echo.echo()).detail == "Archive 2.1"


# --- entity tags ------------------------------------------------------------------------------------------------------


class Tagging:
    """A server of one study whose metadata has an entity tag, by the methods that it `answers`, `of_studies` too."""

    def __init__(self, *, answers: Sequence[str] = (), lasting: bool = True, of_studies: bool = True) -> None:
        self.tag = '"1"'
        self.answers = answers
        self.lasting = lasting
        self.of_studies = of_studies
        self.count = 0

    def __call__(self, asked: Asked) -> Reply:
        if not asked.path.endswith("/metadata"):
            return as_json(study(1) | {"0020000E": uid_of("1.2.1.1"), "00080018": uid_of("1.2.1.1.1")})
        if asked.method not in (*self.answers, "GET"):
            return Reply(405)
        self.count += 1
        tag = self.tag if self.lasting else f'"{self.count}"'
        if asked.method not in self.answers or not (self.of_studies or "/instances/" in asked.path):
            return as_json(study(1))
        if asked.headers.get("if-none-match") == tag:
            return Reply(304, headers={"etag": tag})
        body = b"" if asked.method == "HEAD" else b"[]"
        return Reply(body=body, headers={**JSON, "etag": tag})


def uid_of(text: str) -> dict[str, Any]:
    return {"vr": "UI", "Value": [text]}


def of_metadata(server: OddWebServer) -> list[tuple[str, str]]:
    """Method and resource of what was asked of metadata."""
    paths = [(asked.method, asked.path.split("/")) for asked in server.asked if asked.path.endswith("/metadata")]
    return [(method, path[-3]) for method, path in paths]


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_the_version_of_a_study_is_its_entity_tag(method: str) -> None:
    tagging = Tagging(answers=[method])
    async with talking(tagging) as (server, client):

        async def version() -> str:
            return (await client.query.find(state_query("1.2.1"), max_results=5)).version

        assert [await version(), await version()] == ['"1"', '"1"']
        assert server.asked[-1].headers["if-none-match"] == '"1"'
        tagging.tag = '"2"'
        assert [await version(), await version()] == ['"2"', '"2"']
        assert of_metadata(server)[-4:] == [(method, "studies")] * 4
        asked = len(server.asked)
        assert not (await client.query.find(query_of(QueryLevel.STUDY, t0020000d="1.2.1"), max_results=5)).version
        assert len(server.asked) == asked + 1


@pytest.mark.parametrize(
    ("tagging", "of_studies"),
    [
        (Tagging(), 0),
        (Tagging(answers=["HEAD", "GET"], lasting=False), 0),
        (Tagging(answers=["HEAD"], of_studies=False), 1),
    ],
)
async def test_a_server_without_lasting_tags_is_asked_for_them_once(tagging: Tagging, of_studies: int) -> None:
    async with talking(tagging) as (server, client):
        results = [await client.query.find(state_query("1.2.1"), max_results=5) for _ in range(3)]
        asked = of_metadata(server)
    assert [(len(result.matches), result.version) for result in results] == [(1, "")] * 3
    assert [resource for _, resource in asked].count("studies") == of_studies
    assert len(asked) <= 4


async def test_a_server_without_tags_is_asked_again_the_next_day() -> None:
    now_s, tagging = [0.0], Tagging()
    async with odd_web_server(tagging) as server:
        connection = DicomWebConnection(server.url)
        http = build_http(config_of(connection), connection, PATIENT, None, ignore_certificate, ANYWHERE)
        tags = EntityTags(http, lambda: now_s[0])
        try:
            assert await tags.of_study("1.2.1") == ""
            tagging.answers = ["HEAD"]
            assert await tags.of_study("1.2.1") == ""
            now_s[0] += ASK_AGAIN_S
            assert await tags.of_study("1.2.1") == '"1"'
        finally:
            await http.close()
