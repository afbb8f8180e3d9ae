"""Status codes of answers (PS3.7 annex C, PS3.4 C.4 and B.2.3), and what they mean to the caller."""

from radgate_server.core.errors import PacsFailedError

SUCCESS = 0x0000
CANCELLED = 0xFE00
PENDING = frozenset((0xFF00, 0xFF01))
SUB_OPERATIONS_FAILED = 0xB000
REFUSED_OUT_OF_RESOURCES = 0xA700
NOT_AUTHORISED = 0x0124
DUPLICATE_INSTANCE = 0x0111
"""The PACS holds the instance already (PS3.7 C.5.10)."""
CANNOT_UNDERSTAND = 0xC000

_MEANINGS = {
    SUCCESS: "success",
    0x0110: "processing failure",
    0x0112: "no such SOP Instance",
    0x0122: "SOP Class not supported",
    0x0124: "not authorised",
    0x0211: "unrecognised operation",
    0xA700: "out of resources",
    0xA701: "out of resources, it can't count the matches",
    0xA702: "out of resources, it can't perform the sub-operations",
    0xA801: "it does not know this gateway's AE title, which must be entered there with address and port",
    CANCELLED: "cancelled, though nobody asked for that",
    0xA900: "the identifier does not match the SOP Class",
    SUB_OPERATIONS_FAILED: "sub-operations failed",
}
_RANGES = {0xA7: "out of resources", 0xA9: "data set does not match the SOP Class", 0xC: "it can't process the request"}


def is_unable_to_process(status: int) -> bool:
    """Whether the PACS says no more than that it can't (PS3.4 C.4.2.1.5, C.4.3.1.4)."""
    return status >> 12 == CANNOT_UNDERSTAND >> 12


def is_warning(status: int) -> bool:
    """Whether the operation was done, with a reservation (PS3.7 C.3)."""
    return status >> 12 == 0xB or status in (0x0001, 0x0107, 0x0116)


def failure(pacs: str, operation: str, status: int) -> PacsFailedError:
    """The error of a failure status; the PACS's own comment stays behind, as it may quote patients."""
    meaning = _MEANINGS.get(status) or _RANGES.get(status >> 8) or _RANGES.get(status >> 12) or "no known meaning"
    text = f"0x{status:04X}"
    return PacsFailedError(f"the PACS ended the {operation} with status {text}: {meaning}", pacs=pacs, status=text)
