"""Pass code and certificate of an association, read again when the PACS does not take them."""

from dataclasses import dataclass, field

import pytest

from radgate_server.adapters.pacs.dimse.association.credentials import Credentials, PresentedCredentials
from radgate_server.core.errors import PacsRejectedError, PacsTlsFailedError, SecretUnavailableError
from radgate_server.core.secrets.secret import NO_SECRET, Secret, SecretSource, parse_reference

REFERENCE = parse_reference("env:PACS", "ref")


@dataclass
class Rotating:
    """SecretReader whose secret has changed; the old one is kept until it is refused."""

    now: str
    failure: SecretUnavailableError | None = None
    refused: list[Secret | None] = field(default_factory=list)

    async def read(self, pacs: str, source: SecretSource, *, refused: Secret | None = None) -> Secret:
        if source == NO_SECRET:
            return NO_SECRET
        self.refused.append(refused)
        if self.failure:
            raise self.failure
        return Secret(self.now if refused else "old")


@dataclass
class PasscodeAcceptor:
    """Opens to one pass code alone."""

    good: str
    tried: list[str] = field(default_factory=list)

    async def open(self, shown: PresentedCredentials) -> str:
        self.tried.append(shown.passcode.reveal())
        if self.tried[-1] != self.good:
            raise PacsRejectedError("no", pacs="main")
        return "open"


@pytest.mark.parametrize(("good", "now", "tried"), [("old", "new", ["old"]), ("new", "new", ["old", "new"])])
async def test_opens_with_what_is_good_now(good: str, now: str, tried: list[str]) -> None:
    endpoint = PasscodeAcceptor(good)
    assert await Credentials("main", Rotating(now), REFERENCE).opened_with(endpoint.open) == "open"
    assert endpoint.tried == tried


@pytest.mark.parametrize(("now", "tried"), [("old", ["old"]), ("new", ["old", "new"])])
async def test_what_is_refused_is_not_tried_twice(now: str, tried: list[str]) -> None:
    endpoint = PasscodeAcceptor("another")
    with pytest.raises(PacsRejectedError):
        await Credentials("main", Rotating(now), REFERENCE).opened_with(endpoint.open)
    assert endpoint.tried == tried


async def test_without_a_pass_code_nothing_is_opened() -> None:
    endpoint, failure = PasscodeAcceptor("old"), SecretUnavailableError("gone", pacs="main")
    with pytest.raises(SecretUnavailableError):
        await Credentials("main", Rotating("new", failure), REFERENCE).opened_with(endpoint.open)
    assert not endpoint.tried


@pytest.mark.parametrize(("now", "tried"), [("old", ["old"]), ("new", ["old", "new"])])
async def test_a_certificate_that_is_refused_is_read_again(now: str, tried: list[str]) -> None:
    shown_identities: list[str] = []

    async def open_with(shown: PresentedCredentials) -> str:
        shown_identities.append(shown.identity.reveal())
        if shown_identities[-1] == "old":
            raise PacsTlsFailedError("no", pacs="main")
        return "open"

    credentials = Credentials("main", Rotating(now), identity=REFERENCE)
    if now == "new":
        assert await credentials.opened_with(open_with) == "open"
    else:
        with pytest.raises(PacsTlsFailedError):
            await credentials.opened_with(open_with)
    assert shown_identities == tried
