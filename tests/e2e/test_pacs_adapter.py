"""A PACS whose adapter is another package, behind the gateway: added over REST, searched, retrieved from."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from radgate_server.core.access.tenancy import Role
from radgate_server.core.pacs.connections import FolderConnection
from tests.e2e.radgate_process import RadgateProcess
from tests.extension.installing import install_toy
from tests.extension.toy_archive import ToyArchive
from tests.fakes.instances import make_dataset

STUDY, SECRET = "2.25.7077", "correct-horse"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RadgateProcess]:
    site, folder = tmp_path / "site", tmp_path / "images"
    site.mkdir()
    folder.mkdir()
    install_toy(site)
    settings = {"PYTHONPATH": str(site), "RADGATE_PACS__ALLOWED_NETWORKS": '["127.0.0.0/8"]'}
    with RadgateProcess(tmp_path, settings).tenant("east", FolderConnection(str(folder)), Role.ADMIN) as server:
        yield server


def test_it_is_added_over_rest_and_gives_its_instances(server: RadgateProcess) -> None:
    instance = make_dataset(STUDY, f"{STUDY}.1", f"{STUDY}.1.1")
    with ToyArchive([instance], SECRET) as archive, server.client("east") as web:
        extension = {"kind": "toy", "settings": {"host": "127.0.0.1", "port": archive.port}, "password": SECRET}

        def add(**changed: object) -> httpx.Response:
            return web.post("/api/v1/pacs", json={"name": "toys", "extension": {**extension, **changed}})

        misspelt = add(settings={"hots": "127.0.0.1"})
        assert (misspelt.status_code, misspelt.json()["message"]) == (
            400,
            "extension.settings.hots: is unknown; the nearest is host",
        )
        misplaced = add(pasword=SECRET)
        assert misplaced.status_code == 400, misplaced.text
        assert misplaced.json()["message"] == "extension.pasword: there is no such field; the nearest is password"
        added = add()
        assert added.status_code == 201, added.text
        assert added.json()["pacs"]["extension"] == {
            "kind": "toy",
            "settings": {"host": "127.0.0.1", "port": archive.port, "tls": False, "ca_file": ""},
            "password": "",
            "passwordRef": "",
        }
        (study,) = web.get(f"/dicom-web/studies?StudyInstanceUID={STUDY}").json()
        assert study["0020000D"]["Value"] == [STUDY]
        frame = web.get(
            f"/dicom-web/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1/frames/1",
            headers={"accept": 'multipart/related; type="application/octet-stream"'},
        )
        assert (frame.status_code, instance.PixelData in frame.content) == (200, True)
    assert SECRET not in server.log_file.read_text(encoding="utf-8")
