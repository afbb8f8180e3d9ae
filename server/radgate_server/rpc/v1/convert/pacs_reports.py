"""What is found out about PACS, as messages: states, validations, transitions."""

from radgate.v1 import pacs_pb2 as messages
from radgate_server.core.pacs.failover import Transition, TransitionCause
from radgate_server.core.pacs.health import BreakerState, Health, OperationState, PacsStatus
from radgate_server.core.pacs.validation import Check, CheckOutcome, ValidationReport
from radgate_server.rpc.v1.convert.times import to_timestamp
from radgate_server.rpc.v1.enum_words import CHECK_KINDS, ERROR_REASONS, PACS_OPERATIONS

_HEALTH = {
    Health.UNKNOWN: messages.PACS_HEALTH_UNSPECIFIED,
    Health.UP: messages.PACS_HEALTH_UP,
    Health.DOWN: messages.PACS_HEALTH_DOWN,
}
_BREAKERS = {
    BreakerState.CLOSED: messages.BREAKER_STATE_CLOSED,
    BreakerState.OPEN: messages.BREAKER_STATE_OPEN,
    BreakerState.HALF_OPEN: messages.BREAKER_STATE_HALF_OPEN,
}
_OUTCOMES = {
    CheckOutcome.PASSED: messages.CHECK_OUTCOME_PASSED,
    CheckOutcome.WARNING: messages.CHECK_OUTCOME_WARNING,
    CheckOutcome.FAILED: messages.CHECK_OUTCOME_FAILED,
    CheckOutcome.SKIPPED: messages.CHECK_OUTCOME_SKIPPED,
}
_CAUSES = {
    TransitionCause.AUTOMATIC_FAILOVER: messages.TRANSITION_CAUSE_AUTOMATIC_FAILOVER,
    TransitionCause.MANUAL_FAILOVER: messages.TRANSITION_CAUSE_MANUAL_FAILOVER,
    TransitionCause.AUTOMATIC_FAILBACK: messages.TRANSITION_CAUSE_AUTOMATIC_FAILBACK,
    TransitionCause.MANUAL_FAILBACK: messages.TRANSITION_CAUSE_MANUAL_FAILBACK,
}


def to_state(status: PacsStatus) -> messages.PacsState:
    """Render how a PACS is doing."""
    return messages.PacsState(
        time=to_timestamp(status.time),
        health=_HEALTH[status.health],
        latency_ms=status.latency_ms,
        reason=ERROR_REASONS.number(status.reason),
        operations=map(_to_operation, status.operations),
    )


def to_report(report: ValidationReport) -> messages.ValidationReport:
    """Render a validation."""
    return messages.ValidationReport(
        time=to_timestamp(report.time), passed=report.passed, checks=map(_to_check, report.checks)
    )


def to_transition(transition: Transition) -> messages.PacsTransition:
    """Render a change of the active PACS."""
    return messages.PacsTransition(
        time=to_timestamp(transition.time),
        primary_pacs=transition.primary,
        from_pacs=transition.from_pacs,
        to_pacs=transition.to_pacs,
        cause=_CAUSES[transition.cause],
        reason=transition.reason,
    )


def _to_operation(state: OperationState) -> messages.OperationState:
    return messages.OperationState(
        operation=PACS_OPERATIONS.number(state.operation),
        breaker=_BREAKERS[state.breaker],
        consecutive_failures=state.consecutive_failures,
    )


def _to_check(check: Check) -> messages.ValidationCheck:
    return messages.ValidationCheck(
        kind=CHECK_KINDS.number(check.name),
        outcome=_OUTCOMES[check.outcome],
        message=check.message,
        duration_ms=check.duration_ms,
    )
