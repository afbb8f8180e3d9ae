"""Radgate with OHIF in front of whatever PACS the settings' installation has: `radgate demo` without its archive.

python -m tests.e2e.serve_with_viewer KEY [--htj2k]
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

from radgate_server.adapters.telemetry import set_up_logging
from radgate_server.app import build_app
from radgate_server.demo.viewer import find_or_install_ohif, serve_viewer
from radgate_server.settings.settings import load_settings

TOOLS = Path(__file__).parents[2] / ".tools"


async def main(key: str, *, htj2k: bool) -> None:
    settings = load_settings()
    set_up_logging(settings.telemetry.log_level)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    ohif = await asyncio.to_thread(find_or_install_ohif, TOOLS, print)
    if ohif is None:
        sys.exit(1)
    with serve_viewer(ohif, key, htj2k=htj2k) as viewer:
        async with build_app(settings, viewer=viewer) as app:
            ports = {f"{name}_port": getattr(app, f"{name}_port") for name in ("http", "grpc", "metrics")}
            print(json.dumps({"message": "radgate serves", **ports}), flush=True)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], htj2k="--htj2k" in sys.argv))
