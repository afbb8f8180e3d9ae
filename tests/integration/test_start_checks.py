"""What can be known to be wrong stops the start before anything is made: one line with setting, value and remedy."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from radgate_server.app.building import build_app
from radgate_server.app.start_checks import Listener
from radgate_server.core.errors import ConfigurationError
from radgate_server.demo import command as demo
from radgate_server.settings.settings import load_settings

FREE = {"http_port": 0, "grpc_port": 0, "dicom_port": 0, "metrics_port": 0}
IN_USE = ", on 127.0.0.1: it is in use by another program; stop that, or choose another port"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def reported(folder: Path, **settings: object) -> str:
    """What the start says; it must have made nothing."""
    loaded = load_settings(**{"data_dir": folder / "data", **FREE, **settings})
    with pytest.raises(ConfigurationError) as caught:
        async with build_app(loaded):
            raise AssertionError("it started")
    assert not (folder / "data").exists()
    return caught.value.message


@pytest.mark.parametrize("name", ["http_port", "grpc_port", "dicom_port", "dicom_tls_port", "metrics_port"])
async def test_a_port_in_use_is_named(name: str, taken: int, tmp_path: Path) -> None:
    message = await reported(tmp_path, **{name: taken})
    assert message == f"setting {name} = {taken} (RADGATE_{name.upper()}){IN_USE}"


async def test_the_port_for_orders_is_named_too(taken: int, tmp_path: Path) -> None:
    orders = {"port": taken, "senders": [{"tenant": "north", "networks": ["127.0.0.1/32"]}]}
    message = await reported(tmp_path, prefetch={"orders": orders})
    assert message == f"setting prefetch.orders.port = {taken} (RADGATE_PREFETCH__ORDERS__PORT){IN_USE}"


async def test_every_port_in_use_has_its_line(taken: int, tmp_path: Path) -> None:
    lines = (await reported(tmp_path, http_port=taken, metrics_port=taken)).splitlines()
    assert f"settings metrics_port and http_port are both {taken}; choose another port for one" in lines
    assert lines[0].startswith("setting metrics_port")


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        (
            {"host": "192.0.2.1", "http_port": 1},
            ("setting http_port = 1 (", "192.0.2.1: this is no address of this machine"),
        ),
        (
            {"host": "nowhere.invalid", "http_port": 1},
            ("setting host = 'nowhere.invalid': the name can't be resolved",),
        ),
        ({"metrics_host": "nowhere.invalid", "metrics_port": 1}, ("setting metrics_host = 'nowhere.invalid'",)),
        ({"dicom_host": "nowhere.invalid", "dicom_port": 1}, ("setting dicom_host = 'nowhere.invalid'",)),
        (
            {"gateway": {"tls_certificate_file": "/no/cert", "tls_key_file": "/no/key"}},
            (
                "setting gateway.tls_certificate_file = '/no/cert': the file can't be read: FileNotFoundError ENOENT",
                "setting gateway.tls_key_file = '/no/key'",
            ),
        ),
        ({"secrets": {"vault": {"ca_file": "/no/ca"}}}, ("setting secrets.vault.ca_file = '/no/ca'",)),
        (
            {
                "alerts": {
                    "receivers": [{"kind": "slack", "name": "ops", "url_file": "/no/url", "least_severity": "warning"}]
                }
            },
            ("setting alerts.receivers.0.url_file = '/no/url'",),
        ),
    ],
)
async def test_what_can_not_be_used_is_named(
    settings: dict[str, object], parts: tuple[str, ...], tmp_path: Path
) -> None:
    message = await reported(tmp_path, **settings)
    for part in parts:
        assert part in message


async def test_a_key_file_that_holds_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no PEM", encoding="utf-8")
    file = str(tmp_path / "none.pem")
    message = await reported(tmp_path, gateway={"tls_certificate_file": file, "tls_key_file": file})
    assert message == "settings gateway.tls_*_file: TLS: the certificate file holds no certificates in PEM"


def test_the_demo_takes_another_port_for_a_default_one_that_is_taken(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "listeners", lambda _: [Listener("metrics_port", taken, "127.0.0.1", "metrics_host")])
    said: list[str] = []
    port = demo._with_free_ports(load_settings(), said.append).metrics_port
    assert port > taken
    assert said == [f"Port {taken} is in use by another program; metrics_port is {port} in its place."]
    with pytest.raises(ConfigurationError, match=f"setting metrics_port = {taken}: it is in use"):
        demo._with_free_ports(load_settings(metrics_port=taken), said.append)
