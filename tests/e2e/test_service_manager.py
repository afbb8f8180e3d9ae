"""systemd's side of the server: the unit is one that systemd takes, and it is reported when calls are served."""

import re
import socket
import subprocess
from pathlib import Path

from tests.e2e.radgate_process import ROOT, RadgateProcess

UNIT = ROOT / "deploy" / "systemd" / "radgate.service"
SYSTEMD_ANALYZE = "/usr/bin/systemd-analyze"


def test_systemd_takes_the_unit_also_with_credentials(tmp_path: Path) -> None:
    text = re.sub("^ExecStart=.*", "ExecStart=/bin/true", UNIT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for name, content in (
        ("plain", text),
        ("with-credential", re.sub("^#(LoadC|Env)", r"\1", text, flags=re.MULTILINE)),
    ):
        unit = tmp_path / f"radgate-{name}.service"
        unit.write_text(content, encoding="utf-8")
        done = subprocess.run([SYSTEMD_ANALYZE, "verify", str(unit)], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), name


def test_systemd_is_informed_when_calls_are_served_and_when_no_more(tmp_path: Path) -> None:
    address, folder = tmp_path / "notify", tmp_path / "radgate"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(60)
        settings = {"NOTIFY_SOCKET": str(address), "RADGATE_GATEWAY__ENABLED": "false"}
        with RadgateProcess(folder, settings):
            assert manager.recv(1024) == b"READY=1"
        assert manager.recv(1024) == b"STOPPING=1"
