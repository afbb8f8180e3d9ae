"""The clock of a machine, set a minute ahead for its processes by libfaketime."""

from collections.abc import Sequence
from pathlib import Path

from radgate_server.adapters.gateway.files import find_envoy
from tests.cluster.cluster import Cluster

# Not by the command `faketime`, which is a process between, and passes no signal on to the server.
_AHEAD = ("env", "LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1", "FAKETIME=+60s", "DONT_FAKE_MONOTONIC=1")


def set_ahead(cluster: Cluster) -> None:
    """Start the other machine again, a minute ahead."""
    command = _envoy_of_right_time(cluster.front.folder)
    _start_again(cluster, (*_AHEAD, f"RADGATE_GATEWAY__COMMAND={command}"))


def set_right(cluster: Cluster) -> None:
    """Start it again with this machine's clock."""
    _start_again(cluster, ())


def _envoy_of_right_time(folder: Path) -> Path:
    """A command for Envoy, which does not start with the library."""
    command = folder / "envoy"
    command.write_text(f'#!/bin/sh\nunset LD_PRELOAD\nexec "{find_envoy("")}" "$@"\n', encoding="utf-8")
    command.chmod(0o700)
    return command


def _start_again(cluster: Cluster, prefix: Sequence[str]) -> None:
    machine = cluster.machines[1]
    machine.stop()
    machine.prefix = (*cluster.wire.places[1].prefix, *prefix)
    machine.start()
