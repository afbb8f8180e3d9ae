"""Finding out what a host speaks: what is tried, in which order, and what was found. Pure decisions."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import urlsplit

from radgate_server.core.errors import (
    GatewayError,
    InvalidArgumentError,
    PacsAbortedError,
    PacsRejectedError,
    PacsTimeoutError,
    PacsUnreachableError,
    reason_of,
)
from radgate_server.core.networks import parse_host
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.connection_checks import parse_ae_title
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    HttpAuth,
    HttpAuthMethod,
    OrthancConnection,
    PacsConnection,
    RetrieveMethod,
)
from radgate_server.core.secrets.secret import NO_SECRET, SecretSource

USUAL_PORTS = (104, 11112, 4242, 8042, 80, 443, 8080)
"""DICOM's registered ports, Orthanc's two, and the web's."""

USUAL_AE_TITLES = (
    *("ANY-SCP", "ORTHANC", "DCM4CHEE", "DCMQRSCP", "ARCHIVE", "PACS", "STORESCP", "RADGATE"),
    *("QRSCP", "CONQUESTSRV1", "DICOM", "SERVER"),
)

DICOMWEB_ROOTS = (
    *("/dicom-web", "/dicomweb", "/dcm4chee-arc/aets/DCM4CHEE/rs", "/wado-rs", "/rs", "/api/dicom-web"),
    *("/dicom-web/v1", "/pacs/dicom-web", ""),
)
"""Where DICOMweb servers have their root as delivered: Orthanc, dcm4chee-arc, and others; last the server's own."""

MAX_CALLED_AETS = 32
_MAX_TOLD = 64

_PREFERENCE = ("orthanc", "dicomweb", "dimse")
_NOT_SPOKEN = (PacsUnreachableError, PacsTimeoutError, PacsAbortedError)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class DetectTarget:
    """Where to look.

    Without a port, USUAL_PORTS. `called_aets` are tried instead of the usual ones; `calling_aet` "" is this gateway's
    own. The credentials are for the web: user and password, or a bearer token when there is no user.
    """

    host: str
    port: int | None = None
    called_aets: tuple[str, ...] = ()
    calling_aet: str = ""
    username: str = ""
    secret: SecretSource = NO_SECRET

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports to look at."""
        return USUAL_PORTS if self.port is None else (self.port,)

    @property
    def auth(self) -> HttpAuth:
        """How its credentials are shown to a web server."""
        if not self.secret:
            return HttpAuth()
        method = HttpAuthMethod.BASIC if self.username else HttpAuthMethod.BEARER
        return HttpAuth(method, username=self.username)


@dataclass(frozen=True, slots=True)
class Finding:
    """A PACS that answered. `connection` is ready to be saved, once its secret is given; `notes` say what to mind."""

    connection: PacsConnection
    capabilities: Capabilities
    latency_ms: float
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What it speaks: "orthanc", "dicomweb" or "dimse"."""
        return self.connection.kind


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing that was tried.

    `kind` is that of a connection, or "tcp" for the port itself. `target` is an URL, a called AE title, or "". `reason`
    is the failure's name in the error catalogue, "" when a PACS answered; `message` says it for a person.
    """

    kind: str
    port: int
    target: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class DetectionReport:
    """What was found, the one to prefer first, and all that was tried. `hints` say what a person can do next."""

    findings: tuple[Finding, ...]
    attempts: tuple[Attempt, ...]
    hints: tuple[str, ...]
    duration_ms: float


type Ladder = tuple[PacsConnection, ...]
"""Candidates that differ in one thing. The first one is tried alone: see `goes_on`."""


def check_target(target: DetectTarget) -> DetectTarget:
    """Return the target, its AE titles stripped, if all its fields are usable.

    Raises:
        InvalidArgumentError: naming the first that is not.
    """
    parse_host(target.host, "host")
    if target.port is not None and not 1 <= target.port <= 65535:
        raise InvalidArgumentError("port", "must be from 1 to 65535, or left out to try the usual ones")
    if len(target.called_aets) > MAX_CALLED_AETS:
        raise InvalidArgumentError("called_aets", f"at most {MAX_CALLED_AETS}")
    if target.username and not target.secret:
        raise InvalidArgumentError("secret", "must be given with a user")
    called_aets = tuple(parse_ae_title(title, "called_aets") for title in target.called_aets)
    calling_aet = parse_ae_title(target.calling_aet, "calling_aet") if target.calling_aet else ""
    return replace(target, called_aets=tuple(dict.fromkeys(called_aets)), calling_aet=calling_aet)


def ladders(target: DetectTarget, port: int, calling_aet: str) -> tuple[Ladder, ...]:
    """What to try at one port: HTTPS and HTTP, Orthanc's API first and then roots of DICOMweb, and DIMSE."""
    aets = target.called_aets or USUAL_AE_TITLES
    dimse = tuple(DimseConnection(target.host, port, aet, target.calling_aet or calling_aet) for aet in aets)
    return _web_ladder(target, "https", port), _web_ladder(target, "http", port), dimse


def goes_on(first: PacsConnection, outcome: Finding | GatewayError) -> bool:
    """Whether the others of a ladder can answer after the first one's outcome.

    Over DIMSE another AE title helps only if this one was not recognised. On the web another path helps whenever
    HTTP is spoken: an Orthanc has DICOMweb too.
    """
    if isinstance(first, DimseConnection):
        return isinstance(outcome, PacsRejectedError) and outcome.details.get("rejection") != "calling-aet"
    return not isinstance(outcome, _NOT_SPOKEN)


def report_of(
    tried: Mapping[int, Sequence[Ladder]],
    outcomes: Mapping[PacsConnection, Finding | GatewayError],
    closed: Mapping[int, GatewayError],
    *,
    complete: bool,
    duration_ms: float,
) -> DetectionReport:
    """Put together what was found at the ports that answered, and what was wrong with those that are `closed`."""
    attempts = [Attempt("tcp", port, "", reason_of(error), error.message) for port, error in closed.items()]
    findings: dict[str, Finding] = {}
    for port, candidates in tried.items():
        for candidate in itertools.chain.from_iterable(candidates):
            outcome = outcomes.get(candidate)
            if isinstance(outcome, Finding):
                findings.setdefault(_same_server(candidate, port), outcome)
            if outcome is not None:
                attempts.append(_attempt(candidate, port, outcome))
    found = in_order(findings.values())
    told = hints(found, attempts) if complete else (*hints(found, attempts), _INCOMPLETE)
    return DetectionReport(found, tuple(attempts), told, duration_ms)


def finding_of(connection: PacsConnection, capabilities: Capabilities, latency_ms: float, *notes: str) -> Finding:
    """What is suggested of a candidate that answered: C-GET rather than C-MOVE where both go."""
    methods = capabilities.retrieve_methods
    told = replace(
        capabilities,
        vendor=_short(capabilities.vendor),
        version=_short(capabilities.version),
        charset=_short(capabilities.charset),
    )
    if isinstance(connection, DimseConnection) and methods and RetrieveMethod.GET not in methods:
        connection = replace(connection, retrieve_method=RetrieveMethod.MOVE)
        notes += ("retrieves by C-MOVE: the PACS must know this gateway's AE title, address and port",)
    return Finding(connection, told, latency_ms, notes)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The best way first.

    Orthanc's own API tells most (changes, statistics) and hands files over as they are; DICOMweb has credentials and
    TLS, and needs no AE titles to be entered on both sides; DIMSE is what every PACS has. TLS goes before none.
    """
    return tuple(sorted(findings, key=_preference))


def suggest_names(findings: Sequence[Finding]) -> tuple[str, ...]:
    """A name for each, to be saved under: what it speaks, and a number from the second such on."""
    kinds = [finding.kind for finding in findings]
    counts = [kinds[: at + 1].count(kind) for at, kind in enumerate(kinds)]
    return tuple(kind if count == 1 else f"{kind}-{count}" for kind, count in zip(kinds, counts, strict=True))


def hints(findings: Sequence[Finding], attempts: Sequence[Attempt]) -> tuple[str, ...]:
    """What a person can do next."""
    told = []
    kinds = tuple(dict.fromkeys(finding.kind for finding in findings))
    if len(findings) > 1:
        ways = ", ".join(kinds)
        told.append(f"the host answers in {len(findings)} ways ({ways}): if they are one PACS, add the first only")
    told += [hint.text for hint in _HINTS if hint.fits(findings, attempts)]
    return tuple(told) if findings or told else (_NOTHING,)


class _Hint(NamedTuple):
    """Advice for when attempts of these kinds ended for the reason, and nothing of the kinds answered."""

    kinds: tuple[str, ...]
    reason: str
    text: str

    def fits(self, findings: Sequence[Finding], attempts: Sequence[Attempt]) -> bool:
        failed = any(attempt.kind in self.kinds and attempt.reason == self.reason for attempt in attempts)
        return failed and not any(finding.kind in self.kinds for finding in findings)


_HINTS = (
    _Hint(
        kinds=("dimse",),
        reason="PACS_REJECTED",
        text="a PACS speaks DIMSE, but does not know this AE title: ask its administrator for the PACS's AE title, and"
        " to enter this gateway's",
    ),
    _Hint(
        kinds=("orthanc", "dicomweb"),
        reason="PACS_CREDENTIALS_REFUSED",
        text="a web server asks for credentials: detect again with user and password, or with a token",
    ),
)
_INCOMPLETE = "not everything could be tried in time: detect again with a port"
_NOTHING = "nothing there speaks DICOM as far as can be seen: check host and port, and firewalls between"


def _attempt(candidate: PacsConnection, port: int, outcome: Finding | GatewayError) -> Attempt:
    if isinstance(outcome, Finding):
        return Attempt(candidate.kind, port, _target_of(candidate), "", "a PACS answered")
    return Attempt(candidate.kind, port, _target_of(candidate), reason_of(outcome), outcome.message)


def _same_server(candidate: PacsConnection, port: int) -> str:
    """Several paths of one web server lead to the same PACS; several AE titles are several."""
    target = _target_of(candidate)
    return f"{candidate.kind} {port} {target if candidate.kind == 'dimse' else urlsplit(target).scheme}"


def _web_ladder(target: DetectTarget, scheme: str, port: int) -> Ladder:
    host = f"[{target.host}]" if ":" in target.host else target.host
    base = f"{scheme}://{host}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"
    auth, secret = target.auth, target.secret
    roots = (DicomWebConnection(base + root, auth=auth, password=secret) for root in DICOMWEB_ROOTS)
    return OrthancConnection(base, auth=auth, password=secret), *roots


def _short(text: str) -> str:
    """What a host says of itself, so that it can't say much: the report may go to one who must not read it."""
    return "".join(character for character in text if character.isprintable())[:_MAX_TOLD]


def _target_of(connection: PacsConnection) -> str:
    match connection:
        case DimseConnection(called_aet=called_aet):
            return called_aet
        case DicomWebConnection(url=url) | OrthancConnection(url=url):
            return url
        case _:
            return ""


def _preference(finding: Finding) -> tuple[int, bool]:
    return _PREFERENCE.index(finding.kind), not _target_of(finding.connection).startswith("https:")
