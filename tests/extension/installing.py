"""Distributions put into a folder as an installer does: modules, and metadata with their entry points."""

import importlib
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from radgate_server.core.pacs.kinds.table import replace_extensions
from radgate_server.installation.pacs_adapters import pacs_adapters

TOY = Path(__file__).parent / "toy_pacs"
GROUP = "radgate.pacs_adapters"


def install(site: Path, name: str, source: str, entry_point: str, *, kind: str = "toy") -> Path:
    """Install the distribution `name` with one module of that name; return the folder of its metadata."""
    (site / f"{name.replace('-', '_')}.py").write_text(source, encoding="utf-8")
    metadata = site / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{kind} = {entry_point}\n", encoding="utf-8")
    return metadata


def install_toy(site: Path) -> Path:
    """Install tests/extension/toy_pacs as its pyproject.toml says."""
    project = tomllib.loads((TOY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((kind, entry_point),) = project["entry-points"][GROUP].items()
    source = (TOY / "toy_pacs.py").read_text(encoding="utf-8")
    return install(site, project["name"], source, entry_point, kind=kind)


@contextmanager
def installed(site: Path) -> Iterator[None]:
    """What is installed in `site` counts for this process, as if it had been there at its start."""
    sys.path.insert(0, str(site))
    _forget(site)
    try:
        yield
    finally:
        sys.path.remove(str(site))
        _forget(site)
        replace_extensions({}, {})


def _forget(site: Path) -> None:
    importlib.invalidate_caches()
    pacs_adapters.cache_clear()
    for module in [path.stem for path in site.glob("*.py")]:
        sys.modules.pop(module, None)
