"""`radgate auth explain` on an installation in a temporary folder."""

from tests.unit.cli.command_line import Cli


def test_a_key_is_explained(north: Cli) -> None:
    token = north.ok("key", "create", "--tenant", "north", "--role", "viewer", "--label", "reading room").stdout.strip()
    reported = north.ok("auth", "explain", typed=f"Bearer {token}\n").stdout
    key_id = token.split("_")[1]
    assert reported.splitlines() == [
        "credential: API key",
        f"principal: reading room ({key_id})",
        "role: viewer",
        "tenants: north",
        "studies: all",
        "expires: never",
    ]
    assert token.split("_", 2)[2] not in reported


def test_a_key_that_was_revoked_is_reported_to_be(north: Cli) -> None:
    token = north.ok("key", "create", "--tenant", "north", "--role", "viewer").stdout.strip()
    key_id = token.split("_")[1]
    north.ok("key", "revoke", key_id)
    (north.data_dir / "token").write_text(token)
    result = north.run("auth", "explain", "--file", str(north.data_dir / "token"))
    assert result.exit_code == 1
    assert result.stdout.startswith(f"credential: API key\nrefused: key {key_id} was revoked at ")


def test_a_token_of_nobody_known_is_informed_why(north: Cli) -> None:
    result = north.run("auth", "explain", typed="not.a.token\n")
    assert result.exit_code == 1
    assert "refused: token: " in result.stdout
    assert north.run("auth", "explain", typed="\n").exit_code == 2
