"""The Unix sockets in the gateway's folder."""

from pathlib import Path

import pytest

from radgate_server.adapters.gateway.sockets import server_socket, socket_in
from radgate_server.config import load_settings


def test_the_servers_socket_lies_in_a_folder_that_is_its_owners_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = server_socket(load_settings(data_dir=tmp_path_factory.mktemp("d"), grpc_port=50123))
    assert path is not None
    assert path.name == "server-50123.sock"
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_whose_path_is_too_long_for_a_socket_has_none() -> None:
    assert socket_in(Path("/" + 94 * "d"), "sock") == Path("/" + 94 * "d" + "/sock")
    assert socket_in(Path("/" + 95 * "d"), "sock") is None
    assert socket_in(Path("/" + 48 * "é"), "sock") is None  # it is bytes that count
