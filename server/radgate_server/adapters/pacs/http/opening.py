"""The way to a PACS that is configured."""

from functools import partial

from radgate_server.adapters.pacs.destinations import Destinations
from radgate_server.adapters.pacs.http.client import PacsHttp
from radgate_server.core.pacs.connections import HttpConnection, PacsConfig
from radgate_server.core.secrets.ports import SecretReader
from radgate_server.core.secrets.secret import GivenSecrets
from radgate_server.core.telemetry.certificates import CertificateListener, CertificateUse, Use
from radgate_server.settings.pacs import WebPacsSettings


def build_http(
    config: PacsConfig,
    connection: HttpConnection,
    settings: WebPacsSettings,
    secrets: SecretReader | None,
    on_certificate: CertificateListener,
    destinations: Destinations,
) -> PacsHttp:
    """Open nothing yet; `on_certificate` receives what the PACS shows. `secrets` is None when they stand in `config`.

    All that it leads to, token endpoints too, is dialled only where `destinations` allow.

    Raises:
        ConfigurationError: a certificate or key file of its TLS can't be used.
    """
    seen = CertificateUse(Use.PACS_SERVER, "", config.tenant_id, config.name)
    return PacsHttp(
        config.name,
        connection,
        settings,
        secrets=secrets or GivenSecrets(),
        on_certificate=partial(on_certificate, seen),
        destinations=destinations,
    )
