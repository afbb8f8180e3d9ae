"""wsidicom, a reader of whole slides, over the gateway's DICOMweb: regions of each level, as stored and transcoded."""

from collections.abc import Iterator

import numpy as np
import pytest
import requests
from wsidicom import WsiDicom, WsiDicomWebClient

from radgate_server.core.pacs import FolderConnection
from radgate_server.core.transfer_syntaxes import (
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_LOSSLESS_SV1,
    TRANSFER_SYNTAXES,
)
from tests.e2e.radgate_process import RadgateProcess
from tests.fakes.instances import encode
from tests.fakes.slide import LEVELS, SERIES, STUDY, Picture, picture, slide

# wsidicom reads no value of Pixel Data, and pydicom warns that it was given no way to.
pytestmark = pytest.mark.filterwarnings("ignore:No bulk data URI handler:UserWarning")

TENANT = "pathology"
SYNTAXES = (JPEG_BASELINE, JPEG_2000_LOSSLESS, JPEG_2000, JPEG_LOSSLESS_SV1)
"""What wsidicom decodes of colour with subsampled chroma."""
ROUNDING = 1
LOSSY_MEAN = 3
"""Levels, of 256, that JPEG of the tiles changes in the mean."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WsiDicomWebClient]:
    folder = tmp_path_factory.mktemp("slide")
    for number, dataset in enumerate(slide()):
        (folder / f"{number}.dcm").write_bytes(encode(dataset))
    radgate = RadgateProcess(tmp_path_factory.mktemp("radgate"))
    with radgate.tenant(TENANT, FolderConnection(str(folder))), requests.Session() as session:
        session.headers["authorization"] = f"Bearer {radgate.keys[TENANT]}"
        session.trust_env = False
        yield WsiDicomWebClient.create_client(f"{radgate.url}/dicom-web", auth=session)


def regions(client: WsiDicomWebClient, syntax: str | None) -> list[Picture]:
    """Of each level, all but its rim, so that no region begins where a tile does."""
    with WsiDicom.open_web(client, STUDY, SERIES, requested_transfer_syntax=syntax) as wsi:
        assert len(wsi.pyramids[0]) == LEVELS
        return [
            np.asarray(wsi.read_region((10, 20), level, (columns - 30, rows - 40)).convert("RGB")).astype(int)
            for level in range(LEVELS)
            for rows, columns, _ in [picture(level).shape]
        ]


def test_regions_are_as_they_were_stored(client: WsiDicomWebClient) -> None:
    for level, region in enumerate(regions(client, None)):
        assert np.abs(region - picture(level)[20:-20, 10:-20]).mean() < LOSSY_MEAN


@pytest.mark.parametrize("syntax", SYNTAXES, ids=[TRANSFER_SYNTAXES[syntax].name for syntax in SYNTAXES])
def test_regions_are_the_same_in_every_syntax(client: WsiDicomWebClient, syntax: str) -> None:
    for stored, region in zip(regions(client, None), regions(client, syntax), strict=True):
        difference = np.abs(region - stored)
        if syntax == JPEG_2000:
            assert difference.mean() < LOSSY_MEAN
        else:
            assert difference.max() <= ROUNDING
