"""`radgate demo` as a user starts it: one command, then the viewer, DICOMweb and gRPC."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pydicom
import pytest

from tests.integration.ports import free_port

CT = Path(pydicom.__file__).parent / "data" / "test_files" / "CT_small.dcm"
CT_STUDY = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
FREE_PORTS = ("RADGATE_HTTP_PORT", "RADGATE_GRPC_PORT", "RADGATE_DICOM_PORT", "RADGATE_METRICS_PORT")


@dataclass(frozen=True)
class Demo:
    """A running demo, and what it reported the user."""

    process: subprocess.Popen[str]
    text: str

    @property
    def url(self) -> str:
        return self._reported(r"DICOMweb\s+(http://localhost:\d+)/dicom-web")

    @property
    def key(self) -> str:
        return self._reported(r"API key\s+(\S+)")

    @property
    def authorization(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def _reported(self, pattern: str) -> str:
        found = re.search(pattern, self.text)
        assert found is not None, self.text
        return found[1]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder whose viewer is there already: one page that stands for OHIF."""
    with TemporaryDirectory(prefix="radgate-") as name:
        ohif = Path(name) / "tools" / "ohif-3.12.10"
        ohif.mkdir(parents=True)
        (ohif / "index.html").write_text("<title>OHIF</title>")
        yield Path(name)


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    (tmp_path / "ct").symlink_to(CT)
    return tmp_path


@contextmanager
def running(data_dir: Path, *options: str, **environment: str) -> Iterator[Demo]:
    ports = {**dict.fromkeys(FREE_PORTS, "0"), "RADGATE_HTTP_PORT": str(free_port())}
    process = subprocess.Popen(
        [sys.executable, "-m", "radgate_server", "demo", *options],
        env={**os.environ, **ports, "RADGATE_DATA_DIR": str(data_dir), **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        yield Demo(process, "".join(lines))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        finally:
            process.kill()
            process.stdout.close()


def test_the_users_own_study_is_served_over_dimse(data_dir: Path, studies: Path) -> None:
    with running(data_dir, "--folder", str(studies)) as demo:
        with httpx.Client(base_url=demo.url, headers=demo.authorization, timeout=60) as client:
            found = client.get("/dicom-web/studies").json()
            metadata = client.get(f"/dicom-web/studies/{CT_STUDY}/metadata").json()
            image = client.get(f"/dicom-web/studies/{CT_STUDY}", headers={"accept": "*/*"})
        assert [study["0020000D"]["Value"] for study in found] == [[CT_STUDY]]
        assert found[0]["00080054"]["Value"] == ["DEMO"]  # Retrieve AE Title: the archive was asked, not the folder
        assert metadata[0]["00280010"]["Value"] == [128]
        assert pydicom.dcmread(CT)["PixelData"].value[:1000] in image.content
    assert demo.process.returncode == 0


def test_the_viewer_opens_without_a_key_and_nothing_else_does(data_dir: Path, studies: Path) -> None:
    with running(data_dir, "--folder", str(studies)) as demo, httpx.Client(base_url=demo.url, timeout=60) as client:
        assert client.get("/dicom-web/studies").status_code == 401
        assert "<title>OHIF</title>" in client.get("/viewer/").text
        assert len(client.get("/dicom-web/studies").json()) == 1
        assert client.get("/api/v1/pacs").status_code == 401
        viewer_key = (data_dir / ".demo" / "viewer_key").read_text()
        administration = client.get("/api/v1/keys", headers={"authorization": f"Bearer {viewer_key}"})
        assert administration.status_code == 403


def test_the_key_stays_and_a_killed_demo_leaves_nothing_behind(data_dir: Path, studies: Path) -> None:
    with running(data_dir, "--folder", str(studies)) as first:
        first.process.kill()
        first.process.wait()
        wait_until_refused(first.url)
    with running(data_dir, "--folder", str(studies)) as second:
        assert second.key == first.key
        assert (data_dir / ".demo" / "api_key").stat().st_mode & 0o077 == 0


def wait_until_refused(url: str) -> None:
    async def refused() -> None:
        async with httpx.AsyncClient() as client, asyncio.timeout(60):
            while True:
                try:
                    await client.get(url)
                except httpx.TransportError:
                    return
                await asyncio.sleep(0.05)

    asyncio.run(refused())


def test_without_npm_and_folder_pydicoms_images_are_served_without_a_viewer() -> None:
    with TemporaryDirectory(prefix="radgate-") as empty, running(Path(empty), PATH="/nowhere") as demo:
        assert "apt-get install npm" in demo.text
        assert "/viewer/" not in demo.text
        assert httpx.get(f"{demo.url}/viewer/", timeout=60).status_code == 404
        found = httpx.get(f"{demo.url}/dicom-web/studies", headers=demo.authorization, timeout=60).json()
        assert CT_STUDY in [study["0020000D"]["Value"][0] for study in found]


def test_a_folder_without_images_is_one_clear_line(data_dir: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "radgate_server", "demo", "--folder", str(tmp_path)],
        env={**os.environ, "RADGATE_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode != 0
    assert "holds no DICOM instance" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_readmes_examples_print_something_on_the_demo(data_dir: Path, studies: Path, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (request,) = re.findall(r"^curl .*$", text, re.MULTILINE)
    with running(data_dir, "--folder", str(studies)) as demo:
        address = demo.url.removeprefix("http://")
        printed = [
            subprocess.run(
                [*command, example.replace("localhost:8080", address)],
                env={**os.environ, "KEY": demo.key, "NO_PROXY": "localhost"},
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            ).stdout
            for command, example in (((sys.executable, "-c"), program), (("sh", "-c"), request))
        ]
    assert "saved" in printed[0]
    assert list((tmp_path / "studies").rglob("*.dcm"))
    assert CT_STUDY in printed[1]
