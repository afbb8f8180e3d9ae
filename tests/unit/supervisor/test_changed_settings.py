"""Which changed settings wait for a full restart."""

from pydantic import SecretStr

from radgate_server.settings.cache import CacheSettings
from radgate_server.settings.gateway import GatewaySettings, ServersSettings
from radgate_server.settings.settings import Settings
from radgate_server.supervisor.changed_settings import not_applied

BEFORE = Settings(gateway=GatewaySettings(shared_secret=SecretStr("a" * 32)), dicom_host="127.0.0.1")


def test_what_processes_read_again_does_not_wait() -> None:
    now = BEFORE.model_copy(update={"cache": CacheSettings(hot_bytes=1 << 20), "dicom_host": "0.0.0.0"})
    assert not_applied(BEFORE, BEFORE) == []
    assert not_applied(BEFORE, now) == []


def test_what_envoy_and_the_supervisor_were_started_by_is_named_without_its_value() -> None:
    now = BEFORE.model_copy(
        update={
            "http_port": 8081,
            "gateway": GatewaySettings(shared_secret=SecretStr("b" * 32), max_connections=7),
            "servers": ServersSettings(peer_port=7000, peer_host="::1"),
        }
    )
    assert not_applied(BEFORE, now) == [
        "http_port",
        "gateway.shared_secret",
        "gateway.max_connections",
        "servers.peer_port",
    ]
