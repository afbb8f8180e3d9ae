import asyncio
from functools import partial

import pytest
from google.api.httpbody_pb2 import HttpBody

from radgate_server.adapters.cache.memory.answers import MemoryHotCache
from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.imaging.annotated_bytes import AnnotatedBytes
from radgate_server.rpc.dicomweb.answers.http_body import encode_http_body, etag_of
from radgate_server.rpc.dicomweb.pictures.answers import Picture, PictureAnswers
from radgate_server.services.audit.recording import Auditor
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry


@pytest.fixture
def answers() -> PictureAnswers:
    clock = FakeClock()
    hot = MemoryHotCache(limit_bytes=1 << 20, entry_limit_bytes=1 << 20, clock=clock, telemetry=RecordingTelemetry())
    return PictureAnswers(Auditor(RecordingAuditSink(), clock), hot, chunk_bytes=1000, max_kept_bytes=1000)


async def test_who_asks_after_other_bytes_were_fetched_gets_no_picture_of_the_old(answers: PictureAnswers) -> None:
    key, asked, drawn = CacheKey("east", "2.25.1", "rendered", ""), asyncio.Event(), asyncio.Event()

    async def draw_old() -> Picture:
        asked.set()
        await drawn.wait()
        return Picture("image/png", AnnotatedBytes(b"old"), lasting=False)

    async def draw_new() -> Picture:
        return Picture("image/png", AnnotatedBytes(b"new"), lasting=True)

    old = asyncio.create_task(answers.make(key, 1, draw_old))
    await asked.wait()
    assert b"new" in await answers.make(key, 2, draw_new)
    drawn.set()
    assert b"old" in await old
    assert b"new" in (await answers.kept(key) or b"")


async def test_only_what_lasts_is_kept(answers: PictureAnswers) -> None:
    for lasting in (False, True):
        key = CacheKey("east", "2.25.1", "rendered", str(lasting))

        async def render(lasting: bool = lasting) -> Picture:
            return Picture("image/png", AnnotatedBytes(b"picture"), lasting)

        made = await answers.make(key, 1, render)
        assert b"picture" in made
        assert await answers.kept(key) == (made if lasting else None)


async def test_the_same_picture_has_the_same_tag_and_it_comes_with_the_picture(answers: PictureAnswers) -> None:
    async def render(data: bytes) -> Picture:
        return Picture("image/png", AnnotatedBytes(data, ("a note",)), lasting=True)

    tags = []
    for number, data in enumerate((b"picture", b"picture", b"another")):
        kept = await answers.make(CacheKey("east", "2.25.1", "rendered", str(number)), 1, partial(render, data))
        body = AnnotatedBytes.read(kept).data
        tags.append(etag_of(body))
        assert HttpBody.FromString(body).content_type == f"image/png; etag={tags[-1]}"
    assert tags[0] == tags[1] != tags[2]


def test_a_body_without_a_tag_has_none() -> None:
    assert etag_of(encode_http_body("image/png", b"1")) == etag_of(encode_http_body("", b"1")) == ""
