"""What a PACS can do, as it was found out by asking it."""

from dataclasses import dataclass
from enum import StrEnum

from radgate_server.core.dicom.identifiers import QueryLevel


class RetrieveMethod(StrEnum):
    """How a DIMSE PACS hands over instances: on the same association (C-GET) or on one of its own (C-MOVE)."""

    GET = "get"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Empty fields mean that the protocol does not state it.

    `vendor` and `version` are in the PACS's own words. `transfer_syntax_uids` are those that it accepted or names.
    `retrieve_methods` concern DIMSE, `services` the web: "QIDO-RS", "WADO-RS", "WADO-URI", "STOW-RS", "changes".
    `charset` is the Specific Character Set of its answers.
    """

    vendor: str = ""
    version: str = ""
    transfer_syntax_uids: tuple[str, ...] = ()
    query_levels: tuple[QueryLevel, ...] = ()
    retrieve_methods: tuple[RetrieveMethod, ...] = ()
    services: tuple[str, ...] = ()
    charset: str = ""
    can_store: bool = False
