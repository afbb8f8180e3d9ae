"""Pages of foreign viewers: their packages from npm, bundled by esbuild, served on the loopback address.

Each has a folder with its sources and a package-lock.json, by whose digests npm checks what it fetches. Nothing of the
packages is part of Radgate: they are fetched for a test, into .tools.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.browser import serve_folder

HERE = Path(__file__).parent
TOOLS = HERE.parents[1] / ".tools"

_INSTALL_S = 600


@dataclass(frozen=True)
class NpmPage:
    """A page's folder below this one, and what is bundled and copied, in esbuild's words and by pattern.

    `assets` are folders or files that lie beside the bundle: the name there, and a pattern below node_modules.
    """

    name: str
    entries: tuple[str, ...]
    options: tuple[str, ...] = ()
    assets: tuple[tuple[str, str], ...] = ()

    @property
    def source(self) -> Path:
        return HERE / self.name


_WORKER = "decodeImageFrameWorker"
_LOADER = "@cornerstonejs/dicom-image-loader/dist/esm"

CORNERSTONE = NpmPage(
    "cornerstone",
    # The loader starts its worker by a name beside the bundle.
    ("main=main.js", f"{_WORKER}=node_modules/{_LOADER}/{_WORKER}.js"),
    ("--external:fs", "--external:path"),
    ((".", "@cornerstonejs/codec-*/dist/openjphjs.wasm"), (".", "@cornerstonejs/codec-*/dist/*_decode.wasm")),
)
DWV = NpmPage("dwv", ("main=main.js",), assets=(("assets/workers", "dwv/dist/assets/workers/*"),))


def bundled_page(page: NpmPage) -> Path:
    """The folder of the page, ready to be served; made when its sources or packages are others than the last time."""
    sources = sorted(page.source.iterdir())
    digest = hashlib.sha256(b"".join([repr(page).encode(), *(file.read_bytes() for file in sources)])).hexdigest()[:16]
    folder = TOOLS / f"{page.name}-{digest}"
    if not folder.is_dir():
        TOOLS.mkdir(exist_ok=True)
        with TemporaryDirectory(prefix=f"{page.name}-", dir=TOOLS) as temporary:
            bundle = _bundle(page, Path(temporary))
            try:
                bundle.replace(folder)
            except OSError:  # another process has made it meanwhile
                if not folder.is_dir():
                    raise
    return folder


def _bundle(page: NpmPage, work: Path) -> Path:
    for file in page.source.iterdir():
        shutil.copy(file, work)
    # esbuild's program comes as a package of its own, so that no script of a package has to run.
    _run(work, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    options = ("--bundle", "--format=esm", "--target=es2022", "--outdir=page", *page.options)
    _run(work, "node_modules/.bin/esbuild", *page.entries, *options)
    shutil.copy(work / "index.html", work / "page")
    for place, pattern in page.assets:
        (work / "page" / place).mkdir(parents=True, exist_ok=True)
        for file in (work / "node_modules").glob(pattern):
            shutil.copy(file, work / "page" / place)
    return work / "page"


def _run(work: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=_INSTALL_S)
    assert done.returncode == 0, f"{command[0]}: {done.stderr[-2000:]}"


@contextmanager
def serve_page(page: NpmPage) -> Iterator[str]:
    """Serve the page; gives its address, which is another origin than the gateway's."""
    with serve_folder(bundled_page(page)) as url:
        yield url
