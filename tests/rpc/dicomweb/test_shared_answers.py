"""Two servers of one database that share answers: the second serves what the first made, and nothing that is old."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from radgate.v1.admin_service_pb2 import InvalidateCacheRequest
from radgate.v1.admin_service_pb2_grpc import AdminServiceStub
from radgate_server.core.access.tenancy import Role
from radgate_server.core.errors import PacsUnreachableError
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.services.cache.invalidation import Invalidation
from radgate_server.services.cache.watching import StudyEvent
from tests.fakes.instances import make_study
from tests.fakes.shared_answers import MemorySharedAnswers
from tests.rpc.callers import bearer
from tests.rpc.composition import REVALIDATE_AFTER_S
from tests.rpc.dicomweb.test_coherence import INSTANCE, corrected, state_queries
from tests.rpc.dicomweb.web import Answer, Web
from tests.rpc.rig import EAST_STUDY, Rig, running_rig, serving

ROUTES = {
    "studies": ("/studies", ""),
    "series": (f"/studies/{EAST_STUDY}/series", ""),
    "metadata": (f"{INSTANCE}/metadata", ""),
    "frame": (f"{INSTANCE}/frames/1", ""),
    "rendered": (f"{INSTANCE}/rendered", "image/png"),
    "thumbnail": (f"{INSTANCE}/thumbnail", "image/png"),
}
FRAME = ROUTES["frame"][0]


@dataclass
class Server:
    """One of the two."""

    rig: Rig
    channel: grpc.aio.Channel
    web: Web
    invalidation: Invalidation
    follower: ChangeFollower
    answers: MemorySharedAnswers

    async def get(self, url: str, accept: str = "") -> bytes:
        answer = await self.web.get(url, accept)
        assert answer.error is None
        assert self.rig.shared is not None
        await self.rig.shared.settle()
        return _content(answer)

    async def invalidate(self) -> None:
        """At this server, which announces it. The other one has not read the feed."""
        administrator = tuple(bearer(await self.rig.key("east", role=Role.ADMIN)).items())
        request = InvalidateCacheRequest(study_instance_uid=EAST_STUDY)
        await AdminServiceStub(self.channel).InvalidateCache(request, metadata=administrator)

    @property
    def hits(self) -> int:
        """Answers that another server made."""
        return self.rig.telemetry.lookups.count(("redis", True))


def _content(answer: Answer) -> bytes:
    """Without the boundary, which each server draws."""
    return answer.parts[0][1] if answer.content_type.startswith("multipart") else answer.body


@pytest.fixture
async def servers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Server, Server]]:
    made: dict[type, Any] = {}

    def remember(kind: type) -> None:
        init = kind.__init__  # type: ignore[misc]

        def remembered(self: object, *args: Any, **keywords: Any) -> None:
            made[kind] = self
            init(self, *args, **keywords)

        monkeypatch.setattr(kind, "__init__", remembered)

    remember(Invalidation)
    remember(ChangeFollower)
    async with AsyncExitStack() as stack:
        first = Rig()
        second = Rig(clock=first.clock, east=first.east, west=first.west, second=first.second)
        second.directory = first.directory
        shared = MemorySharedAnswers(first.clock)
        started = list[Server]()
        for rig in (first, second):
            rig.share_by(shared)
            await stack.enter_async_context(running_rig(rig) if rig is first else serving(rig))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(rig.target))
            started.append(
                Server(
                    rig, channel, Web(channel, await rig.key("east")), made[Invalidation], made[ChangeFollower], shared
                )
            )
        for server in started:
            await server.follower.catch_up()
        first.clock.advance(2 * REVALIDATE_AFTER_S)  # what was new to both is settled
        yield started[0], started[1]


@pytest.mark.parametrize("route", ROUTES)
async def test_what_one_made_the_other_serves(servers: tuple[Server, Server], route: str) -> None:
    first, second = servers
    await first.get(FRAME)  # of a study of which nothing was fetched, only searches for studies are shared
    made = await first.get(*ROUTES[route])
    sent, asked = first.rig.east.sent, first.rig.east.calls["find"]
    assert await second.get(*ROUTES[route]) == made
    assert second.hits == 1
    assert first.rig.east.sent == sent
    assert first.rig.east.calls["find"] == asked + (route != "studies"), "the study is confirmed, and nothing else"
    assert await second.get(*ROUTES[route]) == made
    assert second.hits == 1


@pytest.mark.parametrize("route", ROUTES)
async def test_what_one_invalidated_it_never_serves_again(servers: tuple[Server, Server], route: str) -> None:
    first, second = servers
    url, accept = ROUTES[route]
    await first.get(FRAME)
    old = await first.get(url, accept)
    first.rig.east.replace(*corrected(PatientID="P-2", PatientName="Right"))
    await second.invalidate()
    new = await second.get(url, accept)
    assert second.hits == 0
    for server in servers:
        await server.rig.hot.invalidate("east", EAST_STUDY)  # as if there had been no room for it
    shared_before = first.answers.asked.count("put")
    late = await first.get(url, accept)
    assert first.answers.asked.count("put") > shared_before, "the first has shared what it made of what it had cached"
    assert await second.get(url, accept) == new
    assert second.hits == 0
    if route in ("studies", "metadata"):
        assert old == late != new


async def test_a_study_that_changed_is_served_by_nobody_once_its_age_is_over(servers: tuple[Server, Server]) -> None:
    first, second = servers
    url, _ = ROUTES["metadata"]
    old = await first.get(url)
    first.rig.east.replace(*corrected(PatientID="P-2"))
    assert await second.get(url) != old, "the second recorded another state than the first one fetched it under"
    assert second.hits == 0
    first.rig.clock.advance(REVALIDATE_AFTER_S)
    assert await first.get(url) == await second.get(url) != old


async def test_what_a_pacs_reported_to_one_server_alone_it_does_not_take_from_the_other(
    servers: tuple[Server, Server],
) -> None:
    first, second = servers
    await first.get(FRAME)
    await second.invalidation.changed("east", StudyEvent(EAST_STUDY, "main", removed=False))
    await second.get(FRAME)
    assert second.hits == 0


async def test_while_the_pacs_is_away_nothing_is_served_that_nobody_confirms(servers: tuple[Server, Server]) -> None:
    first, second = servers
    await first.get(FRAME)
    first.rig.east.refuse_with = PacsUnreachableError("away", pacs="main")
    assert (await second.web.get(FRAME)).error is not None
    assert second.hits == 0
    first.rig.east.refuse_with = None
    first.rig.clock.advance(10)
    await second.get(FRAME)
    assert second.hits == 1
    assert len(state_queries(second.rig)) >= 2


async def test_a_silent_pacs_is_waited_for_as_long_as_for_any_revalidation(servers: tuple[Server, Server]) -> None:
    first, second = servers
    await first.get(FRAME)
    first.rig.east.silence()
    asked = asyncio.create_task(second.web.get(FRAME))
    while not second.rig.telemetry.lookups.count(("redis", False)):
        await asyncio.sleep(0.01)
    first.rig.east.release()
    assert (await asked).error is None
    assert second.hits == 0


async def test_a_study_that_grew_is_listed_again(servers: tuple[Server, Server]) -> None:
    first, second = servers
    url = f"/studies/{EAST_STUDY}/metadata"
    before = await first.get(url)
    first.rig.east.add(*make_study(4, study=EAST_STUDY, series=2))
    assert len(await second.get(url)) > len(before)
