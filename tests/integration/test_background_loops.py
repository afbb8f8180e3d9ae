"""A server that stops ends what it does in the background."""

import asyncio
from pathlib import Path

from radgate_server.app import build_app
from tests.integration.settings_of_one import settings_of_one


async def test_a_server_that_is_stopped_leaves_no_task(tmp_path: Path) -> None:
    settings = settings_of_one(tmp_path)
    async with build_app(settings):
        running = {task.get_name() for task in asyncio.all_tasks()}
        assert {"pacs-health", "readiness", "certificates", "usage", "change-follower", "changes-reader"} <= running
    assert asyncio.all_tasks() == {asyncio.current_task()}
