"""The processes in which images are decoded and rendered."""

from contextlib import AsyncExitStack
from functools import partial

from radgate_server.adapters.imaging.workers import ImageWorkers
from radgate_server.adapters.telemetry import PrometheusTelemetry
from radgate_server.core.imaging.ports import Priority
from radgate_server.settings.settings import Settings


async def open_workers(stack: AsyncExitStack, settings: Settings, telemetry: PrometheusTelemetry) -> ImageWorkers:
    """The pool of image workers; they start meanwhile, so that the first image need not wait for them."""
    workers = ImageWorkers(settings.imaging, telemetry)
    stack.push_async_callback(workers.close)
    await workers.start()
    telemetry.watch_image_workers(lambda: workers.ready)
    for priority in Priority:
        name = priority.name.lower()
        telemetry.watch_image_queue(
            name, partial(workers.waiting, priority), partial(workers.oldest_waiting_s, priority)
        )
    return workers
