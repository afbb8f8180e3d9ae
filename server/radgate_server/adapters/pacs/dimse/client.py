"""A PacsClient over DIMSE, put together from its roles."""

from datetime import datetime
from functools import partial

from radgate_server.adapters.pacs.destinations import ANYWHERE, Destinations
from radgate_server.adapters.pacs.dimse.association.credentials import Credentials
from radgate_server.adapters.pacs.dimse.association.opening import Associator
from radgate_server.adapters.pacs.dimse.association.pool import AssociationPool
from radgate_server.adapters.pacs.dimse.describe import DimseDescriber
from radgate_server.adapters.pacs.dimse.echo import DimseEcho
from radgate_server.adapters.pacs.dimse.find.query import DimseQuery
from radgate_server.adapters.pacs.dimse.retrieve.reader import DimseGetReader, DimseMoveReader, UnheardMoveReader
from radgate_server.adapters.pacs.dimse.storage_scp.scp import StorageScp
from radgate_server.adapters.pacs.dimse.store import DimseStore
from radgate_server.core.pacs.connections import DimseConnection, PacsConfig, RetrieveMethod
from radgate_server.core.pacs.ports import PacsClient, PacsReader
from radgate_server.core.secrets.ports import SecretReader
from radgate_server.core.secrets.secret import GivenSecrets
from radgate_server.core.telemetry.certificates import CertificateListener, CertificateUse, Use, ignore_certificate
from radgate_server.core.telemetry.observed_pacs import observed_pacs
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.settings.pacs import DimseSettings


def build_dimse_pacs(
    config: PacsConfig,
    *,
    settings: DimseSettings,
    storage_scp: StorageScp,
    telemetry: Telemetry,
    secrets: SecretReader | None = None,
    on_certificate: CertificateListener = ignore_certificate,
    destinations: Destinations = ANYWHERE,
    listens: bool = True,
) -> PacsClient:
    """Make a client of a PACS that speaks DIMSE; nothing is opened before its first use.

    `storage_scp` is shared by all PACS; start it before the first C-MOVE. `on_certificate` is notified of each
    certificate that is used or seen, in any thread. What C-MOVE asks for arrives elsewhere unless it `listens`.

    Raises:
        ConfigurationError: a certificate or key file of its TLS can't be used.
    """
    connection = config.connection
    if not isinstance(connection, DimseConnection):
        raise TypeError("not a DIMSE connection")

    def report_expiry(use: Use, expires: datetime) -> None:
        on_certificate(CertificateUse(use, "", config.tenant_id, config.name), expires)

    associator = Associator(config.name, connection, settings, report_expiry, destinations)
    credentials = Credentials(config.name, secrets or GivenSecrets(), connection.password, connection.certificate)
    report = partial(telemetry.pacs_associations, config.tenant_id, config.name)
    pool = AssociationPool(
        config.name,
        associator,
        connection.max_associations,
        settings,
        credentials,
        report,
        min_bytes_per_s=connection.min_bytes_per_second,
    )
    moves = connection.retrieve_method is RetrieveMethod.MOVE
    reader: PacsReader
    if moves and listens:
        reader = DimseMoveReader(config.name, pool, connection, storage_scp)
    else:
        reader = UnheardMoveReader(config.name) if moves else DimseGetReader(config.name, pool, connection)
    client = PacsClient(
        name=config.name,
        echo=DimseEcho(pool),
        query=DimseQuery(pool, connection.retrieve_method),
        reader=reader,
        store=DimseStore(pool),
        close=pool.close,
        describer=DimseDescriber(config.name, pool),
        hierarchical=True,
        arrives_elsewhere=moves and not listens,
    )
    return observed_pacs(client, config.tenant_id, telemetry)
