import pytest

from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    FolderConnection,
    HttpAuth,
    HttpAuthMethod,
    OrthancConnection,
    PacsConnection,
)

_BY_TOKEN = HttpAuth(HttpAuthMethod.OAUTH2, "radgate", token_url="https://tokens.example/token")


@pytest.mark.parametrize(
    ("connection", "endpoint"),
    [
        (DimseConnection("PACS.example", 104, "ARCHIVE", "RADGATE"), "pacs.example:104"),
        (FolderConnection("/images"), "/images"),
        (DicomWebConnection("https://pacs.example/dicom-web"), "pacs.example:443"),
        (DicomWebConnection("https://pacs.example:443/other"), "pacs.example:443"),
        (OrthancConnection("http://Pacs.example"), "pacs.example:80"),
        (DicomWebConnection("http://pacs", wado_uri_url="http://pacs/wado"), "pacs:80"),
        (DicomWebConnection("http://pacs", wado_uri_url="http://slow.example/wado"), "pacs:80 slow.example:80"),
        (OrthancConnection("http://pacs", auth=_BY_TOKEN), "pacs:80 tokens.example:443"),
        (OrthancConnection("http://[::1]:8042"), "::1:8042"),
    ],
)
def test_whoever_reaches_the_same_server_shares_its_endpoint(connection: PacsConnection, endpoint: str) -> None:
    assert connection.endpoint == endpoint


def test_a_pool_says_how_much_it_can_do_at_the_same_time() -> None:
    assert DimseConnection("pacs", 104, "A", "B", max_associations=3).max_parallel == 3
    assert OrthancConnection("http://pacs", max_connections=5).max_parallel == 5
    assert DicomWebConnection("http://pacs", max_connections=6).max_parallel == 6
    assert FolderConnection("/images").max_parallel > 10_000
