"""The hospital of the end-to-end tests: an Orthanc with several studies, and Radgate in front of it."""

from collections.abc import Iterator

import httpx
import pytest

from radgate_server.core.pacs.connections import FolderConnection
from tests.cluster.cluster import running_cluster
from tests.e2e.colour_files import COLOUR, colour_files
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.studies import EAST, WEST, WEST_FILE, Original, all_studies, large_studies, path_of, store
from tests.fakes.instances import encode
from tests.integration.orthanc import OrthancServer

FOLDER = "tests/e2e"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--cluster`, leave out what starts servers of its own, or looks into one process."""
    if not config.getoption("cluster"):
        return
    called = [item for item in items if _calls_the_shared_server(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in called])
    items[:] = called


def _calls_the_shared_server(item: pytest.Item) -> bool:
    definitions = item._fixtureinfo.name2fixturedefs.get("radgate", ()) if isinstance(item, pytest.Function) else ()
    shared = any(definition.baseid == FOLDER for definition in definitions[-1:])
    return shared and item.get_closest_marker("one_process") is None


@pytest.fixture(scope="session")
def originals() -> list[Original]:
    """What the archive holds."""
    return all_studies()


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory, originals: list[Original]) -> Iterator[OrthancServer]:
    """The archive of tenant "east"."""
    with OrthancServer(tmp_path_factory.mktemp("orthanc")) as server:
        store(server, originals)
        yield server


@pytest.fixture(scope="session")
def radgate(
    tmp_path_factory: pytest.TempPathFactory, orthanc: OrthancServer, pytestconfig: pytest.Config
) -> Iterator[RadgateProcess]:
    """A running server with a tenant in front of Orthanc and another in front of a folder.

    With `--cluster` it is the one whose Envoy stands before four of them.
    """
    west = tmp_path_factory.mktemp("west")
    (west / "dose.dcm").symlink_to(path_of(WEST_FILE))

    def prepare(server: RadgateProcess) -> RadgateProcess:
        return server.tenant(EAST, dimse(orthanc)).tenant(WEST, FolderConnection(str(west)))

    settings = {"RADGATE_TELEMETRY__LOG_LEVEL": "DEBUG", "RADGATE_CACHE__ACCESS_HISTORY_INTERVAL_S": "0.5"}
    folder = tmp_path_factory.mktemp("radgate")
    if pytestconfig.getoption("cluster"):
        with running_cluster(folder, orthanc, prepare, settings) as cluster:
            yield cluster.front
    else:
        with prepare(RadgateProcess(folder, settings)) as server:
            yield server


@pytest.fixture(scope="session")
def large_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """An archive with a mammogram and a CT of two series, uncompressed."""
    with OrthancServer(tmp_path_factory.mktemp("large")) as server:
        store(server, large_studies())
        yield server


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory, large_archive: OrthancServer) -> Iterator[RadgateProcess]:
    """A running server in front of it, which viewers may call from anywhere."""
    settings = {"RADGATE_GATEWAY__ALLOWED_ORIGINS": '["*"]'}
    with RadgateProcess(tmp_path_factory.mktemp("radgate"), settings).tenant(EAST, dimse(large_archive)) as server:
        yield server


@pytest.fixture
def east(radgate: RadgateProcess) -> Iterator[httpx.Client]:
    """The gateway as a viewer of tenant "east" sees it."""
    with radgate.client(EAST) as client:
        yield client


@pytest.fixture(scope="session")
def colour_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadgateProcess]:
    """A running server in front of a folder of images in every colour, which viewers may call from anywhere."""
    folder = tmp_path_factory.mktemp("colour")
    for number, file in enumerate(colour_files()):
        (folder / f"{number}.dcm").write_bytes(encode(file.dataset))
    settings = {"RADGATE_GATEWAY__ALLOWED_ORIGINS": '["*"]'}
    process = RadgateProcess(tmp_path_factory.mktemp("radgate"), settings)
    with process.tenant(COLOUR, FolderConnection(str(folder))):
        yield process


@pytest.fixture(scope="session")
def colour_client(colour_server: RadgateProcess) -> Iterator[httpx.Client]:
    """The gateway of that tenant as a viewer sees it."""
    with colour_server.client(COLOUR) as client:
        yield client
