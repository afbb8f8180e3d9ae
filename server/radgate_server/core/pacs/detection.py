"""Finding out what a host speaks: what is tried, in which order, and what was found. Pure decisions."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from radgate_server.core.errors import (
    GatewayError,
    InvalidArgumentError,
    reason_of,
)
from radgate_server.core.networks import parse_host
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.kinds.checks import parse_ae_title
from radgate_server.core.pacs.kinds.kind import ConnectionKind, DetectTarget, Hint, Ladder, PacsConnection
from radgate_server.core.pacs.kinds.table import KINDS

MAX_CALLED_AETS = 32
_MAX_LISTED = 64


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


def ports_of(target: DetectTarget) -> tuple[int, ...]:
    """The ports to look at: the one that was given, else the usual ones of all kinds."""
    usual = (port for kind in KINDS.values() for port in kind.ports)
    return tuple(dict.fromkeys(usual)) if target.port is None else (target.port,)


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
    """What to try at one port, such as Orthanc's API and then roots of DICOMweb; and AE titles over DIMSE."""
    asked = replace(target, calling_aet=target.calling_aet or calling_aet)
    found: dict[str, Ladder] = {}
    for kind in _by_preference(KINDS):
        for name, candidates in kind.candidates(asked, port).items():
            found[name] = (*found.get(name, ()), *candidates)
    return tuple(found.values())


def continues_after(first: PacsConnection, outcome: Finding | GatewayError) -> bool:
    """Whether the others of a ladder can answer after the first one's outcome."""
    return KINDS[first.kind].continues_after(outcome if isinstance(outcome, GatewayError) else None)


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
    advised = hints(found, attempts) if complete else (*hints(found, attempts), _INCOMPLETE)
    return DetectionReport(found, tuple(attempts), advised, duration_ms)


def finding_of(connection: PacsConnection, capabilities: Capabilities, latency_ms: float, *notes: str) -> Finding:
    """What is suggested of a candidate that answered."""
    advised = replace(
        capabilities,
        vendor=_short(capabilities.vendor),
        version=_short(capabilities.version),
        charset=_short(capabilities.charset),
    )
    suggestion, more = connection.suggested(capabilities)
    return Finding(suggestion, advised, latency_ms, (*notes, *more))


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The best way first.

    Orthanc's own API reports most (changes, statistics) and hands files over as they are; DICOMweb has credentials and
    TLS, and needs no AE titles to be entered on both sides; DIMSE is what every PACS has. TLS goes before none.
    """
    return tuple(sorted(findings, key=_preference))


def suggest_names(findings: Sequence[Finding]) -> tuple[str, ...]:
    """A name for each, to be saved under: what it speaks, and a number from the second such on."""
    spoken = [finding.kind for finding in findings]
    counts = [spoken[: at + 1].count(kind) for at, kind in enumerate(spoken)]
    return tuple(kind if count == 1 else f"{kind}-{count}" for kind, count in zip(spoken, counts, strict=True))


def hints(findings: Sequence[Finding], attempts: Sequence[Attempt]) -> tuple[str, ...]:
    """What a person can do next."""
    advised = []

    if len(findings) > 1:
        ways = ", ".join(dict.fromkeys(finding.kind for finding in findings))
        advised.append(f"the host answers in {len(findings)} ways ({ways}): if they are one PACS, add the first only")
    advice = dict.fromkeys(hint for kind in KINDS.values() for hint in kind.hints)
    advised += [hint.text for hint in advice if _fits(hint, findings, attempts)]
    return tuple(advised) if findings or advised else (_NOTHING,)


def _fits(hint: Hint, findings: Sequence[Finding], attempts: Sequence[Attempt]) -> bool:
    failed = any(attempt.kind in hint.kinds and attempt.reason == hint.reason for attempt in attempts)
    return failed and not any(finding.kind in hint.kinds for finding in findings)


_INCOMPLETE = "not everything could be tried in time: detect again with a port"
_NOTHING = "nothing there speaks DICOM as far as can be seen: check host and port, and firewalls between"


def _attempt(candidate: PacsConnection, port: int, outcome: Finding | GatewayError) -> Attempt:
    if isinstance(outcome, Finding):
        return Attempt(candidate.kind, port, candidate.target, "", "a PACS answered")
    return Attempt(candidate.kind, port, candidate.target, reason_of(outcome), outcome.message)


def _same_server(candidate: PacsConnection, port: int) -> str:
    return f"{candidate.kind} {port} {candidate.server}"


def _short(text: str) -> str:
    """What a host says of itself, so that it can't say much: the report may go to one who must not read it."""
    return "".join(character for character in text if character.isprintable())[:_MAX_LISTED]


def _preference(finding: Finding) -> tuple[int, bool]:
    return KINDS[finding.kind].preference, not finding.connection.over_tls


def _by_preference(table: Mapping[str, ConnectionKind]) -> list[ConnectionKind]:
    return sorted(table.values(), key=lambda kind: kind.preference)
