"""The Worklist port: C-FIND in the Modality Worklist Information Model (PS3.4 annex K)."""

from datetime import date, datetime

from radgate_server.adapters.pacs.destinations import ANYWHERE
from radgate_server.adapters.pacs.dimse.association.contexts import worklist_proposals
from radgate_server.adapters.pacs.dimse.association.credentials import Credentials
from radgate_server.adapters.pacs.dimse.association.opening import Associator
from radgate_server.adapters.pacs.dimse.association.pool import AssociationPool
from radgate_server.adapters.pacs.dimse.find.query import Finder
from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.pacs.connections import DimseConnection
from radgate_server.core.prefetch.worklist import RETURN_KEYS, START_DATE, STEPS, WorklistAnswer
from radgate_server.core.secrets.secret import NO_SECRET, GivenSecrets
from radgate_server.core.telemetry.certificates import Use
from radgate_server.settings.pacs import DimseSettings
from radgate_server.settings.shared.table import MIB

MAX_STEP_BYTES = MIB
"""A step whose data set is larger is not kept while it is received, and counts as one that can't be read."""


class DimseWorklist:
    """Worklist over DIMSE. Each look has an association of its own, which is released at once."""

    def __init__(self, pool: AssociationPool) -> None:
        self._pool = pool

    async def find_steps(self, first: date, last: date, *, max_results: int) -> WorklistAnswer:
        """Steps that are scheduled to start on these days; a server that does not stop at `max_results` is cut off."""
        malformed = 0

        def is_read(step: DicomJson) -> bool:
            nonlocal malformed
            malformed += not step
            return bool(step)

        keys = dict.fromkeys(RETURN_KEYS, "")
        keys[STEPS, START_DATE] = f"{first:%Y%m%d}-{last:%Y%m%d}"
        async with self._pool.lease(worklist_proposals()) as lease:
            finder = Finder(lease.exchange, takes=is_read, skips_malformed=True)
            found = await self._pool.run(lease.exchange, lambda: finder.ask_worklist(keys, max_results))
        return WorklistAnswer(found.matches, found.truncated, malformed)

    async def close(self) -> None:
        """Abort what is in progress."""
        await self._pool.close()


def build_dimse_worklist(name: str, connection: DimseConnection, settings: DimseSettings) -> DimseWorklist:
    """Make one; nothing is opened before its first use. An operator gave its host, so every address may be dialled.

    Raises:
        ConfigurationError: a certificate or key file of its TLS can't be used.
    """
    bounded = settings.model_copy(update={"max_instance_bytes": MAX_STEP_BYTES})
    associator = Associator(name, connection, bounded, _ignore_expiry, ANYWHERE)
    credentials = Credentials(name, GivenSecrets(), NO_SECRET, connection.certificate)
    return DimseWorklist(AssociationPool(name, associator, 1, bounded, credentials))


def _ignore_expiry(_use: Use, _expires: datetime) -> None:
    """Files are watched by themselves (app/monitoring.py)."""
