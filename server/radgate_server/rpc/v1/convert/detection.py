"""Between the messages of DetectPacs and the words of the core."""

from radgate.v1 import admin_service_pb2 as messages
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.detection import Attempt, DetectionReport, Finding, suggest_names
from radgate_server.core.pacs.kinds.kind import DetectTarget
from radgate_server.rpc.v1.convert.connections import RETRIEVE_METHODS_OUT, put_connection
from radgate_server.rpc.v1.convert.kinds.extension import EXTENSION
from radgate_server.rpc.v1.convert.kinds.secrets import from_secret
from radgate_server.rpc.v1.enum_words import DETECT_KINDS, ERROR_REASONS, QUERY_LEVELS, WEB_SERVICES


def from_detect_request(request: messages.DetectPacsRequest) -> DetectTarget:
    """Read where to look. Whether that is usable, `check_target` says.

    Raises:
        InvalidArgumentError: the reference to a secret is none.
    """
    return DetectTarget(
        host=request.endpoint,
        port=request.port or None,
        called_aets=tuple(request.called_aets),
        calling_aet=request.calling_aet,
        username=request.username,
        secret=from_secret(request.secret, request.secret_ref, "secret_ref"),
    )


def to_detect_response(report: DetectionReport) -> messages.DetectPacsResponse:
    """Render what was found; the credentials that were used stay here."""
    names = suggest_names(report.findings)
    return messages.DetectPacsResponse(
        findings=map(_to_finding, names, report.findings),
        attempts=map(_to_attempt, report.attempts),
        hints=report.hints,
        duration_ms=report.duration_ms,
    )


def _to_finding(name: str, finding: Finding) -> messages.PacsFinding:
    pacs = messages.Pacs(name=name)
    put_connection(pacs, finding.connection)
    return messages.PacsFinding(
        pacs=pacs,
        capabilities=_to_capabilities(finding.capabilities),
        latency_ms=finding.latency_ms,
        notes=finding.notes,
    )


def _to_capabilities(found: Capabilities) -> messages.PacsCapabilities:
    return messages.PacsCapabilities(
        vendor=found.vendor,
        version=found.version,
        transfer_syntax_uids=found.transfer_syntax_uids,
        query_levels=[QUERY_LEVELS.number(level.value) for level in found.query_levels],
        retrieve_methods=[RETRIEVE_METHODS_OUT[method] for method in found.retrieve_methods],
        services=[WEB_SERVICES.number(service) for service in found.services],
        charset=found.charset,
        can_store=found.can_store,
    )


def _to_attempt(attempt: Attempt) -> messages.DetectAttempt:
    of_extension = attempt.kind not in DETECT_KINDS.numbers
    return messages.DetectAttempt(
        kind=DETECT_KINDS.number(EXTENSION if of_extension else attempt.kind),
        extension_kind=attempt.kind if of_extension else "",
        port=attempt.port,
        target=attempt.target,
        reason=ERROR_REASONS.number(attempt.reason),
        message=attempt.message,
    )
