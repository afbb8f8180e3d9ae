"""What is wrong with a setting stops the start with one clear line."""

import pytest

from radgate_server.config import load_settings
from radgate_server.core.errors import ConfigurationError


def test_networks_are_read() -> None:
    settings = load_settings(pacs={"allowed_networks": ["10.0.0.0/8", "fd00::/8", "192.0.2.1"]})
    assert settings.pacs.allowed_networks == ("10.0.0.0/8", "fd00::/8", "192.0.2.1")


@pytest.mark.parametrize("network", ["10.0.0.1/8", "10.0.0.0/33", "hospital"])
def test_what_is_no_network_is_told(network: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(pacs={"allowed_networks": [network]})
    (line,) = caught.value.message.splitlines()
    assert line.startswith("setting pacs.allowed_networks (or RADGATE_PACS__ALLOWED_NETWORKS): not a network such as")
    assert network in line
