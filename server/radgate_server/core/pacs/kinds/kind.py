"""What a kind of PACS declares: its connection, which answers what others ask of it, and how it is detected."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from radgate_server.core.errors import GatewayError
from radgate_server.core.networks import Address
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.validation import Verdict
from radgate_server.core.secrets.secret import NO_SECRET, SecretSource

SECRET_FIELD = "password"  # noqa: S105 - a name
"""The field of a connection that holds its one secret, when it has one. It is stored sealed and never returned."""


class CertificateFiles(NamedTuple):
    """PEM files that a connection uses for TLS, "" for what it does not."""

    client: str = ""
    authorities: str = ""


class PacsConnection(ABC):
    """How a PACS is reached: a frozen dataclass that answers here what differs between the kinds.

    Its fields are what an administrator sets, `kind` distinguishes the kinds, and a field `password` of type
    SecretSource is its secret. What a kind does not override fits a local PACS, without network, TLS and secret.
    """

    __slots__ = ()

    kind: str

    @abstractmethod
    def checked(self) -> Self:
        """The connection, tidied, if every field is usable.

        Raises:
            InvalidArgumentError: naming the first field that is not, as "dimse.port".
        """

    @property
    @abstractmethod
    def endpoint(self) -> str:
        """What is shared with others who connect there, such as host and port; the same for all tenants."""

    @property
    @abstractmethod
    def place(self) -> tuple[str, ...]:
        """What distinguishes one archive from another; two PACS of the same place hold the same studies."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """Where the PACS is, in one word or two, for a person."""

    @property
    @abstractmethod
    def max_parallel(self) -> int:
        """How many operations the connection's own pool can serve at the same time."""

    @property
    def unusable(self) -> str:
        """Why it can't be connected in this installation, and what to do; "" when it can."""
        return ""

    @property
    def secret(self) -> SecretSource:
        """The connection's one secret, NO_SECRET when it has none."""
        secret: SecretSource = getattr(self, SECRET_FIELD, NO_SECRET)
        return secret

    def with_secret(self, secret: SecretSource) -> Self:
        """The connection with another secret; NO_SECRET takes it away. Unchanged where the kind has none."""
        if not hasattr(self, SECRET_FIELD):
            return self
        connection: Any = self  # a dataclass, which this base is not
        changed: Self = replace(connection, **{SECRET_FIELD: secret})
        return changed

    @property
    def uses_secret(self) -> bool:
        """Whether a secret has a use with these settings."""
        return hasattr(self, SECRET_FIELD)

    @property
    def secret_recipient(self) -> Mapping[str, object]:
        """To whom the secret is shown and how it is guarded on the way: field names and values.

        When one of them changes, the secret has to be given again.
        """
        return {}

    @property
    def certificate(self) -> SecretSource:
        """Where Radgate's certificate for the PACS is kept with its key, NO_SECRET when in files or nowhere."""
        return NO_SECRET

    @property
    def certificate_files(self) -> CertificateFiles:
        """The files of certificates whose expiry is watched."""
        return CertificateFiles()

    @property
    def over_tls(self) -> bool:
        """Whether the PACS shows a certificate when it is reached."""
        return False

    @property
    def reads_private_files(self) -> bool:
        """Whether it reads files of this machine, which may be another tenant's or none for tenants at all."""
        return False

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names and addresses that the connection leads to."""
        return ()

    def pinned(self, _address: Address) -> Self:
        """The connection led to the very address that was checked, where its protocol does without the name."""
        return self

    @property
    def target(self) -> str:
        """What of the connection is guessed in a detection, such as an AE title or an URL."""
        return ""

    @property
    def server(self) -> str:
        """Distinguishes the servers at one port: candidates that agree in it and answer are one PACS."""
        return ""

    def suggested(self, _found: Capabilities) -> tuple[Self, tuple[str, ...]]:
        """What to add once it has answered, and what a person is to mind of it."""
        return self, ()

    def judge_retrieval(self, _found: Capabilities | None) -> Verdict | None:
        """Whether instances can be retrieved, judged by what the PACS can do; None: try it with one."""
        return None


@dataclass(frozen=True, slots=True)
class DetectTarget:
    """Where to look.

    Without a port, those of all kinds. `called_aets` are tried instead of the usual ones; `calling_aet` "" is this
    gateway's own. The credentials are for the web: user and password, or a bearer token when there is no user.
    """

    host: str
    port: int | None = None
    called_aets: tuple[str, ...] = ()
    calling_aet: str = ""
    username: str = ""
    secret: SecretSource = NO_SECRET


type Ladder = tuple[PacsConnection, ...]
"""Candidates that differ in one thing. The first one is tried alone: see `ConnectionKind.goes_on`."""


class Hint(NamedTuple):
    """Advice for when attempts of these kinds ended for the reason, and nothing of the kinds answered."""

    kinds: tuple[str, ...]
    reason: str
    text: str


def no_candidates(_target: DetectTarget, _port: int) -> Mapping[str, Ladder]:
    """Of a kind that can't be detected."""
    return {}


def always(_failure: GatewayError | None) -> bool:
    """Try the other candidates whatever became of the first."""
    return True


@dataclass(frozen=True, slots=True)
class ConnectionKind:
    """What there is to know of a kind of PACS before one is connected.

    `title` completes "Add ..." for a person: "a PACS that speaks DIMSE". `preference`: of several findings the lowest
    goes first. A detection looks at the `ports` of all kinds. `candidates` are what is tried at one port, by the name
    of the ladder; kinds that share a ladder are tried in the order of their preference. `continues_after` says, of the
    failure of a ladder's first candidate (None: it answered), whether the others can answer.
    """

    connection: type[PacsConnection]
    name: str
    title: str
    preference: int = 100
    ports: tuple[int, ...] = ()
    candidates: Callable[[DetectTarget, int], Mapping[str, Ladder]] = no_candidates
    continues_after: Callable[[GatewayError | None], bool] = always
    hints: tuple[Hint, ...] = ()
