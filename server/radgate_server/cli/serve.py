"""`radgate serve`, `radgate worker`, `radgate demo` and `radgate migrate`: what runs rather than administers."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radgate_server.cli.shared.options import config_option, current_settings
from radgate_server.cli.shared.output import hint

if TYPE_CHECKING:
    from radgate_server.settings.settings import Settings


@click.command()
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Server processes, in place of processes.count: with PostgreSQL one a processor, 4 at most; else one.",
)
@config_option
def serve(workers: int | None) -> None:
    """Run the server, with Envoy in front.

    SIGTERM or Ctrl-C ends it; streams in flight may then finish. With several processes SIGHUP restarts one after the
    other, while the others serve.
    """
    from radgate_server.settings.shared.processes import number_of_processes, with_count, with_share

    settings = with_count(current_settings(), workers)
    count = number_of_processes(settings)
    if count > 1 and not settings.processes.supervised:
        from radgate_server.supervisor import supervise

        def read_again() -> "Settings":
            found = with_count(current_settings(), workers)
            number_of_processes(found)
            return found

        _run(supervise(settings, count, [sys.executable, "-P", "-m", "radgate_server", *sys.argv[1:]], read_again))
        return
    # The server's imports take a second that no other command should pay.
    from radgate_server import app

    _run(app.serve(with_share(settings)))


@click.command()
@config_option
def worker() -> None:
    """Run jobs, and serve no clients.

    A worker has a data_dir and ports of its own, the database and the key files of the servers. SIGTERM or Ctrl-C ends
    it; what it runs is given back, and continues elsewhere.
    """
    from radgate_server import app

    _run(app.work(current_settings()))


@click.command()
@click.option(
    "--folder",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    help="Directory of DICOM files to show; else the images that come with pydicom.",
)
@click.option("--htj2k", is_flag=True, help="The viewer requests HTJ2K, and shows images while they arrive.")
@config_option
def demo(folder: Path | None, *, htj2k: bool) -> None:
    """Run everything here over example images or your own.

    A DIMSE archive over a folder, the server in front of it, and a viewer for the browser.
    """
    from radgate_server.demo.command import run_demo

    _run(run_demo(current_settings(), folder, htj2k=htj2k))


@click.command()
@click.option(
    "--accept-keys",
    is_flag=True,
    help="Take the key files in data_dir for the installation's from now on: after one was replaced on purpose.",
)
@config_option
def migrate(accept_keys: bool) -> None:
    """Bring the database to this version's schema.

    `serve` does so too when it starts, and no other command.
    """
    from radgate_server.installation.gate import accept_keys_by_hand, migrate_by_hand

    settings = current_settings()
    migrate_by_hand(settings)
    hint("the database is up to date")
    if accept_keys:
        accept_keys_by_hand(settings)
        hint("the key files in data_dir are the installation's now; the next start makes what is missing")


def _run(work: Coroutine[Any, Any, None]) -> None:
    if sys.platform == "win32":
        asyncio.run(work)
    else:
        import uvloop

        uvloop.run(work)
