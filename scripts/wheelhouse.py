"""Make a folder of wheels from which Radgate installs without a network: its own two, all that they need, their hashes.

    python scripts/wheelhouse.py [--extras redis,vault] [--folder dist/wheelhouse]

The wheels are those of the Python and machine that run this; run it on one like the server. Then, there:

    pip install --no-index --find-links wheelhouse --require-hashes -r wheelhouse/requirements.txt
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (ROOT / "clients" / "python", ROOT)


def main() -> None:
    """Make it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--extras", default="", help="extras of radgate-server, separated by commas: aws, nats, redis, vault"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "dist" / "wheelhouse", help="made again when it is there")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.absolute()
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for package in PACKAGES:
        pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(package))
    (server,) = folder.glob("radgate_server-*.whl")
    wanted = f"{server}[{arguments.extras}]" if arguments.extras else str(server)
    pip(
        *("download", "--only-binary", ":all:", "--dest", str(folder), "--find-links", str(folder)),
        *("--constraint", str(ROOT / "constraints.txt"), wanted),
    )
    (folder / "requirements.txt").write_text("\n".join(requirements(folder)) + "\n", encoding="utf-8")
    print(f"{len(list(folder.glob('*.whl')))} wheels with their hashes are in {folder}")


def pip(*arguments: str) -> None:
    """Run pip of this Python."""
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments], check=True)


def requirements(folder: Path) -> Iterator[str]:
    """Yield one line for each wheel: name, version (PEP 427 has both in the file's name) and hash."""
    for wheel in sorted(folder.glob("*.whl")):
        name, version, *_ = wheel.name.split("-")
        yield f"{name.replace('_', '-')}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


if __name__ == "__main__":
    main()
