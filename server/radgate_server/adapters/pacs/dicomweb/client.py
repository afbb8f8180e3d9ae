"""A PacsClient over DICOMweb, put together from its roles."""

from radgate_server.adapters.pacs.destinations import ANYWHERE, Destinations
from radgate_server.adapters.pacs.dicomweb.describe import DicomWebDescriber
from radgate_server.adapters.pacs.dicomweb.echo import DicomWebEcho
from radgate_server.adapters.pacs.dicomweb.query import DicomWebQuery
from radgate_server.adapters.pacs.dicomweb.reader import DicomWebReader
from radgate_server.adapters.pacs.dicomweb.store import DicomWebStore
from radgate_server.adapters.pacs.http import build_http
from radgate_server.core.pacs.connections import DicomWebConnection, PacsConfig
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.secrets.ports import SecretReader
from radgate_server.core.telemetry.certificates import CertificateListener, ignore_certificate
from radgate_server.core.telemetry.observed_pacs import observed_pacs
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.settings.pacs import WebPacsSettings


def build_dicomweb_pacs(
    config: PacsConfig,
    *,
    settings: WebPacsSettings,
    telemetry: Telemetry,
    secrets: SecretReader | None = None,
    on_certificate: CertificateListener = ignore_certificate,
    destinations: Destinations = ANYWHERE,
) -> PacsClient:
    """Make a client of a PACS that speaks DICOMweb; nothing is opened before its first use.

    Raises:
        ConfigurationError: a certificate or key file of its TLS, or its secret, can't be used.
    """
    connection = config.connection
    if not isinstance(connection, DicomWebConnection):
        raise TypeError("not a DICOMweb connection")
    http = build_http(config, connection, settings, secrets, on_certificate, destinations)
    client = PacsClient(
        name=config.name,
        echo=DicomWebEcho(http),
        query=DicomWebQuery(http),
        reader=DicomWebReader(http, connection.wado_uri_url, max_instance_bytes=settings.max_instance_bytes),
        store=DicomWebStore(http),
        close=http.close,
        describer=DicomWebDescriber(http, connection.wado_uri_url),
    )
    return observed_pacs(client, config.tenant_id, telemetry)
