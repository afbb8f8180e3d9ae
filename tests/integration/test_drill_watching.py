"""What the drill counts as a connection."""

import socket

from tests.drill.watching import connections_to
from tests.integration.waiting import until


async def test_only_what_was_accepted_is_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=8) as server:
        port = server.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        accepted, _ = server.accept()
        await until(lambda: connections_to(port) == 1)
        assert connections_to(port) == 1  # and stays
        for each in (accepted, *clients):
            each.close()
