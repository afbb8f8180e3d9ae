"""A PacsClient over Orthanc's REST API, put together from its roles."""

from radgate_server.adapters.pacs.destinations import ANYWHERE, Destinations
from radgate_server.adapters.pacs.http import build_http
from radgate_server.adapters.pacs.orthanc.changes import OrthancChanges
from radgate_server.adapters.pacs.orthanc.describe import OrthancDescriber
from radgate_server.adapters.pacs.orthanc.find import OrthancQuery
from radgate_server.adapters.pacs.orthanc.known_studies import KnownStudies
from radgate_server.adapters.pacs.orthanc.labels import LabelledStudies
from radgate_server.adapters.pacs.orthanc.rest import OrthancRest
from radgate_server.adapters.pacs.orthanc.retrieve import OrthancReader
from radgate_server.adapters.pacs.orthanc.store import OrthancStore
from radgate_server.core.pacs.connections import OrthancConnection, PacsConfig
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.secrets.ports import SecretReader
from radgate_server.core.telemetry.certificates import CertificateListener, ignore_certificate
from radgate_server.core.telemetry.observed_pacs import observed_pacs
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.settings.pacs import WebPacsSettings


def build_orthanc_pacs(
    config: PacsConfig,
    *,
    settings: WebPacsSettings,
    telemetry: Telemetry,
    secrets: SecretReader | None = None,
    on_certificate: CertificateListener = ignore_certificate,
    destinations: Destinations = ANYWHERE,
) -> PacsClient:
    """Make a client of an Orthanc; nothing is opened before its first use.

    Raises:
        ConfigurationError: a certificate or key file of its TLS can't be used.
    """
    connection = config.connection
    if not isinstance(connection, OrthancConnection):
        raise TypeError("not an Orthanc connection")
    http = build_http(config, connection, settings, secrets, on_certificate, destinations)
    rest, known = OrthancRest(http), KnownStudies()
    labelled = LabelledStudies(rest, connection.labels)
    query, describer = OrthancQuery(rest, known, labelled), OrthancDescriber(http)
    reader = OrthancReader(
        rest,
        query,
        known,
        labelled,
        at_once=connection.max_connections,
        max_instance_bytes=settings.max_instance_bytes,
    )
    client = PacsClient(
        name=config.name,
        echo=describer,
        query=query,
        reader=reader,
        store=OrthancStore(rest, labelled),
        close=http.close,
        describer=describer,
        changes=OrthancChanges(rest, known, labelled),
    )
    return observed_pacs(client, config.tenant_id, telemetry)
