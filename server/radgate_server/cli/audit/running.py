"""How commands that read the audit trail's database are run: opened, closed, and how what is missing is reported."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from radgate_server.cli.shared.opened import run_opened
from radgate_server.cli.shared.options import current_settings
from radgate_server.cli.shared.output import hint
from radgate_server.settings.settings import Settings


def run_on_trail[Opened, T](
    open_trail: Callable[[Settings], AbstractAsyncContextManager[Opened]], work: Callable[[Opened], Awaitable[T]]
) -> T:
    """Open the installation's trail, do `work`, and close it; say then whether newer records wait for a server.

    Raises:
        GatewayError: from the settings, the database, or `work`.
    """
    settings = current_settings()
    try:
        return run_opened(open_trail(settings), work)
    finally:
        _hint_at_waiting_records(settings)


def _hint_at_waiting_records(settings: Settings) -> None:
    # Only here: the whole server's imports would make `--help` slow.
    from radgate_server.installation.opening import count_late_segments

    if late := count_late_segments(settings):
        files = "1 file" if late == 1 else f"{late} files"
        hint(f"newer records wait in data_dir/audit-spool ({files}); a server brings them to the database")
