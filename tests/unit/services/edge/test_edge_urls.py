"""Grants of signed URLs: what the origin admits, and what it does not."""

from datetime import datetime

import pytest

from radgate_server.adapters.secrets.spool_cipher import SpoolCipher
from radgate_server.core.access.tenancy import Caller, Principal, Role
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.edge.grant import resource_of, version_in, version_of
from radgate_server.core.errors import UnauthenticatedError
from radgate_server.rpc.dicomweb.edge.answers import prefers_edge
from radgate_server.services.edge.urls import EdgeUrls, caller_of
from tests.fakes.clock import FakeClock

EDGE, SECRET, FORMER = "https://edge.example", "s" * 32, "f" * 32
RESOURCE = resource_of("north", InstanceRef("1.2", "1.3", "1.4"), version_of(878, 0x4325F350), "", "accept=a/b")
CALLER = Caller(Principal("4be1", ("north", "south"), Role.ADMIN, "ward 3"), "north", "10.1.2.3", "viewer", "r-1")


class PlainSigner:
    def sign(self, url: str, expire_time: datetime) -> str:
        return f"{url}&Expires={expire_time:%s}"


def edge_urls(clock: FakeClock, *, tenants: tuple[str, ...] = ("north",), key: bytes = bytes(32)) -> EdgeUrls:
    return EdgeUrls(
        EDGE,
        PlainSigner(),
        SpoolCipher(key),
        clock,
        tenants=tenants,
        secrets=(SECRET, FORMER, ""),
        ttl_s=900,
        max_age_s=86400,
    )


def asked_for(urls: EdgeUrls) -> str:
    """What the edge asks the origin for once it has taken its own parameters away."""
    return urls.sign(CALLER, RESOURCE).url.removeprefix(EDGE).partition("&Expires=")[0]


@pytest.mark.parametrize("secret", [SECRET, FORMER])
def test_a_grant_names_the_caller_and_opens_this_resource_as_a_viewer(secret: str) -> None:
    urls = edge_urls(FakeClock())
    path = asked_for(urls)
    assert "4be1" not in path
    grant = urls.open(path, secret)
    assert (grant.resource, version_in(grant.resource)) == (RESOURCE, "36e-4325f350")
    caller = caller_of(grant, "Amazon CloudFront", "r-2")
    assert caller.principal == Principal("4be1", ("north",), Role.VIEWER, "ward 3")
    assert (caller.tenant_id, caller.address) == ("north", "10.1.2.3")


def test_a_grant_ends_a_minute_after_its_url() -> None:
    clock = FakeClock()
    urls = edge_urls(clock)
    path = asked_for(urls)
    clock.advance(959)
    urls.open(path, SECRET)
    clock.advance(3)
    with pytest.raises(UnauthenticatedError) as refused:
        urls.open(path, SECRET)
    assert refused.value.why == "its grant has ended"


@pytest.mark.parametrize("secret", ["", "t" * 32, SECRET[:-1]])
def test_a_grant_alone_opens_nothing(secret: str) -> None:
    urls = edge_urls(FakeClock())
    with pytest.raises(UnauthenticatedError, match="the edge may not have this"):
        urls.open(asked_for(urls), secret)


def test_a_secret_alone_opens_nothing() -> None:
    clock = FakeClock()
    urls = edge_urls(clock)
    path = asked_for(urls)
    token = path.partition("grant=")[2]
    for altered in (
        "",
        RESOURCE,
        f"{RESOURCE}&grant=",
        f"{RESOURCE}&grant=%%",
        path.replace("1.4", "1.5"),
        path.replace("north", "south"),
        path.replace(token, token[:-9] + "AAAAAAAAA"),
        asked_for(edge_urls(clock, key=bytes(31) + b"1")),
    ):
        with pytest.raises(UnauthenticatedError):
            urls.open(altered, SECRET)


def test_a_tenant_that_is_taken_out_of_the_settings_is_served_no_more() -> None:
    clock = FakeClock()
    path = asked_for(edge_urls(clock))
    with pytest.raises(UnauthenticatedError) as refused:
        edge_urls(clock, tenants=()).open(path, SECRET)
    assert "tenant" in refused.value.why


@pytest.mark.parametrize(
    ("prefer", "wanted"),
    [("edge", True), ("respond-async, Edge; x=1", True), ("", False), ("edges", False), ("return=minimal", False)],
)
def test_a_client_asks_by_prefer(prefer: str, wanted: bool) -> None:
    assert prefers_edge(prefer) is wanted
