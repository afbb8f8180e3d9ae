"""Generate what is committed from proto/: the Python stubs of the SDK, Envoy's descriptor set and its rows of methods.

`--check` changes nothing and exits with 1 when a committed file is not what the protos give.
"""

import argparse
import filecmp
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from allowed_methods import with_generated
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
THIRD_PARTY = ROOT / "third_party" / "googleapis"
SDK = ROOT / "clients" / "python" / "src"
INTERNAL = PROTO / "radgate" / "internal" / "v1"
PEERS = "radgate_server/rpc/peers"
SERVER = ROOT / "server"
DESCRIPTOR = ROOT / "gateway" / "radgate.pb"
ENVOY = ROOT / "gateway" / "envoy.yaml"
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")


def run_protoc(*options: str, files: Sequence[Path]) -> None:
    """Run protoc; stop with its exit status when it fails."""
    well_known = Path(protoc.__file__).parent / "_proto"
    includes = [f"-I{path}" for path in (PROTO, THIRD_PARTY, well_known)]
    status = protoc.main(["protoc", *includes, *options, *map(str, files)])
    if status:
        sys.exit(status)


def generate(sdk: Path, descriptor: Path) -> None:
    """Write the stubs below `sdk` and the descriptor set to `descriptor`."""
    files = sorted(file for file in PROTO.rglob("*.proto") if file.parent != INTERNAL)
    services = [file for file in files if file.name.endswith("_service.proto")]
    run_protoc(f"--python_out={sdk}", f"--pyi_out={sdk}", files=files)
    run_protoc(f"--grpc_python_out={sdk}", files=services)
    details = [THIRD_PARTY / "google" / "rpc" / "error_details.proto"]
    run_protoc("--include_imports", f"--descriptor_set_out={descriptor}", files=[*files, *details])
    for package in ("radgate/v1", "radgate/dicomweb", "radgate/dicomweb/v1"):
        (sdk / package / "__init__.py").write_text('"""Generated from proto/ by `make gen`; do not edit."""\n')


def generate_internal(server: Path) -> None:
    """Write below `server` what servers alone speak: no part of the SDK, and unknown to Envoy."""
    options = (f"-I{PEERS}={INTERNAL}", f"--python_out={server}", f"--pyi_out={server}")
    status = protoc.main(["protoc", *options, *map(str, sorted(INTERNAL.glob("*.proto")))])
    if status:
        sys.exit(status)


def differences(made: Path, committed: Path) -> list[str]:
    """Files below `made` that differ from those below `committed`, and generated ones that only `committed` has."""
    found = [file.relative_to(made) for file in made.rglob("*") if file.is_file()]
    changed = [str(name) for name in found if not _same(made / name, committed / name)]
    kept = [file.relative_to(committed) for pattern in GENERATED for file in committed.rglob(pattern)]
    return changed + [str(name) for name in kept if name not in found]


def _same(left: Path, right: Path) -> bool:
    return right.exists() and filecmp.cmp(left, right, shallow=False)


def main() -> None:
    """Generate, or check what is committed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when something is not current")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sdk = Path(folder) / "sdk"
        for package in ("radgate/v1", "radgate/dicomweb/v1"):
            (sdk / package).mkdir(parents=True)
        descriptor = Path(folder) / "radgate.pb"
        generate(sdk, descriptor)
        server = Path(folder) / "server"
        server.mkdir()
        generate_internal(server)
        if arguments.check:
            stale = (
                differences(sdk, SDK)
                + differences(server, SERVER)
                + ([] if _same(descriptor, DESCRIPTOR) else ["gateway/radgate.pb"])
            )
            if with_generated(ENVOY.read_text(), descriptor) != ENVOY.read_text():
                stale.append("gateway/envoy.yaml")
            if stale:
                sys.exit("not current, run `make gen`: " + ", ".join(stale))
            print("generated files are current")
            return
        shutil.copytree(sdk, SDK, dirs_exist_ok=True)
        shutil.copytree(server, SERVER, dirs_exist_ok=True)
        shutil.copy(descriptor, DESCRIPTOR)
        ENVOY.write_text(with_generated(ENVOY.read_text(), descriptor))
        print(f"wrote {SDK.relative_to(ROOT)} and {DESCRIPTOR.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
