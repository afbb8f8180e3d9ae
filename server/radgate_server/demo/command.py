"""`radgate demo`: the whole of Radgate on one machine, in front of a DIMSE archive over a folder of images.

A second composition root, for one purpose: it starts what a hospital has (an archive that speaks DIMSE, a viewer) and
puts the real server between the two.
"""

import asyncio
import contextlib
import importlib.util
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from radgate_server.adapters.pacs.folder import FolderIndex, build_folder_pacs, index_folder
from radgate_server.adapters.secrets.files.key_file import make_data_dir
from radgate_server.adapters.telemetry import PrometheusTelemetry, set_up_logging
from radgate_server.app import App, build_app
from radgate_server.app.start_checks import free_port, listeners
from radgate_server.core.access.tenancy import ANY_TENANT, Caller, Principal, Role
from radgate_server.core.errors import ConfigurationError, ResourceExistsError, ResourceNotFoundError
from radgate_server.core.pacs.connections import DimseConnection, FolderConnection, PacsConfig
from radgate_server.core.pacs.setup import PacsSetup
from radgate_server.demo.archive import DimseArchive
from radgate_server.demo.viewer import find_or_install_ohif, serve_viewer
from radgate_server.installation.administration import open_admin
from radgate_server.installation.gate import Purpose
from radgate_server.services.administration.tenants import AdminService
from radgate_server.settings.settings import Settings

TENANT = "demo"
PACS = "archive"
ARCHIVE_AET = "DEMO"
_LEAST_IMAGE_BYTES = 4096  # smaller files are headers without pixels, made for pydicom's own tests

_CALLER = Caller(Principal("demo", (ANY_TENANT,), Role.ADMIN), TENANT, "local", "radgate demo", "demo")


@dataclass(frozen=True, slots=True)
class _Keys:
    """The demo's API keys: `own` is shown to the user, `viewer` is what the viewer's page carries and may only read."""

    own: str
    viewer: str


async def run_demo(settings: Settings, folder: Path | None, *, htj2k: bool = False) -> None:
    """Show the DICOM files below `folder`, or pydicom's own test images, until SIGTERM or SIGINT.

    With `htj2k` the viewer has images made HTJ2K, and shows them while they come.

    Raises:
        ConfigurationError: a port is taken, or there is nothing to show.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tools_dir = settings.data_dir / "tools"
    settings = _with_free_ports(_demo_settings(settings), _say)
    make_data_dir(settings.data_dir)
    set_up_logging(settings.telemetry.log_level)
    async with AsyncExitStack() as stack:
        folder = folder or _example_images(settings.data_dir)
        index = await _read_folder(folder)
        archive = await stack.enter_async_context(_archive(settings, folder, index))
        keys = await _prepare(settings, archive)
        ohif = await asyncio.to_thread(find_or_install_ohif, tools_dir, _say)
        viewer = stack.enter_context(serve_viewer(ohif, keys.viewer, htj2k=htj2k)) if ohif else ""
        app = await stack.enter_async_context(build_app(settings, viewer=viewer))
        _say(_welcome(app, keys.own, archive.port, len((await index.snapshot()).holdings), has_viewer=bool(viewer)))
        await stop.wait()
        _say("Stopping ...")


def _demo_settings(settings: Settings) -> Settings:
    """An installation of its own, and a quiet one: the terminal is for the user."""
    return settings.model_copy(
        update={
            "data_dir": settings.data_dir / ".demo",
            "drain_s": min(settings.drain_s, 2.0),
            "gateway": settings.gateway.model_copy(update={"access_log": False}),
            "telemetry": settings.telemetry.model_copy(update={"log_level": "WARNING"}),
        }
    )


def _with_free_ports(settings: Settings, say: Callable[[str], None]) -> Settings:
    """Other ports in place of default ones that are taken; one that was asked for must be free.

    Raises:
        ConfigurationError: one that was asked for is taken.
    """
    chosen: dict[str, int] = {}
    for listener in listeners(settings):
        port = free_port(listener, chosen.values())
        if port == listener.port:
            chosen[listener.setting] = port
        elif listener.setting in settings.model_fields_set:
            raise ConfigurationError(
                f"setting {listener.setting} = {listener.port}: it is in use by another program; choose another port"
            )
        else:
            chosen[listener.setting] = port
            say(f"Port {listener.port} is in use by another program; {listener.setting} is {port} in its place.")
    return settings.model_copy(update={name: port for name, port in chosen.items() if "." not in name})


def _example_images(data_dir: Path) -> Path:
    """A folder with links to the test images that are installed with pydicom and pydicom-data."""
    images = data_dir / "images"
    images.mkdir(exist_ok=True)
    for link in images.iterdir():
        link.unlink()
    for name, part in (("pydicom", "data/test_files"), ("data_store", "data")):
        spec = importlib.util.find_spec(name)
        for place in spec.submodule_search_locations or () if spec else ():
            _link_images(Path(place) / part, images, name)
    return images


def _link_images(source: Path, images: Path, prefix: str) -> None:
    for number, file in enumerate(sorted(source.rglob("*"))):
        if file.is_file() and file.stat().st_size >= _LEAST_IMAGE_BYTES:
            (images / f"{prefix}-{number:03}-{file.name}").symlink_to(file)


async def _read_folder(folder: Path) -> FolderIndex:
    try:
        with click.progressbar(length=1, label="Reading DICOM headers", file=sys.stderr, show_pos=True) as bar:

            def progress(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            index = await index_folder(folder, progress)
    except OSError as error:
        raise ConfigurationError(f"can't read the folder: {os.strerror(error.errno or 0)}") from None
    if not len((await index.snapshot()).holdings):
        await index.close()
        raise ConfigurationError("the folder holds no DICOM instance")
    return index


@asynccontextmanager
async def _archive(settings: Settings, path: Path, index: FolderIndex) -> AsyncIterator[DimseArchive]:
    """The hospital's part: a DIMSE archive on a free port of the loopback address."""
    config = PacsConfig(TENANT, PACS, FolderConnection(str(path)), datetime.now(UTC))
    folder = build_folder_pacs(config, telemetry=PrometheusTelemetry(), index=index)
    archive = DimseArchive(
        folder, ae_title=ARCHIVE_AET, move_destinations={settings.dicom_aet: ("127.0.0.1", settings.dicom_port)}
    )
    await archive.start()
    try:
        yield archive
    finally:
        await archive.close()
        await folder.close()


async def _prepare(settings: Settings, archive: DimseArchive) -> _Keys:
    """Do by code what an administrator does with the command line: a tenant, its PACS, and keys."""
    async with open_admin(settings, Purpose.BEGIN) as admin:
        with contextlib.suppress(ResourceExistsError):
            await admin.create_tenant(_CALLER, TENANT)
        # The last demo's archive had another port and may have had other images, which its caches hold.
        with contextlib.suppress(ResourceNotFoundError):
            await admin.pacs.delete(_CALLER, PACS)
        connection = DimseConnection("127.0.0.1", archive.port, ARCHIVE_AET, settings.dicom_aet)
        await admin.pacs.create(_CALLER, PACS, PacsSetup(connection))
        return _Keys(
            own=await _key(admin, settings.data_dir / "api_key", Role.ADMIN, "the demo's user"),
            viewer=await _key(admin, settings.data_dir / "viewer_key", Role.VIEWER, "the demo's viewer"),
        )


async def _key(admin: AdminService, file: Path, role: Role, label: str) -> str:
    """The key of the last demo if it is good still, else a new one."""
    valid = {key.key_id for key in await admin.list_keys(_CALLER) if key.revoke_time is None}
    token = _saved_key(file)
    if token.count("_") >= 2 and token.split("_")[1] in valid:
        return token
    _, token = await admin.create_key(_CALLER, role, label)
    _save_key(file, token)
    return token


def _saved_key(file: Path) -> str:
    return file.read_text(encoding="ascii").strip() if file.is_file() else ""


def _save_key(file: Path, token: str) -> None:
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(token, encoding="ascii")


def _welcome(app: App, key: str, archive_port: int, instance_count: int, *, has_viewer: bool) -> str:
    port = app.http_port or app.grpc_port
    viewer = [f"  Viewer     http://localhost:{port}/viewer/"] if has_viewer else []
    return "\n".join(
        [
            "",
            f"Radgate serves {instance_count} instances of a DIMSE archive ({ARCHIVE_AET}, 127.0.0.1:{archive_port}).",
            "",
            *viewer,
            f"  DICOMweb   http://localhost:{port}/dicom-web",
            f"  gRPC       localhost:{port}",
            f"  API key    {key}",
            "",
            "Try:",
            f'  curl -H "Authorization: Bearer {key}" "http://localhost:{port}/dicom-web/studies?limit=3"',
            "",
            *(f"  {line}" for line in _EXAMPLE.format(port=port, key=key).splitlines()),
            "",
            "Ctrl-C stops everything.",
        ]
    )


_EXAMPLE = """\
from radgate import Client

with Client("localhost:{port}", "{key}") as client:
    for study in client.search_studies(modalities_in_study="CT"):
        print(study.study_instance_uid, study.study_description)
"""


def _say(text: str) -> None:
    click.echo(text)
