"""Starts image workers, reports their processes, and waits. Killed by test_image_workers.py."""

import asyncio

from radgate_server.adapters.imaging.workers import ImageWorkers
from radgate_server.settings.imaging import ImagingSettings
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.waiting import until


async def main() -> None:
    workers = ImageWorkers(ImagingSettings(workers=2), RecordingTelemetry())
    await workers.start()
    await until(lambda: workers.ready == 2)
    print(*workers.pids, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
