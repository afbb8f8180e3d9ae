"""Keeping associations for those who want the same, and closing a pool while it is in use."""

import asyncio
import queue
import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from radgate_server.adapters.pacs.dimse.association.contexts import echo_proposals, store_proposals
from radgate_server.adapters.pacs.dimse.association.credentials import Credentials, PresentedCredentials
from radgate_server.adapters.pacs.dimse.association.opening import Proposal
from radgate_server.adapters.pacs.dimse.association.pool import AssociationPool
from radgate_server.core.errors import PacsAbortedError
from radgate_server.core.secrets.secret import GivenSecrets
from radgate_server.settings.pacs import DimseSettings
from tests.fakes.waiting import until


class FakeAssociation:
    """An association that is good until it is ended."""

    def __init__(self) -> None:
        self.dimse = SimpleNamespace(msg_queue=queue.Queue())
        self.open = True

    def is_usable(self) -> bool:
        return self.open

    def end(self) -> None:
        self.open = False

    cut = end


class FakeAssociator:
    """Opens associations, at once or when it is let continue."""

    def __init__(self) -> None:
        self.opened: list[FakeAssociation] = []
        self.opening = threading.Event()
        self.resume = threading.Event()
        self.resume.set()

    def open(self, _: Sequence[Proposal], __: PresentedCredentials) -> FakeAssociation:
        self.opening.set()
        self.resume.wait(60)
        self.opened.append(FakeAssociation())
        return self.opened[-1]


@pytest.fixture
def associator() -> FakeAssociator:
    return FakeAssociator()


@pytest.fixture
def pool(associator: Any) -> AssociationPool:
    return AssociationPool("main", associator, 2, DimseSettings(), Credentials("main", GivenSecrets()))


async def _all_ended(associator: FakeAssociator) -> None:
    await _all_ended_but(associator, 0)


async def _all_ended_but(associator: FakeAssociator, count: int) -> None:
    await until(lambda: sum(association.open for association in associator.opened) <= count)


def _shutdown_of(pool: AssociationPool) -> threading.Event:
    """Set when the pool's threads take nothing more, which closing it leads to before it waits for them."""
    taken_away, shutdown = threading.Event(), pool._threads.shutdown

    def shut(*, wait: bool, cancel_futures: bool) -> None:
        shutdown(wait=False, cancel_futures=cancel_futures)
        taken_away.set()
        shutdown(wait=wait)

    pool._threads.shutdown = shut  # type: ignore[method-assign, assignment]
    return taken_away


CT, MR = (store_proposals(f"1.2.840.10008.5.1.4.1.1.{number}", "1.2.840.10008.1.2.1") for number in (2, 4))


async def test_an_association_serves_again_those_with_the_same_proposals_alone(
    pool: AssociationPool, associator: FakeAssociator
) -> None:
    reused = []
    for proposals in (CT, CT, MR, CT, MR):
        async with pool.lease(proposals, keep=True) as lease:
            reused.append(lease.reused)
    assert reused == [False, True, False, True, True]
    assert len(associator.opened) == 2
    await pool.close()


async def test_who_wants_a_fresh_one_gets_it_and_idle_ones_make_room(
    pool: AssociationPool, associator: FakeAssociator
) -> None:
    for proposals in (CT, MR):
        async with pool.lease(proposals, keep=True):
            continue
    async with pool.lease(CT) as lease:
        assert not lease.reused
        assert [association.open for association in associator.opened] == [False, True, True]  # two at the most
    await _all_ended_but(associator, 1)
    await pool.close()


async def test_one_that_the_pacs_closed_is_not_given_again(pool: AssociationPool, associator: FakeAssociator) -> None:
    async with pool.lease(CT, keep=True):
        pass
    associator.opened[0].open = False
    async with pool.lease(CT, keep=True) as lease:
        assert not lease.reused
    await pool.close()


async def test_what_is_given_back_to_a_closed_pool_does_not_lie_idle(
    pool: AssociationPool, associator: FakeAssociator
) -> None:
    async with pool.lease(echo_proposals(), keep=True):
        await pool.close()
        associator.opened[0].open = True  # it was in use, and noticed nothing
    await _all_ended(associator)
    assert [association.open for association in associator.opened] == [False]


async def test_an_association_that_opens_after_the_pool_was_closed_is_ended(
    pool: AssociationPool, associator: FakeAssociator
) -> None:
    associator.resume.clear()

    async def use() -> None:
        async with pool.lease(echo_proposals()) as lease:
            await pool.run(lease.exchange, lambda: None)

    using = asyncio.create_task(use())
    assert await asyncio.to_thread(associator.opening.wait, 60)
    shut = _shutdown_of(pool)
    closing = asyncio.create_task(pool.close())
    assert await asyncio.to_thread(shut.wait, 60)
    associator.resume.set()
    await closing
    with pytest.raises(PacsAbortedError, match="removed"):
        await using
    assert len(associator.opened) == 1
    await _all_ended(associator)


async def test_a_closed_pool_says_so(pool: AssociationPool) -> None:
    await pool.close()
    with pytest.raises(PacsAbortedError, match="removed"):
        async with pool.lease(echo_proposals()):
            raise AssertionError("there is nothing to lease")


async def test_reports_how_many_are_in_use_and_how_many_idle(associator: Any) -> None:
    reported: list[tuple[int, int]] = []
    pool = AssociationPool(
        "main", associator, 2, DimseSettings(), Credentials("main", GivenSecrets()), lambda *now: reported.append(now)
    )
    async with pool.lease(CT, keep=True):
        assert reported[-1] == (1, 0)
    assert reported[-1] == (0, 1)
    await pool.close()
    assert reported[-1] == (0, 0)
