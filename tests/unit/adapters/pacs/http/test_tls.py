from pathlib import Path

import pytest

from radgate_server.adapters.pacs.dicomweb import build_dicomweb_pacs
from radgate_server.core.errors import ConfigurationError, SecretUnavailableError
from radgate_server.core.pacs.connections import DicomWebConnection, HttpAuth, HttpAuthMethod, HttpTls
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.secrets.secret import Secret
from radgate_server.settings.pacs import WebPacsSettings
from tests.conformance.pacs_suite import config_of
from tests.fakes.telemetry import RecordingTelemetry


@pytest.mark.parametrize("url", ["https://pacs.example/rs", "http://pacs.example/rs"])
@pytest.mark.parametrize("content", [None, "no PEM"])
def test_files_that_can_not_be_used_are_reported_before_anything_is_opened(
    tmp_path: Path, url: str, content: str | None
) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)
    for tls in (HttpTls(ca_file=str(path)), HttpTls(certificate_file=str(path), private_key_file=str(path))):
        with pytest.raises(ConfigurationError) as caught:
            build(DicomWebConnection(url, tls=tls))
        assert str(tmp_path) not in str(caught.value)


async def test_a_key_that_no_header_can_hold() -> None:
    auth = HttpAuth(HttpAuthMethod.API_KEY, header="X-Key")
    client = build(DicomWebConnection("http://pacs.example", auth=auth, password=Secret("a\r\nb")))
    with pytest.raises(SecretUnavailableError) as caught:
        await client.echo.echo()
    assert "a\r\nb" not in str(caught.value)
    await client.close()


def build(connection: DicomWebConnection) -> PacsClient:
    return build_dicomweb_pacs(config_of(connection), settings=WebPacsSettings(), telemetry=RecordingTelemetry())
