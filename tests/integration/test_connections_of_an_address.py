"""The firewall's rule for connections of one address (deploy/nftables).

It is tried in a network namespace where the machine allows one; else what the file says is looked at alone.
"""

import json
import shutil
import sys
from pathlib import Path

from tests.integration.network_namespaces import Networks, may_have_namespaces

RULES = Path(__file__).resolve().parents[2] / "deploy" / "nftables" / "connections.nft"
OPEN = """
import json, socket
socket.setdefaulttimeout(20)
listener = socket.create_server(("0.0.0.0", 8080), backlog=600)
listener6 = socket.create_server(("::1", 8080), family=socket.AF_INET6)
def held(family, server, client, count):
    found = [socket.socket(family) for _ in range(count)]
    for each in found:
        each.bind((client, 0))
    return found, [each.connect_ex((server, 8080)) == 0 for each in found]
many, opened = held(socket.AF_INET, "127.0.0.1", "127.0.0.1", 260)
other, opened_by_other = held(socket.AF_INET, "127.0.0.1", "127.0.0.2", 2)
sixth, opened_by_sixth = held(socket.AF_INET6, "::1", "::1", 2)
print(json.dumps([sum(opened), sum(opened_by_other), sum(opened_by_sixth)]))
"""


def test_one_address_holds_no_more_than_its_connections_and_keeps_nobody_else_out() -> None:
    assert RULES.read_text().count("ct count over 256") == 2
    if not (may_have_namespaces() and shutil.which("nft")):
        return
    with Networks() as networks:
        networks.wire(("server", "192.0.2.1/30"), ("other", "192.0.2.2/30"))
        networks.run("server", "nft", "-f", str(RULES))
        found = networks.run("server", sys.executable, "-c", OPEN)
    assert json.loads(found.stdout) == [256, 2, 2]
