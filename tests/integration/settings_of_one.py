"""Settings of a server in the process of the test."""

from pathlib import Path
from typing import Any

from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.imaging import ImagingSettings
from radgate_server.settings.settings import Settings


def settings_of_one(folder: Path, **others: Any) -> Settings:
    """On free ports, without Envoy and with one image worker; `others` are as of Settings."""
    return Settings(
        data_dir=folder / "data",
        grpc_port=0,
        dicom_port=0,
        metrics_port=0,
        imaging=ImagingSettings(workers=1),
        gateway=GatewaySettings(enabled=False),
        **others,
    )
