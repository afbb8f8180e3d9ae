"""The pass code of an association, read anew when the PACS does not take it."""

from dataclasses import dataclass, field

import pytest

from radgate_server.adapters.pacs.dimse.passcodes import Passcodes
from radgate_server.core.errors import PacsRejectedError, SecretUnavailableError
from radgate_server.core.secret import Secret, SecretSource, parse_reference

REFERENCE = parse_reference("env:PACS", "ref")


@dataclass
class Rotating:
    """SecretReader whose secret has changed; the old one is kept until it is refused."""

    now: str
    failure: SecretUnavailableError | None = None
    refused: list[Secret | None] = field(default_factory=list)

    async def read(self, pacs: str, source: SecretSource, *, refused: Secret | None = None) -> Secret:
        self.refused.append(refused)
        if self.failure:
            raise self.failure
        return Secret(self.now if refused else "old")


@dataclass
class Door:
    """Opens to one pass code alone."""

    good: str
    tried: list[str] = field(default_factory=list)

    async def open(self, passcode: Secret) -> str:
        self.tried.append(passcode.reveal())
        if passcode.reveal() != self.good:
            raise PacsRejectedError("no", pacs="main")
        return "open"


@pytest.mark.parametrize(("good", "now", "tried"), [("old", "new", ["old"]), ("new", "new", ["old", "new"])])
async def test_opens_with_what_is_good_now(good: str, now: str, tried: list[str]) -> None:
    door = Door(good)
    assert await Passcodes("main", REFERENCE, Rotating(now)).opened_with(door.open) == "open"
    assert door.tried == tried


@pytest.mark.parametrize(("now", "tried"), [("old", ["old"]), ("new", ["old", "new"])])
async def test_what_is_refused_is_not_tried_twice(now: str, tried: list[str]) -> None:
    door = Door("another")
    with pytest.raises(PacsRejectedError):
        await Passcodes("main", REFERENCE, Rotating(now)).opened_with(door.open)
    assert door.tried == tried


async def test_without_a_pass_code_nothing_is_opened() -> None:
    door, failure = Door("old"), SecretUnavailableError("gone", pacs="main")
    with pytest.raises(SecretUnavailableError):
        await Passcodes("main", REFERENCE, Rotating("new", failure)).opened_with(door.open)
    assert not door.tried
