"""What the commands that read the audit trail's database say of records that are not there yet."""

from radgate_server.cli.output import hint
from radgate_server.config import Settings


def hint_at_waiting_records(settings: Settings) -> None:
    """Say that newer records wait on this machine for a server, if some do."""
    # Only here: the whole server's imports would make `--help` slow.
    from radgate_server.installation import count_late_segments

    if late := count_late_segments(settings):
        files = "1 file" if late == 1 else f"{late} files"
        hint(f"newer records wait in data_dir/audit-spool ({files}); a server brings them to the database")
