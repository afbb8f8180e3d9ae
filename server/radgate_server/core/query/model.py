"""A query in the protocol-free words of PS3.4 C.2.2 and its answer in the DICOM JSON model (PS3.18 annex F)."""

from dataclasses import dataclass

from radgate_server.core.dicom.data_sets import DicomJson, TagPath
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.dicom.phi import Phi


@dataclass(frozen=True, slots=True, init=False)
class MatchingKey:
    r"""One attribute and the value that it must match, in the syntax of PS3.4 C.2.2.2 with `\` between UIDs."""

    path: TagPath
    value: Phi[str]

    def __init__(self, path: TagPath, value: str | Phi[str]) -> None:
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "value", value if isinstance(value, Phi) else Phi(value))


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for. `keys` are in canonical order, so that equal queries are equal and hash alike.

    `include` lists attributes to return besides the level's own; `include_all` asks for everything that the PACS has,
    `only_included` for nothing but `include` and the unique keys: many PACS open each file for what they do not index.
    `with_version` asks for the version of each study too, where the PACS keeps one.
    `listing` says that it lists what a retrieve is to bring; at a busy PACS searches go before it.
    Keys above the level (PatientName at SERIES level) are allowed; adapters whose protocol is hierarchical walk down.
    """

    level: QueryLevel
    keys: tuple[MatchingKey, ...] = ()
    include: tuple[TagPath, ...] = ()
    include_all: bool = False
    fuzzy_matching: bool = False
    only_included: bool = False
    listing: bool = False
    with_version: bool = False

    def value_of(self, tag: str) -> str:
        """The value asked for at the top-level attribute, "" when it is not a key."""
        return next((key.value.reveal() for key in self.keys if key.path == (tag,)), "")


@dataclass(frozen=True, slots=True)
class FindResult:
    """What one PACS answered. `truncated` when there is more than was asked for at most.

    `exact`: the adapter has matched all keys itself. `shown` are paths of keys for which the PACS returned a value,
    be it in a match that the adapter left out. Below `malformed` entities nothing could be looked for: they had no UID.
    `member` is the PACS of a failover group that answered, "" when there is no group. `version` is of the studies that
    match, and differs once anything in them does; "" when the PACS keeps none, or was not asked for it.
    """

    matches: tuple[DicomJson, ...]
    truncated: bool = False
    fuzzy_matching_ignored: bool = False
    exact: bool = False
    shown: frozenset[TagPath] = frozenset()
    malformed: int = 0
    member: str = ""
    version: str = ""
