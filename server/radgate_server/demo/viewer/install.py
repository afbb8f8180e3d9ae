"""OHIF from npm: the package's ready-made build, pinned by version and digest."""

import base64
import fcntl
import hashlib
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

PACKAGE = "@ohif/app@3.12.10"
SHA512 = "0kuF66Mq9c9dMD++bUsTjMrJpXJwaZhz9B4uS244DawAjSkTwIYFU93pxPuRUQixaRi7QAHlF3Fe1qudBlZrmA=="

_FOLDER = "ohif-3.12.10"
_BUILD = "package/dist/"
_DOWNLOAD_S = 600


def find_or_install_ohif(tools_dir: Path, say: Callable[[str], None]) -> Path | None:
    """Return the folder of OHIF's build below `tools_dir`, fetched with npm if it is not there yet.

    Returns None when there is no npm or no network; `say` then receives how to get the viewer, in one line.
    """
    folder = tools_dir / _FOLDER
    page = folder / "index.html"
    if page.is_file():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        say("No viewer: install npm (Debian: apt-get install npm) and start again to have OHIF fetched.")
        return None
    say(f"Fetching the viewer {PACKAGE} with npm (100 MB, once) ...")
    tools_dir.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(tools_dir):
        problem = "" if page.is_file() else _install(npm, tools_dir, folder)
    if problem:
        say(f"No viewer: {problem}. Everything else works; start again to try once more.")
        return None
    return folder


@contextmanager
def _one_at_a_time(tools_dir: Path) -> Iterator[None]:
    """Wait for another process that fetches the viewer at this moment."""
    with (tools_dir / f"{_FOLDER}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(npm: str, tools_dir: Path, folder: Path) -> str:
    """Fetch and unpack; returns what went wrong, or ""."""
    with TemporaryDirectory(prefix="ohif-", dir=tools_dir) as temporary:
        work = Path(temporary)
        try:
            # `pack` fetches this one archive: no dependencies, and no script of a package runs.
            subprocess.run(  # noqa: S603 - no shell, fixed arguments
                [npm, "pack", PACKAGE, "--silent", "--pack-destination", str(work)],
                check=True, capture_output=True, timeout=_DOWNLOAD_S, cwd=work,
            )  # fmt: skip
            archive = next(work.glob("*.tgz"))
            if not is_genuine(archive):
                return f"the archive of {PACKAGE} is not the expected one"
            unpack(archive, work / "dist")
        except (OSError, StopIteration, subprocess.SubprocessError, tarfile.TarError):
            return f"npm could not fetch {PACKAGE}"
        # In one step, so that a half unpacked viewer is never found.
        (work / "dist").replace(folder)
        return ""


def is_genuine(archive: Path, sha512: str = SHA512) -> bool:
    """Whether the archive has the digest (base64 of SHA-512, as npm's `integrity` has it)."""
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    return base64.b64encode(digest).decode() == sha512


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the build, without its source maps, into the new `folder`."""
    folder.mkdir()
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.startswith(_BUILD) and not member.name.endswith(".map"):
                member.name = member.name.removeprefix(_BUILD)
                tar.extract(member, folder, filter="data")
