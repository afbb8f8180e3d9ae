"""The WireGuard configuration for a hospital and a Radgate elsewhere (deploy/wireguard).

Where the machine allows it, Radgate's machine, the hospital's gateway and the PACS are network namespaces, both files
are brought up by wg-quick, and DIMSE goes through the tunnel; else what the files say is looked at alone.
"""

import base64
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.network_namespaces import Networks, may_have_namespaces

CONFIGURE = Path(__file__).resolve().parents[2] / "deploy" / "wireguard" / "configure.sh"
PACS, CLOUD = "10.20.0.10", "10.99.0.1"
LONG_S = 20


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """What configure.sh writes."""
    options = ["--endpoint", "198.51.100.1", "--pacs", PACS, "--pacs-ports", "104,2762"]
    places = ["--output", str(tmp_path / "made"), "--folder", str(tmp_path / "made" / "site")]
    subprocess.run([str(CONFIGURE), *options, *places], check=True, capture_output=True)
    return tmp_path / "made"


def settings_of(file: Path) -> dict[str, str]:
    """What wg-quick hands to wg, by key; each is there once."""
    stripped = subprocess.run(["wg-quick", "strip", str(file)], check=True, capture_output=True, text=True).stdout
    pairs = [line.split(" = ", 1) for line in stripped.splitlines() if " = " in line]
    assert len({key for key, _ in pairs}) == len(pairs)
    return {key: value.strip() for key, value in pairs}


def public_key_of(private_key: str) -> str:
    return subprocess.run(
        ["wg", "pubkey"], input=private_key, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_both_ends_know_each_other_and_their_files_are_secret(made: Path) -> None:
    cloud, site = settings_of(made / "cloud" / "rg-cloud.conf"), settings_of(made / "site" / "rg-site.conf")
    assert cloud["PublicKey"] == public_key_of(site["PrivateKey"])
    assert site["PublicKey"] == public_key_of(cloud["PrivateKey"])
    assert cloud["PresharedKey"] == site["PresharedKey"]
    assert len(base64.b64decode(cloud["PresharedKey"])) == 32
    assert (site["Endpoint"], cloud["ListenPort"]) == ("198.51.100.1:51820", "51820")
    assert cloud["AllowedIPs"].replace(" ", "").split(",") == ["10.99.0.2/32", PACS]
    assert site["AllowedIPs"] == "10.99.0.1/32"
    for file in made.rglob("*.*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "@" not in file.read_text()


def test_keys_are_made_again_each_time(made: Path, tmp_path: Path) -> None:
    options = ["--endpoint", "198.51.100.1", "--pacs", PACS, "--output", str(tmp_path / "again")]
    subprocess.run([str(CONFIGURE), *options], check=True, capture_output=True)
    before, after = (settings_of(folder / "site" / "rg-site.conf") for folder in (made, tmp_path / "again"))
    assert before["PrivateKey"] != after["PrivateKey"]


def test_no_key_is_in_the_repository() -> None:
    for file in CONFIGURE.parent.iterdir():
        for line in file.read_text().splitlines():
            if line.startswith(("PrivateKey", "PresharedKey")):
                assert line.split(" = ")[1].strip("@").isupper()


@contextmanager
def tunnel(made: Path) -> Iterator[Networks]:
    """Radgate's machine, the internet, the hospital's gateway, and behind it the PACS."""
    with Networks() as networks:
        networks.wire(("cloud", "198.51.100.1/30"), ("site", "198.51.100.2/30"))
        networks.wire(("site", "10.20.0.1/24"), ("pacs", f"{PACS}/24"))
        networks.run("pacs", "ip", "route", "add", f"{CLOUD}/32", "via", "10.20.0.1")
        networks.run("cloud", "wg-quick", "up", str(made / "cloud" / "rg-cloud.conf"))
        try:
            networks.run("site", "wg-quick", "up", str(made / "site" / "rg-site.conf"))
            try:
                yield networks
            finally:
                networks.run("site", "wg-quick", "down", str(made / "site" / "rg-site.conf"))
        finally:
            networks.run("cloud", "wg-quick", "down", str(made / "cloud" / "rg-cloud.conf"))


def answers(networks: Networks, machine: str, address: str, port: int) -> bool:
    """Whether a C-ECHO from the machine is answered."""
    command = ("echoscu", "-to", "2", "-ta", "2", address, str(port))
    return networks.run(machine, *command, check=False).returncode == 0


def answers_soon(networks: Networks, machine: str, address: str, port: int) -> bool:
    until = time.monotonic() + LONG_S
    while time.monotonic() < until:
        if answers(networks, machine, address, port):
            return True
    return False


def test_dimse_passes_through_the_tunnel_both_ways_and_nothing_else_does(made: Path) -> None:
    if not (may_have_namespaces() and shutil.which("wg-quick") and shutil.which("nft")):
        print("checked: that wg-quick reads both files; this machine has no network namespaces")
        assert settings_of(made / "cloud" / "rg-cloud.conf")["AllowedIPs"].endswith(PACS)
        return
    print("checked: C-ECHO through a tunnel between network namespaces")
    with tunnel(made) as networks:
        storescp = ("storescp", "--ignore")
        with (
            networks.running("pacs", *storescp, "2762"),
            networks.running("pacs", *storescp, "11112"),
            networks.running("cloud", *storescp, "2762"),
            networks.running("cloud", *storescp, "5432"),
        ):
            assert answers_soon(networks, "cloud", PACS, 2762)
            assert answers_soon(networks, "pacs", CLOUD, 2762)
            assert answers_soon(networks, "pacs", PACS, 11112)  # it is there
            assert not answers(networks, "cloud", PACS, 11112)  # but not for Radgate's machine
            assert not answers(networks, "pacs", CLOUD, 5432)
            assert not answers(networks, "cloud", "10.20.0.1", 2762)
        transferred = networks.run("cloud", "wg", "show", "rg-cloud", "transfer").stdout.split()
        assert min(map(int, transferred[1:])) > 1000
