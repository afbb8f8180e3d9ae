"""What the gateway writes for its user alone."""

from pathlib import Path

from radgate_server.adapters.gateway.private_file import write_private


def test_a_file_that_others_could_read_is_its_users_alone_when_it_is_written_again(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text("longer than what comes")
    old.chmod(0o644)
    for path in (old, new):
        write_private(path, "short")
        assert (path.read_text(), path.stat().st_mode & 0o777) == ("short", 0o600)
