"""`radgate limits`."""

import json

import pytest

from tests.unit.cli.command_line import Cli

SET = ("limits", "set", "--tenant", "north")


@pytest.fixture
def key_id(north: Cli) -> str:
    return north.ok("key", "create", "--tenant", "north", "--role", "viewer").stdout.split("_")[1]


def shown(cli: Cli) -> list[tuple[str, str, str, str]]:
    return [(row["key"], row["limit"], row["set"], row["in_force"]) for row in cli.json("limits", "show")]


def test_a_tenant_has_no_limits_at_first(north: Cli) -> None:
    assert shown(north) == [("", "none", "", "")]


def test_limits_are_set_changed_and_given_back(north: Cli, key_id: str) -> None:
    north.environment["RADGATE_LIMITS__KEY__DAILY_REQUESTS"] = "500"
    reported = north.ok(
        *SET, "--requests-per-second", "0.5", "--daily-bytes", "2G", "--allow", "10.0.0.0/8", "--allow", "::1"
    )
    assert reported.stderr == "set for tenant north\n"
    north.ok(*SET, "--key", key_id, "--daily-requests", "none", "--concurrent-requests", "4", "--deny", "192.0.2.7")
    assert shown(north) == [
        ("", "requests_per_second", "0.5", "0.5"),
        ("", "daily_bytes", "2147483648", "2147483648"),
        ("", "allowed_networks", "10.0.0.0/8, ::1/128", "10.0.0.0/8, ::1/128"),
        (key_id, "concurrent_requests", "4", "4"),
        (key_id, "daily_requests", "none", "none"),
        (key_id, "denied_networks", "192.0.2.7/32", "192.0.2.7/32"),
    ]
    north.ok(*SET, "--requests-per-second", "default", "--daily-bytes", "default", "--allow", "any")
    north.ok(*SET, "--key", key_id, "--daily-requests", "default", "--deny", "none")
    assert shown(north) == [
        ("", "none", "", ""),
        (key_id, "concurrent_requests", "4", "4"),
        (key_id, "daily_requests", "", "500"),
    ]
    assert ("set limits of the tenant: requests_per_second, daily_bytes, allowed_networks",) in north.query(
        "SELECT detail FROM audit_entries"
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "name at least one limit"),
        (("--daily-bytes", "much"), "is no amount"),
        (("--daily-requests", "-1"), "is no amount"),
    ],
)
def test_a_wrong_command_line_is_said_so(north: Cli, arguments: tuple[str, ...], why: str) -> None:
    assert why in north.refused(*SET, *arguments, status=2)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--bytes-per-second", "1K"), "at least 65536"),
        (("--allow", "example.org"), "not a network"),
        (("--allow", "10.0.0.1/8"), "has host bits set"),
        (("--key", "0123456789ab", "--daily-requests", "1"), "no such key"),
    ],
)
def test_nonsense_is_refused(north: Cli, arguments: tuple[str, ...], why: str) -> None:
    assert why in north.refused(*SET, *arguments)


def test_there_must_be_such_a_tenant(north: Cli) -> None:
    assert "there is no tenant 'south'" in north.refused("limits", "set", "--tenant", "south", "--daily-requests", "1")
    assert "there is no tenant 'south'" in north.refused("limits", "show", "--tenant", "south")


def test_a_single_user_can_have_limits(north: Cli) -> None:
    provider = {"name": "kc", "issuer": "https://login.example", "audience": "radgate"}
    settings = [{**provider, "default_tenants": "north", "default_role": "viewer"}]
    north.environment["RADGATE_AUTH__OIDC"] = json.dumps(settings)
    reported = north.ok(*SET, "--key", "oidc:kc:jane", "--daily-requests", "100")
    assert reported.stderr == "set for oidc:kc:jane of tenant north\n"
    assert shown(north)[1:] == [("oidc:kc:jane", "daily_requests", "100", "100")]
    assert "nobody of this name can use the tenant" in north.refused(
        *SET, "--key", "oidc:other:jane", "--daily-requests", "1"
    )
    north.ok(*SET, "--key", "oidc:kc:jane", "--daily-requests", "default")
    assert shown(north) == [("", "none", "", "")]
