"""What lies on the local disk, against plain files: the bare server reads the same messages from them, over gRPC too.

A server that has nothing of it in memory finds the entry, reads its span, verifies and decrypts it. The bare one opens
a file and sends what is in it. The kernel has all files in its memory, for both.
"""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from tests.bench.bare import record
from tests.bench.frame_server import FRAMES, METHOD, Asked, FrameServer, serving_frames
from tests.bench.rounds import typical_ratio
from tests.bench.scenarios import RETRIEVE_INSTANCES, ct_request, stream_once
from tests.bench.servers import bare_server
from tests.bench.table import Row
from tests.integration.orthanc import OrthancServer

CLIENTS = 16
_NOTHING_IN_MEMORY = {"RADGATE_CACHE__HOT_BYTES": "0", "RADGATE_CACHE__HOT_INSTANCE_BYTES": "0"}
_STORED = {"encrypted": "true", "not encrypted": "false"}
"""How the tier has it, by the setting cache.encrypted."""
_TARGETS = {"encrypted": 0.8, "not encrypted": None}
_PLAIN = "plain files"


async def disk_tier(orthanc: OrthancServer, folder: Path, seconds: int, rounds: int) -> list[Row]:
    """Read frames and a whole study from servers that differ in what they do to their files."""
    return await asyncio.to_thread(_measured, orthanc, folder, seconds, rounds)


def _measured(orthanc: OrthancServer, folder: Path, seconds: int, rounds: int) -> list[Row]:
    with ExitStack() as stack:
        servers = {}
        for stored, encrypted in _STORED.items():
            settings = {**_NOTHING_IN_MEMORY, "RADGATE_CACHE__ENCRYPTED": encrypted}
            process = stack.enter_context(serving_frames(orthanc, folder / stored, settings))
            servers[stored] = FrameServer.of(process)
        recording, first = folder / "recording.pickle", servers["encrypted"]
        calls = [(METHOD, request) for request in FRAMES.requests[:CLIENTS]]
        record(first.port, [*calls, (RETRIEVE_INSTANCES, ct_request())], first.metadata, recording)
        servers[_PLAIN] = FrameServer.bare(stack.enter_context(bare_server(recording, folder / "files")))
        return _frame_rows(servers, seconds, rounds) + _study_rows(servers, rounds * 3)


def _frame_rows(servers: dict[str, FrameServer], seconds: int, rounds: int) -> list[Row]:
    asked: dict[str, list[Asked]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, server in servers.items():
            asked[name].append(server.ask(CLIENTS, seconds))
    rates = {name: [one.load.per_second for one in taken] for name, taken in asked.items()}
    spent_s = {name: [one.processor_s for one in taken] for name, taken in asked.items()}
    rows = []
    for stored, target in _TARGETS.items():
        rows += [
            Row(
                f"frames of 512 KiB from disk, {stored}, by gRPC, {CLIENTS} clients",
                f"{median(rates[stored]):,.0f} /s",
                f"{_PLAIN} {median(rates[_PLAIN]):,.0f} /s",
                typical_ratio(rates[stored], rates[_PLAIN]),
                target,
            ),
            Row(
                "... processor time",
                f"{median(spent_s[stored]) * 1e3:.2f} ms",
                f"{_PLAIN} {median(spent_s[_PLAIN]) * 1e3:.2f} ms",
                typical_ratio(spent_s[_PLAIN], spent_s[stored]),
                None,
            ),
        ]
    return rows


def _study_rows(servers: dict[str, FrameServer], rounds: int) -> list[Row]:
    taken_s: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, server in servers.items():
            taken_s[name].append(stream_once(server.port, ct_request(), server.metadata)[0])
    return [
        Row(
            f"study of 120 slices from disk, {stored}, by gRPC",
            f"{median(taken_s[stored]):.3f} s",
            f"{_PLAIN} {median(taken_s[_PLAIN]):.3f} s",
            typical_ratio(taken_s[_PLAIN], taken_s[stored]),
            target,
        )
        for stored, target in _TARGETS.items()
    ]
