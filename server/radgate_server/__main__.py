"""`python -m radgate_server`, and the program `radgate`."""

import gc
import os

from radgate_server.cli import radgate


def main() -> None:
    """Run the command line; ends the process."""
    # Read when grpc is imported. We fork only to become another program (Envoy), which needs no help of gRPC.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    # Modules are no garbage, and looking for some among them takes a tenth of a short command's time. A command reads
    # its settings when it has been imported: current_settings turns collection on again.
    gc.disable()
    radgate(prog_name="radgate")


if __name__ == "__main__":
    main()
