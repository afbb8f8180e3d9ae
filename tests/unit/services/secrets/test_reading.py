"""Credentials at the time of their use."""

import asyncio
from dataclasses import dataclass, field

import pytest

from radgate_server.core.errors import (
    ConfigurationError,
    GatewayError,
    KeyProviderUnavailableError,
    SecretUnavailableError,
)
from radgate_server.core.secrets.secret import Secret, SecretContext, SecretReference, parse_reference
from radgate_server.services.secrets.reading import PacsSecrets
from tests.fakes.clock import FakeClock
from tests.fakes.keys import MemoryKeys

HERE = SecretContext("north", "main")
REFERENCE = parse_reference("vault:radgate/north/main#password", "ref")


@dataclass
class Keeper:
    """ReferenceReader that can be determined what to answer."""

    text: str = "old"
    failure: GatewayError | None = None
    asked: int = 0
    next_below: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, reference: SecretReference) -> Secret:
        self.asked += 1
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return Secret(self.text)


@dataclass
class Rig:
    keys: MemoryKeys = field(default_factory=MemoryKeys)
    keeper: Keeper = field(default_factory=Keeper)
    clock: FakeClock = field(default_factory=FakeClock)

    def secrets(self, kept_for_s: float = 30) -> PacsSecrets:
        return PacsSecrets(self.keys, self.keys, self.keeper, self.clock, kept_for_s=kept_for_s)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_what_is_given_is_not_looked_up(rig: Rig) -> None:
    assert await rig.secrets().read("main", Secret("given")) == Secret("given")
    assert (rig.keeper.asked, rig.keys.opened) == (0, 0)


async def test_a_reference_is_read_once_for_all_and_again_when_it_is_old(rig: Rig) -> None:
    secrets = rig.secrets()
    assert set(await asyncio.gather(*(secrets.read("main", REFERENCE) for _ in range(5)))) == {Secret("old")}
    rig.keeper.text = "new"
    rig.clock.advance(29)
    assert (await secrets.read("main", REFERENCE), rig.keeper.asked) == (Secret("old"), 1)
    rig.clock.advance(2)
    assert (await secrets.read("main", REFERENCE), rig.keeper.asked) == (Secret("new"), 2)


async def test_nothing_is_kept_when_nothing_is_to_be(rig: Rig) -> None:
    secrets = rig.secrets(kept_for_s=0)
    for asked in (1, 2):
        await secrets.read("main", REFERENCE)
        assert rig.keeper.asked == asked
    assert not secrets._cached


async def test_a_refused_secret_is_read_at_once_but_not_all_the_time(rig: Rig) -> None:
    secrets = rig.secrets()
    old = await secrets.read("main", REFERENCE)
    rig.keeper.text = "new"
    rig.clock.advance(2)
    assert await secrets.read("main", REFERENCE, refused=old) == Secret("new")
    assert await secrets.read("main", REFERENCE) == Secret("new")
    assert await secrets.read("main", REFERENCE, refused=Secret("new")) == Secret("new")
    assert rig.keeper.asked == 2
    rig.clock.advance(2)
    await secrets.read("main", REFERENCE, refused=Secret("new"))
    assert rig.keeper.asked == 3


@pytest.mark.parametrize("failure", [ConfigurationError("none there"), KeyProviderUnavailableError("away")])
async def test_a_failure_names_the_pacs_and_is_not_kept(rig: Rig, failure: GatewayError) -> None:
    secrets = rig.secrets()
    rig.keeper.failure = failure
    with pytest.raises(SecretUnavailableError, match=failure.message) as caught:
        await secrets.read("main", REFERENCE)
    assert caught.value.details == {"pacs": "main"}
    rig.keeper.failure = None
    assert await secrets.read("main", REFERENCE) == Secret("old")


async def test_what_is_sealed_far_away_is_opened_once_even_if_it_is_refused(rig: Rig) -> None:
    sealed = await rig.keys.seal(Secret("s"), HERE)
    secrets = rig.secrets()
    rig.clock.advance(5)
    for refused in (None, Secret("s"), None):
        assert await secrets.read("main", sealed, refused=refused) == Secret("s")
    assert rig.keys.opened == 1


async def test_what_is_sealed_under_local_keys_is_not_kept_in_the_clear(rig: Rig) -> None:
    rig.keys.times = {"file:1": None}
    sealed = await rig.keys.seal(Secret("s"), HERE)
    secrets = rig.secrets()
    for opened in (1, 2):
        assert await secrets.read("main", sealed) == Secret("s")
        assert rig.keys.opened == opened
    assert not secrets._cached


async def test_what_was_read_before_its_key_was_pruned_opens_as_it_is_stored_now(rig: Rig) -> None:
    remembered = await rig.keys.seal(Secret("s"), HERE)
    await rig.keys.rotate()
    rig.keys.stored[HERE] = await rig.keys.rewrap(remembered)
    await rig.keys.prune({"2"})
    assert await rig.secrets().read("main", remembered) == Secret("s")


async def test_another_secret_in_its_place_is_not_taken_for_it(rig: Rig) -> None:
    remembered = await rig.keys.seal(Secret("s"), HERE)
    await rig.keys.rotate()
    rig.keys.stored[HERE] = await rig.keys.seal(Secret("other"), HERE)
    await rig.keys.prune({"2"})
    with pytest.raises(SecretUnavailableError, match="the key is gone"):
        await rig.secrets().read("main", remembered)
