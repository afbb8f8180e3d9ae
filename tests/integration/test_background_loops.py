"""A server that stops ends what it does in the background."""

import asyncio
from pathlib import Path

from radgate_server.app import build_app
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.imaging import ImagingSettings
from radgate_server.settings.settings import Settings


async def test_a_server_that_is_stopped_leaves_no_task(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path / "data",
        grpc_port=0,
        dicom_port=0,
        metrics_port=0,
        imaging=ImagingSettings(workers=1),
        gateway=GatewaySettings(enabled=False),
    )
    async with build_app(settings):
        running = {task.get_name() for task in asyncio.all_tasks()}
        assert {"pacs-health", "readiness", "certificates", "usage", "change-follower", "changes-reader"} <= running
    assert asyncio.all_tasks() == {asyncio.current_task()}
