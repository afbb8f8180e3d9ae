from collections.abc import Sequence

import pytest

from radgate_server.core.errors import AddressNotAllowedError, InvalidArgumentError
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    FolderConnection,
    HttpAuth,
    HttpAuthMethod,
    OrthancConnection,
    PacsConnection,
)
from radgate_server.core.secrets.secret import Secret
from radgate_server.services.administration.addresses import AddressPolicy

PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.7"
NAMES = {
    "public.example": (PUBLIC,),
    "private.example": (PRIVATE,),
    "both.example": (PUBLIC, PRIVATE),
    "zoned.example": ("fe80::1%eth0",),
    "empty.example": (),
}


async def resolve(name: str) -> Sequence[str]:
    if name not in NAMES:
        raise OSError("no such name")
    return NAMES[name]


def policy(*networks: str) -> AddressPolicy:
    return AddressPolicy(networks, resolve)


@pytest.mark.parametrize("host", ["public.example", "public.example.", PUBLIC])
async def test_a_public_host_is_allowed(host: str) -> None:
    assert [str(address) for address in await policy().check(host, unrestricted=False)] == [PUBLIC]


@pytest.mark.parametrize("host", ["private.example", "both.example", "zoned.example", PRIVATE, "[::1]"])
async def test_a_private_host_is_not(host: str) -> None:
    with pytest.raises(AddressNotAllowedError, match=r"pacs\.allowed_networks") as caught:
        await policy("192.168.0.0/16").check(host, unrestricted=False)
    assert host not in caught.value.message
    assert await policy().check(host, unrestricted=True)


@pytest.mark.parametrize("host", ["private.example", "both.example", PRIVATE])
async def test_the_operator_can_open_a_network(host: str) -> None:
    assert await policy("10.0.0.0/24").check(host, unrestricted=False)


@pytest.mark.parametrize("host", ["nowhere.example", "empty.example"])
@pytest.mark.parametrize("unrestricted", [True, False])
async def test_a_name_without_address_is_malformed(host: str, unrestricted: bool) -> None:
    with pytest.raises(InvalidArgumentError, match="no address"):
        await policy().check(host, unrestricted=unrestricted)


AUTH = HttpAuth(HttpAuthMethod.OAUTH2, username="me", token_url="https://private.example/token")


@pytest.mark.parametrize(
    "connection",
    [
        DimseConnection("private.example", 104, "A", "B"),
        OrthancConnection("http://private.example:8042"),
        OrthancConnection("https://public.example", AUTH, password=Secret("x")),
        DicomWebConnection("https://public.example/rs", wado_uri_url="http://[::1]/wado"),
        DicomWebConnection("https://public.example/rs", auth=AUTH, password=Secret("x")),
    ],
)
async def test_every_host_of_a_connection_counts(connection: PacsConnection) -> None:
    with pytest.raises(AddressNotAllowedError):
        await policy().check_connection(connection, unrestricted=False)
    await policy().check_connection(connection, unrestricted=True)


async def test_a_folder_is_nowhere() -> None:
    await policy().check_connection(FolderConnection("/images"), unrestricted=False)


async def test_the_unrestricted_may_name_what_is_not_there_yet() -> None:
    await policy().check_connection(DimseConnection("nowhere.example", 104, "A", "B"), unrestricted=True)
