"""The page in tests/e2e/cornerstone: its packages from npm, bundled by esbuild, served on the loopback address."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.browser import serve_folder

SOURCE = Path(__file__).parent / "cornerstone"
TOOLS = Path(__file__).parents[2] / ".tools"

_LOADER = "node_modules/@cornerstonejs/dicom-image-loader/dist/esm"
_WORKER = "decodeImageFrameWorker"
_CODECS = "node_modules/@cornerstonejs/codec-*/dist"
_WASM = ("openjphjs.wasm", "*_decode.wasm")
_INSTALL_S = 600


def bundled_page() -> Path:
    """The folder of the page, ready to be served; made when its sources or packages are others than the last time."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(SOURCE.iterdir()))).hexdigest()[:16]
    page = TOOLS / f"cornerstone-{digest}"
    if not page.is_dir():
        TOOLS.mkdir(exist_ok=True)
        with TemporaryDirectory(prefix="cornerstone-", dir=TOOLS) as temporary:
            bundle = _bundle(Path(temporary))
            try:
                bundle.replace(page)
            except OSError:  # another process has made it meanwhile
                if not page.is_dir():
                    raise
    return page


def _bundle(work: Path) -> Path:
    for file in SOURCE.iterdir():
        shutil.copy(file, work)
    # esbuild's program comes as a package of its own, so that no script of a package has to run.
    _run(work, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    # The loader starts its worker by a name beside the bundle.
    entries = ("main=main.js", f"{_WORKER}={_LOADER}/{_WORKER}.js")
    options = ("--bundle", "--format=esm", "--target=es2022", "--external:fs", "--external:path", "--outdir=page")
    _run(work, "node_modules/.bin/esbuild", *entries, *options)
    codecs = [file for name in _WASM for file in work.glob(f"{_CODECS}/{name}")]
    for file in (work / "index.html", *codecs):
        shutil.copy(file, work / "page")
    return work / "page"


def _run(work: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=_INSTALL_S)
    assert done.returncode == 0, f"{command[0]}: {done.stderr[-2000:]}"


@contextmanager
def serve_page() -> Iterator[str]:
    """Serve the page; gives its address, which is another origin than the gateway's."""
    with serve_folder(bundled_page()) as url:
        yield url
