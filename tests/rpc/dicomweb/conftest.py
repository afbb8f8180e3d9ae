import grpc
import pytest

from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import Rig


@pytest.fixture
async def web(rig: Rig, channel: grpc.aio.Channel) -> Web:
    return Web(channel, await rig.key("east"))
